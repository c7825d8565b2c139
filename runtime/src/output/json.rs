//! Output as JSON, an object a line.

use std::collections::HashMap;
use std::io::Write;

use btc_abi::{Encoding, Map, Place, Reduce};

use super::{Content, Kind, Level, Output, bytes_number, divided};
use crate::maps::Value;
use crate::modes::{BenchResult, TestResult};
use crate::render::escape::{quoted, quoted_key};
use crate::render::{Context, composite, histogram, int, json, tseries};

/// Lines for programs.
pub(super) struct Json;

fn value(ctx: &Context, map: &Map, value: &Value, div: u64, out: &mut Vec<u8>) {
    match value {
        Value::Bytes(bytes) => match bytes_number(map, bytes, div) {
            Some((n, signed)) => int::decimal_json(n, signed, out),
            None => json(ctx, &map.value, bytes, out),
        },
        Value::Number(n, signed) => int::decimal_json(divided(*n, *signed, div), *signed, out),
        Value::Stats { count, average, total, signed } => {
            out.extend_from_slice(b"{\"count\": ");
            int::decimal_json(*count, false, out);
            out.extend_from_slice(b", \"average\": ");
            int::decimal_json(divided(*average, *signed, div), *signed, out);
            out.extend_from_slice(b", \"total\": ");
            int::decimal_json(*total, *signed, out);
            out.push(b'}');
        }
        Value::Buckets(counts) => histogram::json(&map.reduce, counts, div, out),
        Value::Series(points, signed) => tseries::json(points, *signed, out),
    }
}

fn kind_of(map: &Map) -> &'static str {
    match map.reduce {
        Reduce::Hist { .. } | Reduce::LHist { .. } => "hist",
        Reduce::Avg { .. } | Reduce::Stats { .. } => "stats",
        Reduce::TSeries { .. } => "tseries",
        Reduce::Last | Reduce::Count | Reduce::Sum { .. } | Reduce::Min { .. } | Reduce::Max { .. } => "map",
    }
}

fn open(kind: &str, out: &mut Vec<u8>) {
    let _ = write!(out, "{{\"type\": \"{kind}\", \"data\": ");
}

/// The keys of an object so far. Of several that are shown alike, such as two addresses of one function, whoever reads the
/// object would see the last one only.
#[derive(Default)]
struct Keys {
    /// How often each was there.
    seen: HashMap<Vec<u8>, u32>,
}

impl Keys {
    /// The key, with `#2`, `#3` and so on behind it where it has been there.
    fn unlike(&mut self, key: Vec<u8>) -> Vec<u8> {
        let count = self.seen.entry(key.clone()).or_insert(0);
        *count += 1;
        if *count == 1 {
            return key;
        }
        let numbered = [&key, b"#".as_slice(), count.to_string().as_bytes()].concat();
        // That may be a key itself.
        self.unlike(numbered)
    }
}

impl Output for Json {
    fn attached(&self, probes: usize, quiet: bool, out: &mut Vec<u8>) {
        if quiet {
            return;
        }
        let _ = writeln!(
            out,
            "{{\"type\": \"attached_probes\", \"count\": {probes}, \"data\": {{\"probes\": {probes}}}}}"
        );
    }

    fn plain(&self, kind: Kind, data: &[u8], out: &mut Vec<u8>) {
        open(
            match kind {
                Kind::Printf => "printf",
                Kind::Time => "time",
                Kind::Join => "join",
                Kind::Cat => "cat",
                Kind::System => "syscall",
            },
            out,
        );
        quoted(data, out);
        out.extend_from_slice(b"}\n");
    }

    fn value(&self, ctx: &Context, encoding: &Encoding, bytes: &[u8], out: &mut Vec<u8>) {
        open("value", out);
        json(ctx, encoding, bytes, out);
        out.extend_from_slice(b"}\n");
    }

    fn element(&self, ctx: &Context, map: &Map, _key: &[u8], held: &Value, out: &mut Vec<u8>) {
        open("value", out);
        value(ctx, map, held, 1, out);
        out.extend_from_slice(b"}\n");
    }

    fn map(&self, ctx: &Context, map: &Map, content: &Content, div: u64, out: &mut Vec<u8>) {
        open(kind_of(map), out);
        out.push(b'{');
        quoted(map.name.as_bytes(), out);
        out.extend_from_slice(b": ");
        match content {
            Content::Scalar(held) => value(ctx, map, held, div, out),
            Content::Keyed(entries) => {
                out.push(b'{');
                let mut keys = Keys::default();
                for (i, e) in entries.iter().enumerate() {
                    if i > 0 {
                        out.extend_from_slice(b", ");
                    }
                    let mut key = Vec::new();
                    if let Some(encoding) = &map.key {
                        composite::json_key(ctx, encoding, map.multi_key, &e.key, &mut key);
                    }
                    quoted_key(&keys.unlike(key), out);
                    out.extend_from_slice(b": ");
                    value(ctx, map, &e.value, div, out);
                }
                out.push(b'}');
            }
        }
        out.extend_from_slice(b"}}\n");
    }

    fn message(&self, ctx: &Context, level: Level, place: &Place, text: &str, out: &mut Vec<u8>) {
        let kind = match level {
            Level::Error => "errorf",
            Level::Warning => "warnf",
            Level::Runtime => "runtime_error",
        };
        let name = ctx.manifest.sources.get(place.file as usize).map_or("", |s| s.name.as_str());
        let _ = write!(out, "{{\"type\": \"{kind}\", \"msg\": ");
        quoted(text.as_bytes(), out);
        out.extend_from_slice(b", \"filename\": ");
        quoted(name.as_bytes(), out);
        let _ = writeln!(out, ", \"line\": {}, \"col\": {}}}", place.line, place.column);
    }

    fn lost(&self, count: u64, out: &mut Vec<u8>) {
        let _ = writeln!(out, "{{\"type\": \"lost_events\", \"data\": {{\"events\": {count}}}}}");
    }

    fn tests_begin(&self, _count: usize, _out: &mut Vec<u8>) {}

    fn test(&self, result: &TestResult, out: &mut Vec<u8>) {
        open("test_result", out);
        out.push(b'{');
        quoted(result.name.as_bytes(), out);
        let _ = write!(out, ": {{\"duration\": {}, \"passed\": {}, \"output\": ", result.duration.as_micros(), result.passed);
        quoted(result.printed, out);
        out.extend_from_slice(b"}}}\n");
    }

    fn tests_end(&self, _count: usize, _failed: &[&str], _out: &mut Vec<u8>) {}

    fn benchmark(&self, result: &BenchResult, _first: bool, out: &mut Vec<u8>) {
        open("benchmark_result", out);
        out.push(b'{');
        quoted(result.name.as_bytes(), out);
        let _ = writeln!(out, ": {{\"average\": {}, \"iters\": {}}}}}}}", result.average, result.runs);
    }

    fn end(&self, _out: &mut Vec<u8>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All rows of up to six of these keys: none is there twice.
    #[test]
    fn no_key_is_there_twice() {
        let keys = ["a", "a#2", "a#2#2", "b"];
        for n in 0..4usize.pow(6) {
            let mut all = Keys::default();
            let row: Vec<Vec<u8>> = (0..6).map(|at| all.unlike(keys[n / 4usize.pow(at) % 4].into())).collect();
            assert_eq!(row.iter().collect::<std::collections::BTreeSet<_>>().len(), 6, "{row:?}");
        }
        let mut all = Keys::default();
        assert_eq!(["a", "b", "a", "a"].map(|key| all.unlike(key.into())), [b"a".to_vec(), b"b".to_vec(), b"a#2".to_vec(), b"a#3".to_vec()]);
    }
}
