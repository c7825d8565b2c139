//! Exit codes, and what is divided: as the real bpftrace 0.27.1 has them, side by side.

mod support;

use support::{btc, text, unfit};

#[test]
fn the_last_exit_holds() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let cases = [
        ("BEGIN { exit(); }", 0),
        ("BEGIN { exit(3); }", 3),
        ("BEGIN { exit(); } END { exit(7); }", 7),
        ("BEGIN { exit(3); } END { exit(7); }", 7),
        ("BEGIN { exit(3); } END { exit(); }", 0),
        ("BEGIN { exit(3); } END { exit(0); }", 0),
        ("BEGIN { exit(3); } END { print(1); }", 3),
        ("BEGIN { exit(3); } BEGIN { exit(4); }", 3),
        ("BEGIN { exit(3); } BEGIN { exit(4); } END { exit(7); } END { exit(8); }", 7),
        ("interval:ms:10 { exit(3); } interval:ms:10 { exit(4); } END { exit(9); }", 9),
        ("interval:ms:10 { exit(3); } END { print(1); }", 3),
    ];
    for (script, wanted) in cases {
        let output = btc(&["-q", "-e", script]);
        assert_eq!(output.status.code(), Some(wanted), "{script}: {}", text(&output.stderr));
    }
}

/// `print(@m, top, div)` of each aggregation.
#[test]
fn what_is_divided_is_what_the_peer_divides() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let cases = [
        ("@s[KEY] = avg(10); @s[KEY] = avg(25); @s[KEY] = avg(26);", "10", "5"),
        ("@s[KEY] = sum(10); @s[KEY] = sum(25); @s[KEY] = sum(26);", "30", "15"),
        ("@s[KEY] = count(); @s[KEY] = count(); @s[KEY] = count();", "1", "0"),
        ("@s[KEY] = min(10); @s[KEY] = min(25); @s[KEY] = min(26);", "5", "2"),
        ("@s[KEY] = max(10); @s[KEY] = max(25); @s[KEY] = max(26);", "13", "6"),
        ("@s[KEY] = avg(-10); @s[KEY] = avg(-25);", "-8", "-4"),
        ("@s[KEY] = sum(-11);", "-5", "-2"),
        (
            "@s[KEY] = stats(10); @s[KEY] = stats(25); @s[KEY] = stats(26);",
            "{ .count = 3, .average = 10, .total = 61 }",
            "{ .count = 3, .average = 5, .total = 61 }",
        ),
        (
            "@s[KEY] = stats(-10); @s[KEY] = stats(-25);",
            "{ .count = 2, .average = -8, .total = -35 }",
            "{ .count = 2, .average = -4, .total = -35 }",
        ),
    ];
    for (fill, by_two, by_four) in cases {
        for (key, name) in [("[\"x\"]", "@s[x]"), ("", "@s")] {
            let script = format!("BEGIN {{ {} print(@s, 0, 2); print(@s, 5, 4); clear(@s); exit(); }}", fill.replace("[KEY]", key));
            let output = btc(&["-q", "--no-warnings", "-e", &script]);
            let wanted = format!("{name}: {by_two}\n{name}: {by_four}\n");
            assert!(text(&output.stdout).starts_with(&wanted), "{script}: {}{}", text(&output.stdout), text(&output.stderr));
        }
    }
    let script = "BEGIN { @s[1] = stats(10); @s[1] = stats(20); print(@s, 0, 2); clear(@s); exit(); }";
    let output = btc(&["-q", "--no-warnings", "-f", "json", "-e", script]);
    let said = text(&output.stdout);
    assert!(said.contains(r#""average": 7"#) && said.contains(r#""total": 30"#), "{said}");
}

/// `print(@m, top, div)` of histograms.
#[test]
fn a_histogram_divides_its_counts() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let script = "BEGIN { @s = hist(10); @s = hist(25); @s = hist(26); print(@s, 0, 2); clear(@s); exit(); }";
    let output = btc(&["-q", "-e", script]);
    let said = text(&output.stdout);
    assert!(said.contains("[8, 16)                0 |") && said.contains("[16, 32)               1 |@@@@"), "{said}");
}
