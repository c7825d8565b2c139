//! Snapshots of `testdata/ir`: the text, then the parser's error, or the rules that the
//! module breaks. Whatever parses must print and parse to itself.
#![allow(clippy::disallowed_methods)]

use std::fmt::Write;
use std::path::Path;

use btc_ir::{parse, print, validate};

fn files() -> Vec<(String, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/ir");
    let entries = std::fs::read_dir(dir).expect("the folder can be read");
    let paths = entries.filter_map(|e| Some(e.ok()?.path()));
    let mut files: Vec<(String, String)> = paths
        .filter(|p| p.extension().is_some_and(|e| e == "ir"))
        .map(|p| {
            let stem = p.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (stem, std::fs::read_to_string(&p).expect("the file can be read"))
        })
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn text() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/ir");
    let dir = dir.canonicalize().expect("the folder exists");
    for (stem, text) in files() {
        let mut shown = format!("{}\n----\n", text.trim_end());
        match parse(&text) {
            Err(error) => {
                let _ = writeln!(shown, "{error}");
            }
            Ok(module) => {
                let printed = print(&module);
                assert_eq!(parse(&printed).as_ref(), Ok(&module), "{printed}");
                if printed.trim_end() != text.trim_end() {
                    shown.push_str(&printed);
                }
                let errors = validate(&module);
                for error in &errors {
                    let _ = writeln!(shown, "{error}");
                }
                if errors.is_empty() {
                    shown.push_str("valid\n");
                }
            }
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&dir);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(stem, shown));
    }
}

/// Damaged texts neither panic nor change in a round trip.
#[test]
fn damaged() {
    let mut seed = 1u64;
    let mut below = move |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((seed >> 33) % n as u64) as usize
    };
    for (_, text) in files() {
        let words: Vec<&str> = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).collect();
        for _ in 0..300 {
            let mut words = words.clone();
            for _ in 0..=below(3) {
                let (a, b) = (below(words.len()), below(words.len()));
                match below(3) {
                    0 => words[a] = words[b],
                    1 => words.swap(a, b),
                    _ => words[a] = "",
                }
            }
            if let Ok(module) = parse(&words.concat()) {
                assert_eq!(parse(&print(&module)).as_ref(), Ok(&module));
                validate(&module);
            }
        }
    }
}
