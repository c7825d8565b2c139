//! Probes at addresses: a breakpoint in the middle of an instruction would break the traced process.
#![cfg(target_arch = "x86_64")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use support::{btc, program, text, unfit};

/// Bytes of the function `nine` at which instructions begin.
const BEGINS: [u64; 3] = [0, 5, 8];

/// Traces the program with one probe; its exit code, and all that was said.
fn traced(path: &str, place: &str, more: &[&str]) -> (Option<i32>, String) {
    let script = format!("BEGIN {{ @n = 0; }}\nuprobe:{path}:{place} {{ @n++; }}");
    let output = btc(&[&["-q", "-e", &script, "-c", path], more].concat());
    (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

fn address(path: &str, symbol: &str) -> u64 {
    let symbols = text(&Command::new("nm").arg(path).output().expect("nm runs").stdout);
    let line = symbols.lines().find(|l| l.ends_with(&format!(" {symbol}"))).expect("the symbol is there");
    u64::from_str_radix(line.split(' ').next().expect("a number"), 16).expect("a number")
}

/// The program: position-independent as a rule, at a fixed address, and without its symbol table.
fn programs(name: &str) -> (String, String, String) {
    let path = program("kernel/places.c", name);
    let fixed = path.with_extension("fixed");
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel/places.c");
    let built = Command::new("cc").args(["-O2", "-no-pie", "-o"]).arg(&fixed).arg(source).status();
    assert!(built.is_ok_and(|s| s.success()), "cc builds the program");
    let stripped = path.with_extension("stripped");
    let done = Command::new("strip").arg("-o").arg(&stripped).arg(&path).status();
    assert!(done.is_ok_and(|s| s.success()), "strip runs");
    let shown = |path: PathBuf| path.display().to_string();
    (shown(path), shown(fixed), shown(stripped))
}

#[test]
fn every_byte_of_a_function_is_probed_or_refused() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let (path, fixed, _) = programs("places");
    for path in [&path, &fixed] {
        let start = address(path, "nine");
        for offset in 0..12 {
            let by_name = if offset == 0 { "nine".to_string() } else { format!("nine+{offset}") };
            for place in [by_name, format!("{:#x}", start + offset)] {
                // Behind `nine` another function begins, at an address of its own.
                let named = place.starts_with("nine");
                if offset >= 9 && !named {
                    continue;
                }
                let (code, said) = traced(path, &place, &[]);
                if BEGINS.contains(&offset) {
                    assert!(code == Some(0) && said.contains("@n: 3"), "{place}: {code:?} {said}");
                    continue;
                }
                assert_eq!(code, Some(1), "{place}: {said}");
                assert!(said.contains(":2:1-") && said.contains(": cannot attach uprobe:"), "{place}: {said}");
        assert!(said.contains(&format!(":{place}: ")), "the address as it is written: {said}");
                let wanted = if offset >= 9 { "has 9 bytes" } else { "in the middle of an instruction" };
                assert!(said.contains(wanted), "{place}: {said}");
                assert_eq!(said.contains("--unsafe"), offset < 9, "{place}: {said}");
                // Nobody can mean a place behind the function's end.
                let (code, said) = traced(path, &place, &["--unsafe", "--dry-run"]);
                assert_eq!(code, Some(i32::from(offset >= 9)), "{place}: {said}");
            }
        }
    }
}

#[test]
fn what_cannot_be_checked_needs_unsafe() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let (path, fixed, stripped) = programs("places_unknown");
    let nine = address(&path, "nine");
    let cases = [
        (&path, "sizeless+5".to_string(), "nothing says how long"),
        (&path, format!("{:#x}", address(&path, "sizeless")), "in no function"),
        (&path, "undecodable+2".to_string(), "cannot be decoded"),
        (&path, "0x10".to_string(), "in no function"),
        (&path, format!("{:#x}", address(&path, "__data_start")), "in no function"),
        // An address of the file, not of what the symbols tell.
        (&fixed, format!("{:#x}", address(&fixed, "nine") & 0xffff), "in no function"),
        (&stripped, format!("{nine:#x}"), "in no function"),
    ];
    for (path, place, wanted) in cases {
        let (code, said) = traced(path, &place, &[]);
        assert!(code == Some(1) && said.contains(wanted) && said.contains("--unsafe"), "{place}: {code:?} {said}");
        assert!(said.contains(":2:1-") && said.contains(": cannot attach uprobe:"), "{place}: {said}");
        assert!(said.contains(&format!(":{place}: ")), "the address as it is written: {said}");
        let (code, said) = traced(path, &place, &["--unsafe", "--dry-run"]);
        assert_eq!(code, Some(0), "{place}: {said}");
    }
    // A function's start needs no size.
    let (code, said) = traced(&path, "sizeless", &[]);
    assert!(code == Some(0) && said.contains("@n: 3"), "{said}");
    // What is right attaches although it could not be checked.
    let (code, said) = traced(&path, "sizeless+5", &["--unsafe"]);
    assert!(code == Some(0) && said.contains("@n: 3"), "{said}");
    for place in ["99999999", "0xffffffffffffffff", "nine+99999999"] {
        for more in [&[][..], &["--unsafe"]] {
            let (code, said) = traced(&path, place, more);
            let wanted = if place.starts_with("nine") { "has 9 bytes" } else { "lies outside of the file" };
            assert!(code == Some(1) && said.contains(wanted) && !said.contains("--unsafe"), "{place}: {said}");
        }
    }
}

/// What the script says of missing probes holds for these, too.
#[test]
fn a_place_that_is_none_can_be_left_out() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let (path, ..) = programs("places_left");
    let script = format!("config = {{ missing_probes = warn }} BEGIN {{ exit(); }} uprobe:{path}:nine+2 {{ @n++; }}");
    let output = btc(&["-q", "-e", &script]);
    let said = text(&output.stderr);
    assert!(output.status.success() && said.contains("is left out: "), "{said}");
}

/// Places of a pattern are checked one by one.
#[test]
fn a_pattern_with_an_offset_is_checked() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let (path, ..) = programs("places_pattern");
    let (code, said) = traced(&path, "nin*+2", &[]);
    assert!(code == Some(1) && said.contains("in the middle of an instruction"), "{code:?} {said}");
    let (code, said) = traced(&path, "nin*+5", &[]);
    assert!(code == Some(0) && said.contains("@n: 3"), "{code:?} {said}");
}

/// `func` is the function around the place, whatever the place is called.
#[test]
fn a_place_has_the_name_of_its_function() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let (path, ..) = programs("places_named");
    let start = address(&path, "nine");
    for place in ["nine".to_string(), "nine+5".to_string(), format!("{start:#x}"), format!("{:#x}", start + 5)] {
        let script = format!("uprobe:{path}:{place} {{ @[func] = count(); printf(\"in %s\\n\", func); }}");
        let output = btc(&["-q", "-e", &script, "-c", &path]);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(said.contains("@[nine]: 3") && said.contains("in nine\n"), "{place}: {said}");
    }
}
