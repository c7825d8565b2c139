//! Probes: what to attach and what to do when it cannot be.

use crate::{Place, Typed};

/// One attach point of the script.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The attach point in bpftrace's normal form, such as `kprobe:vfs_*`; the value of `probe`.
    pub name: String,
    /// ELF symbol of the program.
    pub program: String,
    /// How to attach.
    pub attach: Attach,
    /// What to do when the target lacks it.
    pub missing: Missing,
    /// How the program learns which attach point fired.
    pub identity: ProbeIdentity,
    /// Where it stands in the script.
    pub place: Place,
    /// Index of the first attach point of the same list. A wildcard that nothing matches is
    /// missing only if the whole list is.
    pub clause: u32,
    /// ELF symbol of a variable in `.bss` of twice [`crate::SYSCALLS`] `u32`, where the attach points may be tracepoints of
    /// single system calls and the program can stand for all of them: by the number of the system call, those of
    /// entries first, what the program takes for the attach point's number; 0 where nothing is traced. Else empty.
    pub table: String,
}

impl Probe {
    /// What messages call it: its name, with an address as people write it. (The value of `probe` has it in decimal, as bpftrace's.)
    pub fn title(&self) -> String {
        match &self.attach {
            Attach::Uprobe { symbol: of, offset, .. } | Attach::Kprobe { function: of, offset, .. } if of.is_empty() => {
                let before = self.name.strip_suffix(&offset.to_string());
                before.map_or_else(|| self.name.clone(), |before| format!("{before}{offset:#x}"))
            }
            _ => self.name.clone(),
        }
    }
}

/// How a program knows its attach point, for `probe` and `func`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeIdentity {
    /// It does not need to, or the compiler put the probe's index into the code.
    Static,
    /// The runtime numbers all attach points that wildcards expand to, from
    /// `probes.len()` up, and passes the number as attach cookie; where the
    /// kernel has none, it loads a copy of the program for each with the number
    /// patched in ([`crate::PatchValue::ProbeIdentity`]).
    Dynamic,
}

/// What to do with a probe that does not exist on the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// Stop before anything runs.
    #[default]
    Error,
    /// Tell and go on.
    Warn,
    /// Go on.
    Ignore,
}

/// Unit of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockUnit {
    /// The number is a period in nanoseconds.
    Nanoseconds,
    /// The number is a frequency in hertz.
    Hertz,
}

/// What a program is attached to. Names may hold wildcards (`*`, `?`, `[…]`),
/// which the runtime expands.
#[derive(Clone, Debug, PartialEq)]
pub enum Attach {
    /// Run once before anything else is attached (raw tracepoint program, by test run).
    Begin,
    /// Run once at the end, likewise.
    End,
    /// Run when the tracer gets a signal, likewise.
    SelfSignal {
        /// `SIGUSR1`
        signal: String,
    },
    /// Run by `btc test`: `test:name`.
    Test {
        /// The name.
        name: String,
    },
    /// Run by `btc bench`: `bench:name`.
    Bench {
        /// The name.
        name: String,
    },
    /// A tracepoint.
    Tracepoint {
        /// Category, such as `syscalls`.
        category: String,
        /// Event, such as `sys_enter_openat`.
        event: String,
    },
    /// A raw tracepoint.
    RawTracepoint {
        /// Module, or `vmlinux` for the kernel itself; empty for any.
        module: String,
        /// Event, such as `sched_switch`, or pattern.
        event: String,
        /// Whether the program's arguments are typed by BTF (tp_btf).
        typed: bool,
    },
    /// Entry of, or a place in, a kernel function, or its return.
    Kprobe {
        /// Module; empty for any.
        module: String,
        /// Function or pattern; empty when `offset` is an absolute address.
        function: String,
        /// Bytes from the function's start.
        offset: u64,
        /// Whether the program runs when the function returns.
        ret: bool,
    },
    /// Typed entry or exit of a kernel function.
    Fentry {
        /// Module or pattern; `vmlinux`, or nothing, for the kernel itself.
        module: String,
        /// Function or pattern.
        function: String,
        /// Whether the program runs when the function returns.
        ret: bool,
    },
    /// Entry or exit of a function of a BPF program in the kernel.
    FentryProgram {
        /// Number of the program; 0 for any.
        id: u32,
        /// Function or pattern.
        name: String,
        /// Whether the program runs when the function returns.
        ret: bool,
    },
    /// A place in a user-space binary.
    Uprobe {
        /// Path, or library name such as `libc`.
        path: String,
        /// Symbol or pattern; empty when `offset` is a file address.
        symbol: String,
        /// Bytes from the symbol, or an address in the file.
        offset: u64,
        /// Whether the program runs when the function returns.
        ret: bool,
        /// Whether `symbol` is matched against demangled names.
        demangle: bool,
    },
    /// A statement of a source file that a user-space binary was compiled from.
    SourceLine {
        /// Path of the binary, or library name such as `libc`.
        path: String,
        /// The source file, or the end of its path.
        file: String,
        /// Line, from 1.
        line: u64,
        /// Column, from 1; 0 for any.
        column: u64,
    },
    /// A statically defined user-space probe.
    Usdt {
        /// Path or library name; empty when a pid names the process.
        path: String,
        /// Provider or pattern; empty for any.
        provider: String,
        /// Name or pattern.
        name: String,
    },
    /// A timer on one CPU.
    Interval {
        /// Period or frequency.
        unit: ClockUnit,
        /// How much.
        value: u64,
    },
    /// A timer on every CPU.
    Profile {
        /// Period or frequency.
        unit: ClockUnit,
        /// How much.
        value: u64,
    },
    /// A software counter of `perf_event_open`.
    Software {
        /// bpftrace's name, such as `page-faults`.
        event: String,
        /// Events between two samples; 0 for the default.
        count: u64,
    },
    /// A hardware counter of `perf_event_open`.
    Hardware {
        /// bpftrace's name, such as `cache-misses`.
        event: String,
        /// Events between two samples; 0 for the default.
        count: u64,
    },
    /// A memory watchpoint.
    Watchpoint {
        /// Absolute address.
        address: u64,
        /// Bytes watched: 1, 2, 4 or 8.
        length: u8,
        /// Letters of `r`, `w`, `x`.
        mode: String,
    },
    /// A BPF iterator.
    Iter {
        /// `task`, `task_file`, …
        kind: String,
        /// Name to pin under; empty to read it out once.
        pin: String,
    },
}

impl Attach {
    /// Whether the program runs where a function is entered.
    pub fn is_entry(&self) -> bool {
        match self {
            Attach::Kprobe { function: name, offset, ret, .. } | Attach::Uprobe { symbol: name, offset, ret, .. } => {
                !name.is_empty() && *offset == 0 && !ret
            }
            Attach::Fentry { ret, .. } | Attach::FentryProgram { ret, .. } => !ret,
            _ => false,
        }
    }

    /// The user binary that it is in, as probes name it.
    pub fn binary(&self) -> Option<&str> {
        match self {
            Attach::Uprobe { path, .. } | Attach::SourceLine { path, .. } | Attach::Usdt { path, .. } => {
                Some(path.as_str()).filter(|p| !p.is_empty())
            }
            _ => None,
        }
    }

    /// What the target tells the arguments of.
    pub fn typed(&self) -> Option<Typed> {
        match self {
            Attach::Fentry { module, function, .. } => {
                Some(Typed::Function { module: module.clone(), function: function.clone() })
            }
            Attach::RawTracepoint { event, .. } => Some(Typed::RawTracepoint { event: event.clone() }),
            Attach::Tracepoint { category, event } => {
                Some(Typed::Tracepoint { category: category.clone(), event: event.clone() })
            }
            _ => None,
        }
    }

    /// Whether it is a place in a function, or an address, so that its name does not end with the function's.
    pub fn is_within_function(&self) -> bool {
        match self {
            Attach::Uprobe { symbol: of, offset, .. } | Attach::Kprobe { function: of, offset, .. } => *offset != 0 || of.is_empty(),
            _ => false,
        }
    }

    /// Whether only the host knows what the attach point is called there, though it is no pattern.
    pub fn is_named_late(&self) -> bool {
        match self {
            Attach::SourceLine { .. } | Attach::FentryProgram { .. } | Attach::Uprobe { demangle: true, .. } => true,
            Attach::Usdt { provider, .. } => provider.is_empty(),
            _ => false,
        }
    }
}
