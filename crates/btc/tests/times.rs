//! Times of day of all clocks, wherever a time was kept.

mod support;

use support::{btc, text, unfit};

/// Ways to one time of day; `CLOCK` is the clock's name.
const WAYS: &[(&str, &str)] = &[
    ("", "nsecs(CLOCK)"),
    ("$t = nsecs(CLOCK);", "$t"),
    ("$t = 0; $t = nsecs(CLOCK);", "$t"),
    ("$t = nsecs(CLOCK); $u = $t;", "$u - 1"),
    ("@t = nsecs(CLOCK);", "@t"),
    ("@k[1, \"x\"] = nsecs(CLOCK);", "@k[1, \"x\"]"),
    ("@late = max(nsecs(CLOCK));", "@late"),
    ("$both = (1, nsecs(CLOCK));", "$both.1"),
    ("$named = (at=nsecs(CLOCK), n=1);", "$named.at"),
    ("", "(1, (nsecs(CLOCK), 2)).1.0"),
    ("", "(uint64)nsecs(CLOCK)"),
    ("", "{ let $in = nsecs(CLOCK); $in }"),
    ("", "cpu >= 0 ? nsecs(CLOCK) : nsecs(CLOCK)"),
    ("", "nsecs(CLOCK) + 5 - 4"),
];

#[test]
fn a_time_of_day_is_the_same_by_all_clocks() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    for clock in ["boot", "tai", "sw_tai"] {
        let prints: String = WAYS
            .iter()
            .enumerate()
            .map(|(n, (before, time))| {
                let way = format!("{before} print(strftime(\"%F %H:%M\", {time}));").replace("CLOCK", clock);
                // Names of their own: a map keeps what it is for the whole script.
                way.replace("@t", &format!("@t{n}")).replace("$t", &format!("$t{n}"))
            })
            .collect();
        let script = format!("BEGIN {{ print(strftime(\"%F %H:%M\", nsecs)); {prints} print(strftime(\"%F %H:%M\", nsecs)); clear(@t4); clear(@k); clear(@late); exit(); }}");
        let output = btc(&["-q", "-e", &script]);
        let shown = text(&output.stdout);
        let mut lines: Vec<&str> = shown.lines().filter(|l| !l.is_empty()).collect();
        assert!(output.status.success() && lines.len() == WAYS.len() + 2, "{clock}: {shown}{}", text(&output.stderr));
        let (last, first) = (lines.pop(), lines[0]);
        // A minute may end in between.
        assert!(lines.iter().all(|l| *l == first || Some(*l) == last), "{clock}: {shown}");
    }
}

#[test]
fn keys_of_a_map_are_times_too() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let script = "BEGIN { @k[nsecs(tai)] = nsecs(sw_tai);
        for ($kv : @k) { print((strftime(\"%Y\", $kv.0), strftime(\"%Y\", $kv.1), strftime(\"%Y\", nsecs))); } clear(@k); exit(); }";
    let output = btc(&["-q", "-e", script]);
    let shown = text(&output.stdout);
    let years: Vec<&str> = shown.trim().trim_matches(['(', ')']).split(", ").collect();
    assert!(years.len() == 3 && years.iter().all(|year| *year == years[2]), "{shown}{}", text(&output.stderr));
}

#[test]
fn what_has_no_certain_time_of_day_is_refused() {
    for (script, why) in [
        ("BEGIN { print(strftime(\"%F\", nsecs(monotonic))); }", "has no time of day"),
        ("BEGIN { $t = nsecs(tai); $t = nsecs; print(strftime(\"%F\", $t)); }", "of one clock or of another"),
        ("BEGIN { @t = nsecs(tai); } END { @t = nsecs; print(strftime(\"%F\", @t)); }", "of one clock or of another"),
    ] {
        let output = btc(&["compile", "-e", script, "-o", "/dev/null"]);
        assert!(!output.status.success() && text(&output.stderr).contains(why), "{script}: {}", text(&output.stderr));
    }
}
