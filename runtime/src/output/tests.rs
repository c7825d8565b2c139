//! Tests of whole lines of output.

use btc_abi::{Encoding, Field, Manifest, Map, MapKind, Place, Reduce, Source};

use super::*;
use crate::Options;
use crate::options::Settings;

fn map(reduce: Reduce, key: Option<Encoding>) -> Map {
    Map {
        name: "@m".into(),
        symbol: "m".into(),
        kind: MapKind::Hash,
        short_key: None,
        multi_key: matches!(key, Some(Encoding::Tuple(_))),
        key,
        value: Encoding::Int { size: 8, signed: true },
        reduce,
        max_entries: 1,
        default_size: false,
        value_size: 8,
        printed: true,
    }
}

fn lines(f: impl Fn(&dyn Output, &Context, &mut Vec<u8>)) -> (String, String) {
    let source = Source { name: "x.bt".into(), ..Source::default() };
    let manifest = Manifest { sources: vec![source], ..Manifest::default() };
    let ctx = Context::new(&manifest, Settings::new(&manifest, &Options::default()).unwrap());
    let run = |format| {
        let mut out = Vec::new();
        f(&*of(format), &ctx, &mut out);
        String::from_utf8(out).unwrap()
    };
    (run(Format::Text), run(Format::Json))
}

#[test]
fn plain_text() {
    let (text, json) = lines(|o, _, out| o.plain(Kind::Printf, b"a\n", out));
    assert_eq!(text, "a\n");
    assert_eq!(json, "{\"type\": \"printf\", \"data\": \"a\\n\"}\n");
    let (text, _) = lines(|o, _, out| o.plain(Kind::System, b"a\n", out));
    assert_eq!(text, "a\n\n");
    assert_eq!(lines(|o, _, out| o.attached(2, true, out)), (String::new(), String::new()));
    let (text, json) = lines(|o, _, out| o.attached(2, false, out));
    assert_eq!(text, "");
    assert_eq!(json, "{\"type\": \"attached_probes\", \"count\": 2, \"data\": {\"probes\": 2}}\n");
}

#[test]
fn scalar_maps() {
    let m = map(Reduce::Last, None);
    let held = Content::Scalar(Value::Bytes(7u64.to_le_bytes().to_vec()));
    let (text, json) = lines(|o, ctx, out| o.map(ctx, &m, &held, 1, out));
    assert_eq!((text.as_str(), json.as_str()), ("@m: 7\n", "{\"type\": \"map\", \"data\": {\"@m\": 7}}\n"));
    let m = map(Reduce::Stats { signed: true }, None);
    let stats = Value::Stats { count: 2, average: (-3i64) as u64, total: (-6i64) as u64, signed: true };
    let (text, json) = lines(|o, ctx, out| o.map(ctx, &m, &Content::Scalar(stats.clone()), 1, out));
    assert_eq!(text, "@m: { .count = 2, .average = -3, .total = -6 }\n");
    assert_eq!(json, "{\"type\": \"stats\", \"data\": {\"@m\": {\"count\": 2, \"average\": -3, \"total\": -6}}}\n");
}

#[test]
fn keyed_maps() {
    let int = |offset| Field { name: String::new(), offset, encoding: Encoding::Int { size: 1, signed: true } };
    let m = map(Reduce::Count, Some(Encoding::Tuple(vec![int(0), int(1)])));
    let entry = |key: [u8; 2], n| Entry { key: key.to_vec(), value: Value::Number(n, false) };
    let held = Content::Keyed(vec![entry([1, 2], 100), entry([3, 4], 250)]);
    let (text, json) = lines(|o, ctx, out| o.map(ctx, &m, &held, 100, out));
    assert_eq!(text, "@m[1, 2]: 1\n@m[3, 4]: 2\n");
    assert_eq!(json, "{\"type\": \"map\", \"data\": {\"@m\": {\"1,2\": 1, \"3,4\": 2}}}\n");
}

#[test]
fn histograms_are_blocks() {
    let m = map(Reduce::Hist { bits: 0 }, Some(Encoding::Bool));
    let mut counts = vec![0; m.reduce.buckets() as usize];
    counts[2] = 1;
    let held = Content::Keyed(vec![Entry { key: vec![1], value: Value::Buckets(counts) }]);
    let (text, json) = lines(|o, ctx, out| o.map(ctx, &m, &held, 1, out));
    assert_eq!(text, format!("@m[true]:\n[1]                    1 |{}|\n\n", "@".repeat(52)));
    assert_eq!(
        json,
        "{\"type\": \"hist\", \"data\": {\"@m\": {\"true\": [{\"min\": 1, \"max\": 1, \"count\": 1}]}}}\n"
    );
}

#[test]
fn json_messages_name_the_place() {
    let place = Place { file: 0, line: 2, column: 9, end_line: 2, end_column: 12 };
    let mut out = Vec::new();
    let manifest = Manifest {
        sources: vec![Source { name: "errorf.bt".into(), ..Source::default() }],
        ..Manifest::default()
    };
    let ctx = Context::new(&manifest, Settings::new(&manifest, &Options::default()).unwrap());
    of(Format::Json).message(&ctx, Level::Error, &place, "oops 3", &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "{\"type\": \"errorf\", \"msg\": \"oops 3\", \"filename\": \"errorf.bt\", \"line\": 2, \"col\": 9}\n"
    );
}
