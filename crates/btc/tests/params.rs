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
    for (given, wanted) in [(&[][..], "interval:ms:20 20 b\n".repeat(2)), (&["20", "c", "2"], "interval:ms:20 20 c\n".repeat(2))] {
        let output = btc(&[&["run", "-q", &object], given].concat());
        assert!(text(&output.stdout).starts_with(&wanted), "{given:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    }
    // Others than those in the code would count in one place and not in another.
    for (given, named) in [(&["7", "b", "2"], "$1 is `7`"), (&["20", "b", "5"], "$3 is `5`")] {
        let output = btc(&[&["run", "-q", &object], &given[..]].concat());
        assert!(!output.status.success() && text(&output.stderr).contains(named), "{given:?}\n{}", text(&output.stderr));
    }
}

/// How many there are is how many it has: those that it is run with, or those that it was compiled with.
#[test]
fn an_object_knows_how_many_it_has() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let object = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("params_count.o").display().to_string();
    let script = "BEGIN { printf(\"%d %d %s\\n\", $#, $1, str($2)); exit(); }";
    for (known, given, wanted) in [
        (&["5", "abc"][..], &[][..], "2 5 abc"),
        (&["5", "abc"], &["7"], "1 7 "),
        (&["5", "abc", "more"], &[], "3 5 abc"),
        (&[], &["7", "b"], "2 7 b"),
        (&[], &[], "0 0 "),
    ] {
        let compiled = btc(&[&["compile", "-o", &object, "-e", script], known].concat());
        assert!(compiled.status.success(), "{}", text(&compiled.stderr));
        let output = btc(&[&["run", "-q", &object], given].concat());
        let first = text(&output.stdout).lines().next().unwrap_or_default().to_string();
        assert_eq!(first, wanted, "{known:?} {given:?}\n{}", text(&output.stderr));
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

/// A parameter of a script that runs at once is what its text would be there: in value, type and error.
#[test]
fn a_parameter_is_the_literal() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let numbers = [
        "0", "1", "5", "255", "256", "4294967295", "9223372036854775807", "9223372036854775808", "18446744073709551615", "-1", "-5", "-128",
        "-2147483649", "-9223372036854775808", "0x1f", "1e3", "5ms",
    ];
    let uses = [
        "print(P);", "print(~P);", "print(-P);", "print(!P);", "print(P + 1);", "print(P - 1);", "print(1 - P);", "print(P * 2);",
        "print(P << 1);", "print(P >> 1);", "print(P / 2);", "print(P % 3);", "print(P & 6);", "print(P ^ P);", "print(P > 3 ? P : 3);",
        "@u = nsecs; @u = P; print(@u);", "@m = min((uint64)100); @m = min(P); print(@m);", "print((P, \"a\"));", "@[P] = 1; print(@);",
        "print((uint8)P);", "if (P == (uint64)5) { print(1); }", "$x = (int64)P; print($x + P);", "printf(\"%d %lu %x\", P, P, P);",
    ];
    let run = |script: &str, given: &[&str]| {
        let run = btc(&[&["run", "-q", "-e", script], given].concat());
        // The parameter is shorter than the text: places differ.
        let said: Vec<String> = text(&run.stderr).lines().filter_map(|l| Some(l.split_once(": ")?.1.to_string())).collect();
        (run.status.code(), text(&run.stdout), said)
    };
    let mut bad = Vec::new();
    for r#use in uses {
        for number in numbers {
            let script = |n: &str| format!("BEGIN {{ {} exit(); }}", r#use.replace('P', n));
            let (literal, parameter) = (run(&script(&format!("({number})")), &[]), run(&script("($1)"), &["--", number]));
            if literal != parameter {
                bad.push(format!("{use} of {number}: {literal:?}, as a parameter {parameter:?}", r#use = r#use));
            }
        }
    }
    assert!(bad.is_empty(), "{} differ:\n{}", bad.len(), bad.join("\n"));
}
