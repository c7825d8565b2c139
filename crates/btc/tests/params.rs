//! Positional parameters: where an object has those that it was compiled with, and where it takes others.

mod support;

use support::{btc, text, unfit};

#[test]
fn an_object_keeps_what_its_probes_name() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let object = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("params.o").display().to_string();
    let script = "interval:ms:$1 { unroll($3) { printf(\"%s %d %s\\n\", probe, $1, str($2)); } exit(); }";
    let compiled = btc(&["compile", "-e", script, "20", "b", "2", "-o", &object]);
    assert!(compiled.status.success(), "{}", text(&compiled.stderr));
    for (given, wanted) in [(&[][..], "interval:ms:20 20 b\n".repeat(2)), (&["7", "c", "5"], "interval:ms:20 7 c\n".repeat(2))] {
        let output = btc(&[&["run", "-q", &object], given].concat());
        assert!(text(&output.stdout).starts_with(&wanted), "{given:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    }
}

#[test]
fn a_check_takes_parameters_too() {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/errors/bad-probe.parameter.bt");
    let script = script.display().to_string();
    assert_eq!(btc(&["check", &script]).status.code(), Some(1));
    assert_eq!(btc(&["check", "--param", "1", &script]).status.code(), Some(0));
}

/// A number that is not given is 0, which is told unless the script asks how many there are.
#[test]
fn a_missing_number_is_told() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    for (script, given, told) in [
        ("BEGIN { print($1 + 1); exit(); }", &[][..], true),
        ("BEGIN { print($1 + 1); exit(); }", &["1"], false),
        ("BEGIN { if ($# > 0) { print($1 + 1); } exit(); }", &[], false),
        ("BEGIN { print(str($1)); exit(); }", &[], false),
    ] {
        let output = btc(&[&["run", "-q", "-e", script], given].concat());
        assert!(output.status.success(), "{script}: {}", text(&output.stderr));
        assert_eq!(text(&output.stderr).contains("$1 is 0"), told, "{script}: {}", text(&output.stderr));
    }
}
