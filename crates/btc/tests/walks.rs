//! Maps that are read while programs add and delete entries: what is there all the time is in every reading, once.

mod support;

use std::collections::HashMap;

use support::{load, text, tracer, unfit};

/// Keys that stay.
const STAY: usize = 2000;

#[test]
fn a_deleted_key_does_not_end_a_walk() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    // For two seconds, on the fastest machine too.
    let calls = load("walks", 400_000, 200_000);
    for (value, read) in [("1", "print(@m)"), ("count()", "print(@m)")] {
        let script = format!(
            "BEGIN {{ @n = (uint64)0; for $i : 0..{STAY} {{ @m[$i] = {value}; }} }}
             tracepoint:syscalls:sys_enter_getppid /pid == cpid/ {{
                 $n = @n; @n = $n + 1;
                 @m[100000 + $n % 997] = {value}; delete(@m, 100000 + ($n + 500) % 997);
             }}
             interval:ms:20 {{ {read}; print(\"walked\"); }}
             END {{ clear(@m); clear(@n); }}"
        );
        let output = tracer(&["-q", "-e", &script, "-c", &calls]).output().expect("btc runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let shown = text(&output.stdout);
        let mut walks = 0;
        for walk in shown.split("walked\n").filter(|walk| walk.contains("@m[")) {
            walks += 1;
            let mut seen: HashMap<&str, u32> = HashMap::new();
            walk.lines().filter_map(|line| line.strip_prefix("@m[")?.split(']').next()).for_each(|key| *seen.entry(key).or_default() += 1);
            let missing = (0..STAY).filter(|key| !seen.contains_key(key.to_string().as_str())).count();
            let twice = seen.values().filter(|n| **n > 1).count();
            assert!(missing == 0 && twice == 0, "{value}: walk {walks}: {missing} of {STAY} keys are missing, {twice} came twice");
        }
        assert!(walks > 3, "{value}: {walks} walks: {}", text(&output.stderr));
    }
}
