//! In which order to attach, so that what sits at one place runs in the order of the script.
//!
//! Each of the kernel's mechanisms keeps its programs in a list and puts a new one at the list's end or at its head; a
//! place has one list as long as all that sit there use one mechanism. This is the one place that knows which is which:
//! `testdata/guest/order.sh` checks each row on each kernel.

use std::collections::HashSet;
use std::ffi::CString;

use btc_abi::{Attach, Probe};

use super::{Plan, Point, clone, multi, syscalls};

/// When a program runs, of those at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    /// After those that were attached before.
    Last,
    /// Before them.
    First,
}

/// The kernel's way with a probe.
fn runs(probe: &Probe, plan: &Plan) -> Runs {
    match &probe.attach {
        // One array of programs for each event, filled from its start.
        Attach::Tracepoint { .. } => Runs::Last,
        // The tracepoint's functions, sorted by a priority that all BPF programs share; new ones go behind.
        Attach::RawTracepoint { .. } => Runs::Last,
        // A list of a function's kprobes, and of the operations that a function has in ftrace: new ones are its head.
        Attach::Kprobe { ret: false, .. } => Runs::First,
        // Each entry, the last attached first, pushes its handler on the task's stack of returns.
        Attach::Kprobe { ret: true, .. } if is_many(plan) && returns_in_order_of_entries() => Runs::First,
        Attach::Kprobe { ret: true, .. } => Runs::Last,
        // Consumers of a place in a file, for entries and returns alike: a new one is the head.
        Attach::Uprobe { .. } | Attach::SourceLine { .. } | Attach::Usdt { .. } => Runs::First,
        // A trampoline's programs: a new one is the head.
        Attach::Fentry { .. } | Attach::FentryProgram { .. } => Runs::First,
        // Each is a timer, and those of one beat a group, which starts in its order (`timer.rs`).
        Attach::Interval { .. } | Attach::Profile { .. } => Runs::Last,
        Attach::Software { event, .. } if is_clock(event) => Runs::Last,
        // A hash table's lists of events by number: a new one is the head.
        Attach::Software { .. } => Runs::First,
        // Registers are taken from the first on, and looked at in their order.
        Attach::Watchpoint { .. } | Attach::Hardware { .. } => Runs::Last,
        // The tracer runs them itself.
        Attach::Begin
        | Attach::End
        | Attach::SelfSignal { .. }
        | Attach::Test { .. }
        | Attach::Bench { .. }
        | Attach::Iter { .. } => Runs::Last,
    }
}

fn is_clock(event: &str) -> bool {
    matches!(event, "cpu" | "cpu-clock" | "task-clock")
}

fn is_many(plan: &Plan) -> bool {
    plan.targets.iter().any(|t| matches!(t.point, Point::Multi(_)))
}

/// Whether links of many functions run their programs at a return in the order in which these saw the entry, as they do
/// since they sit on the function graph tracer (Linux 6.14): by their handlers' stack the order was the other one.
fn returns_in_order_of_entries() -> bool {
    clone::is_in_kernel_types("fprobe_hlist_node")
}

/// Indexes of the probes in the order in which they are to be attached.
pub(super) fn sequence(probes: &[Probe], plans: &[Plan]) -> Vec<usize> {
    let run = |n: &usize| runs(&probes[*n], &plans[*n]);
    let all = || 0..probes.len().min(plans.len());
    let last = all().filter(|n| run(n) == Runs::Last);
    last.chain(all().rev().filter(|n| run(n) == Runs::First)).collect()
}

/// Lets all probes of one place use one mechanism: between two of them the kernel has an order of its own.
pub(super) fn unite(probes: &[Probe], plans: &mut [Plan]) {
    for ret in [false, true] {
        unite_functions(probes, plans, ret);
    }
    syscalls::gather(probes, plans);
}

/// A kprobe on a function that a link of many functions has too becomes a link of one.
fn unite_functions(probes: &[Probe], plans: &mut [Plan], ret: bool) {
    let is_kind = |p: &Probe| matches!(p.attach, Attach::Kprobe { ret: r, offset: 0, .. } if r == ret);
    let mut linked: HashSet<CString> = HashSet::new();
    for plan in probes.iter().zip(&*plans).filter(|(p, _)| is_kind(p)).map(|(_, plan)| plan) {
        for target in &plan.targets {
            if let Point::Multi(multi) = &target.point {
                linked.extend(multi.places.iter().map(|p| p.symbol.clone()));
            }
        }
    }
    for (_, plan) in probes.iter().zip(plans).filter(|(p, _)| is_kind(p)) {
        let [target] = plan.targets.as_mut_slice() else { continue };
        let symbol = CString::new(target.name.function.as_str()).unwrap_or_default();
        if matches!(target.point, Point::Perf(_)) && linked.contains(&symbol) {
            let place = multi::Place { name: target.name.clone(), symbol, offset: 0 };
            target.point = Point::Multi(multi::Multi { of: multi::Of::Kernel, ret, places: vec![place] });
        }
    }
}
