//! Settings and names beyond what there is.

mod support;

use support::{btc, text, tracer, unfit};

const OUT_OF_RANGE: [(&str, &str); 10] = [
    ("max_map_keys", "0"),
    ("max_map_keys", "100000000000"),
    ("max_map_keys", "4294967298"),
    ("max_map_keys", "18446744073709551615"),
    ("max_strlen", "0"),
    ("max_strlen", "65537"),
    ("max_strlen", "4294967360"),
    ("max_strlen", "18446744073709551615"),
    ("perf_rb_pages", "18446744073709551615"),
    ("perf_rb_pages", "4294967297"),
];

#[test]
fn settings_out_of_range_are_refused() {
    for (name, value) in OUT_OF_RANGE {
        let script = format!("config = {{ {name} = {value} }} BEGIN {{ @[1] = 1; exit(); }}");
        let output = btc(&["compile", "-e", &script, "-o", "/dev/null"]);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(&format!("`{name}` takes a number from ")), "{script}: {said}");
        let output = tracer(&["compile", "-e", "BEGIN { @[1] = 1; exit(); }", "-o", "/dev/null"])
            .env(format!("BPFTRACE_{}", name.to_uppercase()), value)
            .output()
            .expect("btc runs");
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("it takes a number from "), "{name}={value}: {said}");
    }
    for (name, value) in [("max_map_keys", "1"), ("max_map_keys", "400000000"), ("max_strlen", "1"), ("max_strlen", "65536"), ("perf_rb_pages", "0"), ("perf_rb_pages", "3")] {
        let script = format!("config = {{ {name} = {value} }} BEGIN {{ @[1] = 1; exit(); }}");
        let output = btc(&["compile", "-e", &script, "-o", "/dev/null"]);
        assert!(output.status.success(), "{script}: {}", text(&output.stderr));
    }
}

/// A number that the language takes may be more than an object has room for, which depends on keys and values.
#[test]
fn maps_larger_than_an_object_defines_are_refused_at_their_line() {
    for script in [
        "let @a = hash(2147483648); BEGIN { @a[1] = 1; exit(); }",
        "let @a = lruhash(4294967295); BEGIN { @a[1] = 1; exit(); }",
        "config = { max_map_keys = 4294967295 } BEGIN { @a[1] = 1; exit(); }",
        "config = { max_map_keys = 400000000 } BEGIN { @a[1] = max(1); print(@a[1] + 1); exit(); }",
    ] {
        let output = btc(&["compile", "-e", script, "-o", "/dev/null"]);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("of this size there is room for"), "{script}: {said}");
    }
}

/// What an object is told when it runs has the same bounds.
#[test]
fn an_object_takes_no_settings_out_of_range() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let object = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("settings.o").display().to_string();
    assert!(btc(&["compile", "-e", "BEGIN { @[1] = 1; exit(); }", "-o", &object]).status.success());
    for (name, value) in OUT_OF_RANGE.into_iter().filter(|(name, _)| *name != "max_strlen") {
        let output = tracer(&["run", "-q", &object]).env(format!("BPFTRACE_{}", name.to_uppercase()), value).output().expect("btc runs");
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("must be a number from "), "{name}={value}: {said}");
    }
}

/// As in bpftrace, the last one holds.
#[test]
fn a_setting_given_twice_is_told() {
    let script = "config = { max_strlen = 64; max_strlen = 8 } BEGIN { print(default_str_length); exit(); }";
    let output = btc(&["compile", "-e", script, "-o", "/dev/null"]);
    let said = text(&output.stderr);
    assert!(output.status.success() && said.contains("WARNING") && said.contains("`max_strlen` is set again"), "{said}");
}

#[test]
fn features_have_names() {
    for word in ["foo", "kprobe_multi,foo", ","] {
        let output = btc(&["--no-feature", word, "-e", "BEGIN { exit(); }", "--dry-run"]);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("kprobe_multi, kprobe_session, uprobe_multi"), "{word}: {said}");
    }
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let output = btc(&["--no-feature", "kprobe_multi,uprobe_multi,kprobe_session", "-e", "BEGIN { exit(); }", "--dry-run"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_raw_tracepoint_is_part_of_what_it_names() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let run = |probe: &str| btc(&["-q", "--dry-run", "-e", &format!("{probe} {{ exit(); }}")]);
    for probe in ["rawtracepoint:nomod:sched_switch", "rawtracepoint:sched:sched_switch", "rawtracepoint:nomod:sched_*"] {
        let output = run(probe);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(probe), "{probe}: {said}");
    }
    for probe in ["rawtracepoint:vmlinux:sched_switch", "rawtracepoint:sched_switch", "rawtracepoint:vmlinux:sched_sw*"] {
        let output = run(probe);
        assert!(output.status.success(), "{probe}: {}", text(&output.stderr));
    }
}
