//! Aggregations that two CPUs feed at the same moment, while programs and the runtime read and clear them. The probes are
//! on functions of a program that the test starts.

use std::path::Path;

mod support;

use support::{btc, program, text, unfit};

/// Calls at the same moment: enough that a comparison or addition in steps loses some hundred.
const ROUNDS: u64 = 30_000;

fn run(threads: u64, rounds: u64, hammer: &Path, script: &str) -> String {
    let child = format!("{} {threads} {rounds}", hammer.display());
    let output = btc(&["-q", "-c", &child, "-e", &script.replace("PROGRAM", &hammer.display().to_string())]);
    let (printed, messages) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && messages.is_empty(), "{messages}\n{printed}");
    printed
}

/// What a program reads is what all calls before have made, and what is left is what all have made.
#[test]
fn shared_aggregations_are_exact() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let hammer = program("kernel/hammer.c", "hammer-shared");
    let script = r#"config = { max_map_keys = 40000 }
        uprobe:PROGRAM:hit {
          @max = max(arg0); @min = min(-(int64)arg0); @umin = min((uint64)(-1 - (int64)arg0)); @avg = avg(10);
          @count = count(); @sum = sum(7);
          @kmax[arg1] = max(arg0); @kmin[arg1] = min(-(int64)arg0); @kavg[arg1 % 8] = avg(10);
          @kcount[arg1 % 8] = count(); @ksum[arg1 % 8] = sum(3);
          @stats = stats(10); @kstats[arg1 % 2] = stats(10); @pmax = max(arg0); @pmin[1] = min(arg0); @pavg = avg(10);
          @hist = hist(1); @lhist = lhist(5, 0, 10, 1);
          if (@avg != 10 || @kavg[arg1 % 8] != 10) { @torn++; }
        }
        uprobe:PROGRAM:seen {
          if (@max != arg0) { @wrong["max"] = count(); }
          if (@min != -(int64)arg0) { @wrong["min"] = count(); }
          if (@umin != (uint64)(-1 - (int64)arg0)) { @wrong["umin"] = count(); }
          if (@avg != 10) { @wrong["avg"] = count(); }
          if (@count != arg1 || @sum != 7 * arg1) { @wrong["count"] = count(); }
          if (@kmax[arg2] != arg0) { @wrong["kmax"] = count(); }
          if (@kmin[arg2] != -(int64)arg0) { @wrong["kmin"] = count(); }
          if (@kavg[arg2 % 8] != 10) { @wrong["kavg"] = count(); }
          if (@ksum[arg2 % 8] != 3 * @kcount[arg2 % 8]) { @wrong["ksum"] = count(); }
        }
        interval:ms:20 { print(@stats); print(@kstats); print(@pavg); print(@avg); print(@kavg); }
        END { clear(@kmax); clear(@kmin); clear(@kavg); }"#;
    for threads in [2, 6] {
        let rounds = ROUNDS * 2 / threads;
        let (calls, last) = (threads * rounds, threads * rounds - 1);
        let printed = run(threads, rounds, &hammer, script);
        for wrong in ["@wrong", "@torn"] {
            assert!(!printed.contains(wrong), "{threads} threads\n{printed}");
        }
        let at_end = printed.rsplit_once("@avg: 10").map_or("", |(_, end)| end);
        for expected in [
            format!("@count: {calls}"),
            format!("@sum: {}", 7 * calls),
            format!("@max: {last}"),
            format!("@min: -{last}"),
            format!("@umin: {}", u64::MAX - last),
            format!("@pmax: {last}"),
            "@pmin[1]: 0".to_string(),
            format!("@stats: {{ .count = {calls}, .average = 10, .total = {} }}", 10 * calls),
        ] {
            assert!(at_end.lines().any(|l| l == expected), "{threads} threads: no `{expected}`\n{at_end}");
        }
        let counted = at_end.lines().filter_map(|l| l.strip_prefix("@kcount[")?.split(": ").nth(1)?.parse::<u64>().ok());
        assert_eq!(counted.sum::<u64>(), calls, "{at_end}");
        let bars = at_end.lines().filter(|l| l.split_whitespace().any(|w| w == calls.to_string()) && l.starts_with('['));
        assert_eq!(bars.count(), 2, "{at_end}");
        // What was printed meanwhile belongs together: each number was a 10.
        for line in printed.lines().filter(|l| l.contains(".count = ")) {
            let part = |name: &str| line.split(name).nth(1)?.split([',', ' ']).next()?.parse::<u64>().ok();
            assert_eq!(part(".count = ").map(|n| n * 10), part(".total = "), "{line}");
        }
        for line in printed.lines().filter(|l| l.starts_with("@avg") || l.starts_with("@kavg") || l.starts_with("@pavg")) {
            // Before the first call it is 0.
            assert!(line.ends_with(": 10") || line.ends_with(": 0"), "{line}");
        }
    }
}

/// What is cleared while CPUs count is neither lost nor counted twice, whoever clears, and leaves nothing behind that
/// makes later numbers wrong.
#[test]
fn clearing_shared_aggregations_leaves_no_halves() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let hammer = program("kernel/hammer.c", "hammer-cleared");
    let script = r#"uprobe:PROGRAM:hit {
          @avg = avg(10); @zeroed = avg(10); @own = avg(10); @max = max(7); @least = min(-7); @count = count();
          @stats = stats(10); @all = count();
          if (arg1 % 32 == 0) { delete(@own); }
          $own = @own; $avg = @avg; $zeroed = @zeroed;
          if (($own != 0 && $own != 10) || ($avg != 0 && $avg != 10) || ($zeroed != 0 && $zeroed != 10)) { @torn = count(); }
          $max = @max; $least = @least;
          if (($max != 0 && $max != 7) || ($least != 0 && $least != -7)) { @halves = count(); }
          if (@count > arg0 + 64) { @more = count(); }
        }
        interval:ms:3 { print(@avg); clear(@avg); print(@max); clear(@max); clear(@least); zero(@zeroed); print(@zeroed);
          print(@count); clear(@count); print(@stats); clear(@stats); }"#;
    let printed = run(2, ROUNDS, &hammer, script);
    for wrong in ["@torn", "@halves", "@more"] {
        assert!(!printed.contains(wrong), "{printed}");
    }
    let number = |line: &str| line.rsplit(": ").next()?.parse::<u64>().ok();
    let all = |name: &str| printed.lines().filter(|l| l.starts_with(name)).filter_map(number).collect::<Vec<_>>();
    for (name, fine) in [("@avg", 10), ("@zeroed", 10), ("@own", 10), ("@max", 7)] {
        assert!(all(name).iter().all(|n| *n == fine || *n == 0), "{name}: {:?}", all(name));
    }
    assert_eq!((all("@count").iter().sum::<u64>(), all("@all")), (2 * ROUNDS, vec![2 * ROUNDS]), "{printed}");
    let part = |line: &str, name: &str| line.split(name).nth(1)?.split([',', ' ']).next()?.parse::<u64>().ok();
    let stats: Vec<_> = printed.lines().filter(|l| l.starts_with("@stats")).collect();
    assert!(stats.len() > 20, "{printed}");
    assert_eq!(stats.iter().filter_map(|l| part(l, ".count = ")).sum::<u64>(), 2 * ROUNDS);
    for line in stats {
        assert_eq!(part(line, ".count = ").map(|n| n * 10), part(line, ".total = "), "{line}");
    }
}

/// What is printed and cleared at a time is whole, in whatever order a script writes it, while CPUs go on counting.
#[test]
fn what_is_printed_is_what_is_cleared() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let hammer = program("kernel/hammer.c", "hammer-printed");
    let script = r#"uprobe:PROGRAM:hit { @count = count(); @sum = sum(3); @avg = stats(10); @all = count(); if (@sum < 0) { exit(); } }
        interval:ms:2 { time("%H\n"); print(@count); print(@sum); print(@avg); clear(@avg); time("%M\n"); clear(@sum); clear(@count); }"#;
    let printed = run(2, ROUNDS, &hammer, script);
    let number = |line: &str| line.rsplit(": ").next()?.parse::<u64>().ok();
    let all = |name: &str| printed.lines().filter(|l| l.starts_with(name)).filter_map(number).sum::<u64>();
    assert_eq!((all("@count"), all("@sum"), all("@all")), (2 * ROUNDS, 6 * ROUNDS, 2 * ROUNDS), "{printed}");
}

/// A loop over a map and `find()` read the parts of all CPUs.
#[test]
fn all_ways_to_read_go_over_all_cpus() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let hammer = program("kernel/hammer.c", "hammer-read");
    let script = r#"uprobe:PROGRAM:hit {
          @max[arg1 % 2] = max(arg0); @min[arg1 % 2] = min(arg0 + 5); @avg[arg1 % 2] = avg(arg1 % 2 + 20); @low = max(-9223372036854775807 - 1);
        }
        END {
          for ($kv : @max) { printf("max %d %d\n", $kv.0, $kv.1); }
          for ($kv : @min) { printf("min %d %d\n", $kv.0, $kv.1); }
          for ($kv : @avg) { printf("avg %d %d\n", $kv.0, $kv.1); }
          if (find(@max, 1, $found)) { printf("found %d\n", $found); }
          printf("low %lld none %d\n", @low, @min[9]);
          printf("deleted %d %d %d\n", delete(@max, 0), delete(@max, 0), @max[0]);
          clear(@max); clear(@min); clear(@avg); clear(@low);
        }"#;
    let printed = run(2, 100, &hammer, script);
    let mut lines: Vec<&str> = printed.lines().filter(|l| !l.is_empty()).collect();
    lines.sort_unstable();
    let expected = ["avg 0 20", "avg 1 21", "deleted 1 0 0", "found 199", "low -9223372036854775808 none 0", "max 0 197",
        "max 1 199", "min 0 5", "min 1 7"];
    assert_eq!(lines, expected);
}

/// A timer's program runs in the middle of that of a uprobe: what both add to one CPU's part is added in one step.
#[test]
fn a_program_within_another_loses_nothing() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let hammer = program("kernel/hammer.c", "hammer-nested");
    let add = "@n = count(); @sum = sum(1); @keyed[1] = count(); @hist = hist(1); @lhist = lhist(1, 0, 9, 1); @stats = stats(1); @avg = avg(1);";
    let script = format!(
        "uprobe:PROGRAM:hit {{ $i = (uint64)0; while ($i < 300) {{ $i++; {add} }} @calls = count(); }}
         profile:hz:4999 {{ {add} @timers = count(); }}"
    );
    let printed = run(2, 3000, &hammer, &script);
    let number = |name: &str| printed.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")?.parse::<u64>().ok());
    let (calls, timers) = (number("@calls").expect("calls"), number("@timers").expect("timers"));
    assert!(calls == 6000 && timers > 0, "{printed}");
    let all = 300 * calls + timers;
    for name in ["@n", "@sum", "@keyed[1]"] {
        assert_eq!(number(name), Some(all), "{name} of {all}\n{printed}");
    }
    assert!(printed.contains(&format!("@stats: {{ .count = {all}, .average = 1, .total = {all} }}")), "{all}\n{printed}");
    let bars = printed.lines().filter(|l| l.starts_with('[') && l.split_whitespace().any(|w| w == all.to_string()));
    assert_eq!(bars.count(), 2, "{all}\n{printed}");
}
