//! Attach points that make no sense on any target: providers refuse them in a script, the runtime in an object.

use crate::{Attach, ClockUnit};

/// Nanoseconds between two events of the fastest timer.
const FASTEST: u64 = 1_000;

impl Attach {
    /// Why it is attached nowhere, in words; `None` where the target decides.
    pub fn flaw(&self) -> Option<String> {
        let flaw = match self {
            Attach::Kprobe { function, offset, ret: true, .. } if !function.is_empty() && *offset != 0 => {
                "a kretprobe has no offset"
            }
            // The kernel takes what lies on the stack there for the address to return to, and puts its own in its place.
            Attach::Uprobe { symbol, offset, ret: true, .. } if symbol.is_empty() || *offset != 0 => {
                "a uretprobe has no offset"
            }
            Attach::Uprobe { symbol, offset, demangle: true, .. } if !symbol.is_empty() && *offset != 0 => {
                "a function named as in its source has no offset"
            }
            Attach::SourceLine { line: 0, .. } => "lines are counted from 1",
            Attach::Interval { unit, value } | Attach::Profile { unit, value } => return slow_enough(*unit, *value),
            Attach::Watchpoint { address: 0, .. } => "nothing lies at address 0",
            Attach::Watchpoint { length, .. } if !matches!(length, 1 | 2 | 4 | 8) => {
                "a watchpoint covers 1, 2, 4 or 8 bytes"
            }
            Attach::Watchpoint { mode, .. } if mode.char_indices().any(|(at, letter)| mode[..at].contains(letter)) => {
                "a letter of the mode is there twice"
            }
            Attach::Watchpoint { mode, .. } if mode.is_empty() || mode.chars().any(|c| !"rwx".contains(c)) => {
                "the mode is made of `r`, `w` and `x`"
            }
            // They are folders, of which the names must not lead elsewhere.
            Attach::Tracepoint { category, event } if [category, event].iter().any(|n| n.starts_with('.') || n.contains('/')) => {
                "the names of a tracepoint hold no `/` and begin with no dot"
            }
            _ => return self.lacks_a_name().then(|| "a name is missing".to_string()),
        };
        Some(flaw.to_string())
    }

    /// Whether a part is empty that says what is meant.
    fn lacks_a_name(&self) -> bool {
        match self {
            Attach::SelfSignal { signal: name }
            | Attach::Test { name }
            | Attach::Bench { name }
            | Attach::RawTracepoint { event: name, .. }
            | Attach::Fentry { function: name, .. }
            | Attach::FentryProgram { name, .. }
            | Attach::Uprobe { path: name, .. }
            | Attach::Software { event: name, .. }
            | Attach::Hardware { event: name, .. }
            | Attach::Iter { kind: name, .. } => name.is_empty(),
            Attach::Tracepoint { category: one, event: two }
            | Attach::SourceLine { path: one, file: two, .. }
            | Attach::Usdt { path: one, name: two, .. } => one.is_empty() || two.is_empty(),
            // An address is in no module.
            Attach::Kprobe { module, function, .. } => function.is_empty() && !module.is_empty(),
            Attach::Begin | Attach::End | Attach::Interval { .. } | Attach::Profile { .. } | Attach::Watchpoint { .. } => false,
        }
    }
}

fn slow_enough(unit: ClockUnit, value: u64) -> Option<String> {
    match unit {
        _ if value == 0 => Some("a timer needs a number above 0".to_string()),
        ClockUnit::Nanoseconds if value < FASTEST => {
            Some(format!("a timer of {value} ns is too fast: the fastest has {FASTEST} ns"))
        }
        ClockUnit::Nanoseconds | ClockUnit::Hertz => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of every kind one that is sound, and what is wrong with its like.
    #[test]
    fn each_kind_is_judged() {
        let text = |s: &str| s.to_string();
        let kprobe = |function: &str, offset, ret| Attach::Kprobe { module: text(""), function: text(function), offset, ret };
        let uprobe = |symbol: &str, offset, ret, demangle| Attach::Uprobe { path: text("/bin/true"), symbol: text(symbol), offset, ret, demangle };
        let watch = |length, mode: &str| Attach::Watchpoint { address: 8, length, mode: text(mode) };
        let timer = |unit, value| [Attach::Interval { unit, value }, Attach::Profile { unit, value }];
        let tracepoint = |category: &str, event: &str| Attach::Tracepoint { category: text(category), event: text(event) };
        let mut sound = vec![
            Attach::Begin, Attach::End,
            kprobe("f", 0, true), kprobe("f", 4, false), kprobe("", 4096, true),
            uprobe("f", 0, true, true), uprobe("f", 4, false, false), uprobe("", 4, false, false),
            watch(8, "rw"), tracepoint("sched", "sched_*"),
            Attach::SelfSignal { signal: text("SIGUSR1") },
            Attach::Usdt { path: text("*"), provider: text(""), name: text("n") },
            Attach::Software { event: text("faults"), count: 0 },
            Attach::Iter { kind: text("task"), pin: text("") },
        ];
        sound.extend(timer(ClockUnit::Hertz, 1));
        sound.extend(timer(ClockUnit::Nanoseconds, FASTEST));
        for attach in sound {
            assert_eq!(attach.flaw(), None, "{attach:?}");
        }
        let mut flawed = vec![
            kprobe("f", 4, true), Attach::Kprobe { module: text("m"), function: text(""), offset: 4, ret: false },
            uprobe("f", 1, true, false), uprobe("", 4457, true, false), uprobe("", 0, true, false), uprobe("f", 1, false, true),
            Attach::SourceLine { path: text("p"), file: text("f.c"), line: 0, column: 0 },
            watch(3, "r"), watch(8, ""), watch(8, "rr"), watch(8, "rq"),
            tracepoint("", "e"), tracepoint("..", "e"), tracepoint("a/b", "e"), tracepoint("a", ""),
            Attach::Usdt { path: text(""), provider: text(""), name: text("n") },
            Attach::Fentry { module: text(""), function: text(""), ret: false },
            Attach::Hardware { event: text(""), count: 1 },
            Attach::Iter { kind: text(""), pin: text("") },
        ];
        flawed.extend(timer(ClockUnit::Hertz, 0));
        flawed.extend(timer(ClockUnit::Nanoseconds, FASTEST - 1));
        for attach in flawed {
            assert!(attach.flaw().is_some(), "{attach:?}");
        }
    }
}
