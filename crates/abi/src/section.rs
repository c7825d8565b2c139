//! ELF sections of programs. By them any loader knows what kind of program it has, and libbpf alone where most are attached.

use crate::Attach;

/// Whether a name holds wildcards.
pub fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

impl Attach {
    /// The section of the program, as libbpf names it: with the attach point where libbpf can attach it by itself, else the
    /// kind alone. The compiler puts it there, and the runtime takes it from nowhere else.
    pub fn section(&self) -> String {
        match self {
            // The runtime runs them itself, as it can those of raw tracepoints (Linux 5.10).
            Attach::Begin | Attach::End | Attach::SelfSignal { .. } | Attach::Test { .. } | Attach::Bench { .. } => {
                "raw_tp".to_string()
            }
            Attach::Tracepoint { category, event } if is_pattern(category) || is_pattern(event) => "tracepoint".to_string(),
            Attach::Tracepoint { category, event } => format!("tracepoint/{category}/{event}"),
            Attach::RawTracepoint { event, typed: true, .. } => format!("tp_btf/{event}"),
            Attach::RawTracepoint { event, .. } if is_pattern(event) => "raw_tp".to_string(),
            Attach::RawTracepoint { event, .. } => format!("raw_tp/{event}"),
            Attach::Kprobe { module, function, offset, ret } => {
                let kind = if *ret { "kretprobe" } else { "kprobe" };
                let known = !function.is_empty() && !is_pattern(function) && module.is_empty();
                placed(kind, known.then_some(function), *offset)
            }
            // Which function a wildcard's program is loaded for, or that of a BPF program, the runtime knows. Plain libbpf loads it
            // as a raw tracepoint's: they see the same context, and need no function.
            Attach::FentryProgram { .. } => "raw_tp".to_string(),
            Attach::Fentry { module, function, .. } if is_pattern(module) || is_pattern(function) => "raw_tp".to_string(),
            Attach::Fentry { function, ret, .. } => format!("{}/{function}", if *ret { "fexit" } else { "fentry" }),
            Attach::Uprobe { path, symbol, offset, ret, demangle } => {
                let kind = if *ret { "uretprobe" } else { "uprobe" };
                let known = !symbol.is_empty() && !is_pattern(symbol) && !demangle && path.starts_with('/');
                placed(kind, known.then(|| format!("{path}:{symbol}")).as_ref(), *offset)
            }
            // Only the runtime reads line tables and notes.
            Attach::SourceLine { .. } | Attach::Usdt { .. } => "uprobe".to_string(),
            Attach::Interval { .. }
            | Attach::Profile { .. }
            | Attach::Software { .. }
            | Attach::Hardware { .. }
            | Attach::Watchpoint { .. } => "perf_event".to_string(),
            Attach::Iter { kind, .. } => format!("iter/{kind}"),
        }
    }
}

/// A place in a function, where that is one that libbpf finds.
fn placed(kind: &str, function: Option<&String>, offset: u64) -> String {
    match (function, offset) {
        (None, _) => kind.to_string(),
        (Some(function), 0) => format!("{kind}/{function}"),
        (Some(function), offset) => format!("{kind}/{function}+{offset:#x}"),
    }
}
