//! Fields of tracepoints as a kernel's types tell them, compared with that kernel's `format` files.
//!
//! With `--btf` there are no `format` files: what is said of fields then must be what they would say. The quick form
//! looks at the events in `testdata/formats`; `cargo xtask binding-test` at all events of four kernels.

#![allow(clippy::disallowed_methods, reason = "a test reads files")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use btc_target::{Btf, Source, Target, Tracepoint, TracepointField};
use btc_types::Type;

/// A kernel's types, and no `format` files.
struct Types(Vec<u8>);

impl Source for Types {
    fn tracepoint_format(&self, _: &str, _: &str) -> Option<String> {
        None
    }
    fn tracepoints(&self) -> Option<Vec<(String, String)>> {
        None
    }
    fn functions(&self) -> Option<Vec<(String, String)>> {
        None
    }
    fn btf(&self) -> Option<btf_rs::Btf> {
        btf_rs::Btf::from_bytes(&self.0).ok()
    }
}

/// The `format` files of a kernel, by category and event.
fn formats(path: &Path) -> BTreeMap<(String, String), String> {
    let text = std::fs::read_to_string(path).expect("the formats can be read");
    let mut all: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut at = None;
    for line in text.lines() {
        match line.strip_prefix('@').and_then(|l| l.split_once('/')) {
            Some((category, event)) => at = Some((category.to_string(), event.to_string())),
            None => {
                if let Some(at) = &at {
                    *all.entry(at.clone()).or_default() += &format!("{line}\n");
                }
            }
        }
    }
    all.retain(|(category, _), _| category != "ftrace");
    all
}

/// A field in words: all by which a loader tells one from another. Qualifiers do not matter, nor which of a number's names is
/// used, nor the sign of what is no number.
fn told(field: &TracepointField) -> String {
    let spelling = field.spelling.replace('*', " * ");
    let words = spelling.split_whitespace().filter(|w| !matches!(*w, "const" | "volatile" | "__user" | "__seg_gs"));
    let spelling = words.collect::<Vec<_>>().join(" ");
    let TracepointField { name, ty, offset, size, dynamic, .. } = field;
    let is_number = matches!(ty, Type::Int { .. } | Type::Bool);
    let (spelling, signed) = if is_number { ("", field.signed) } else { (spelling.as_str(), false) };
    format!("{name}: {spelling} ({ty:?}) at {offset}, {size} bytes, signed {signed}, elsewhere {dynamic:?}")
}

/// What was compared.
#[derive(Default)]
struct Tally {
    events: u64,
    fields: u64,
    wrong: Vec<String>,
}

fn compare(kernel: &str, found: Option<&Tracepoint>, right: &Tracepoint, tally: &mut Tally) {
    let name = format!("{kernel} {}:{}", right.category, right.event);
    tally.events += 1;
    let Some(found) = found else {
        tally.wrong.push(format!("{name}: not known"));
        return;
    };
    if right.category == "syscalls" {
        // Types do not tell these, the shipped table does: what it has in common with the format is in its place.
        for field in &right.fields {
            tally.fields += 1;
            let place = |f: &TracepointField| (f.offset, f.size);
            let same = found.field(&field.name).map_or(field.dynamic.is_some(), |f| place(f) == place(field));
            if !same {
                tally.wrong.push(format!("{name}: {}: missing or elsewhere", told(field)));
            }
        }
        return;
    }
    let both = [found, right].map(|t| t.fields.iter().map(told).collect::<Vec<_>>());
    tally.fields += both[1].len() as u64;
    for field in both[0].iter().filter(|f| !both[1].contains(f)) {
        tally.wrong.push(format!("{name}: {field}: not in the format"));
    }
    for field in both[1].iter().filter(|f| !both[0].contains(f)) {
        tally.wrong.push(format!("{name}: {field}: missing"));
    }
}

fn check(folder: PathBuf, least: u64) {
    let mut tally = Tally::default();
    let files = std::fs::read_dir(&folder).expect("the folder can be read").flatten().map(|f| f.path());
    let mut files: Vec<PathBuf> = files.filter(|f| f.extension().is_some_and(|e| e == "btf")).collect();
    files.sort();
    for file in files {
        let kernel = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let types = Types(std::fs::read(&file).expect("the types can be read"));
        let (btf, target) = (Btf::new(types.btf().expect("btf-rs reads the types")), Target::new(&types));
        for ((category, event), format) in formats(&file.with_extension("formats")) {
            let right = Tracepoint::parse(&category, &event, &format, Some(&btf));
            compare(&kernel, target.tracepoint(&category, &event).as_ref(), &right, &mut tally);
        }
    }
    println!("{} events, {} fields, {} wrong", tally.events, tally.fields, tally.wrong.len());
    if let Some(file) = std::env::var_os("BTC_FORMATS_WRONG") {
        std::fs::write(file, tally.wrong.join("\n")).expect("the file can be written");
    }
    assert!(tally.wrong.is_empty(), "{}", tally.wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n"));
    assert!(tally.events >= least, "too few events");
}

/// Of four kernels, some events.
#[test]
fn some_events() {
    check(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats"), 110);
}

/// Of four kernels, all events: `BTC_BINDING` is the folder with `NAME.btf` and `NAME.formats`.
#[test]
#[ignore = "cargo xtask binding-test"]
fn all_events() {
    check(std::env::var_os("BTC_BINDING").expect("BTC_BINDING").into(), 5_000);
}
