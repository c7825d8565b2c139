//! What objects and the runtime agree on: the manifest.
//!
//! The compiler writes a [`Manifest`] into the section [`SECTION`] of the object;
//! the runtime reads it. Nothing else passes between the two. This crate knows
//! neither the language nor the kernel, only bytes and what they mean.

mod attach;
mod describe;
mod encoding;
mod flaws;
mod format;
mod map;
pub mod number;
mod record;
mod read;
mod refusal;
mod section;
pub mod unwind;
pub mod wire;

pub use attach::{Attach, ClockUnit, Missing, Probe, ProbeIdentity};
pub use encoding::{BitRange, Encoding, EnumNames, FUNCTION_MARK, Field, StackMode, TimestampClock};
pub use format::{Conversion, FormatSpec, Segment};
pub use map::{MOST_CPUS, MOST_MAP_BYTES, Map, MapKind, PLAIN_CPUS, RINGBUF, Reduce, Stacks, TAKING};
pub use record::{Action, Loss, LossKind, Record, RecordId};
pub use read::Read;
pub use refusal::{REFUSAL, Refusal, Refused};
pub use section::is_pattern;

/// The section that holds the manifest. Not allocated, so any other loader ignores it.
pub const SECTION: &str = ".btc.manifest";

/// Format version. A reader accepts its own major version and any minor one.
pub const MAJOR: u16 = 2;
/// See [`MAJOR`].
pub const MINOR: u16 = 0;

/// Name of the ring buffer that carries records.
pub const EVENTS_MAP: &str = "btc_events";
/// Name of the second ring buffer, in which records of [`Action::is_control`] find room when the first is
/// full. The runtime reads it when it has read the first as far as that was filled by then.
pub const CONTROL_MAP: &str = "btc_control";
/// Name of the map of memory that does not fit the stack: per CPU, or, when that is too much for a per-CPU
/// map, an array with an entry for each CPU, whose number the runtime sets.
pub const SCRATCH_MAP: &str = "btc_scratch";
/// Kernel function (Linux 6.4) whose presence lets loops go on by the kernel's iterator over numbers. Objects refer to it weakly.
pub const ITERATORS: &str = "bpf_iter_num_new";
/// Name of the `.rodata` number (u64, 0 in the object) that tells loops to go all their rounds by that iterator: all bits set. The
/// runtime sets it where the kernel has [`ITERATORS`] and its verifier finds the programs too long otherwise.
pub const ITERATE: &str = "btc_iterate";
/// Name of the array of loss counters in `.bss`: one `u64` a [`Loss`], in order.
pub const LOSSES: &str = "btc_losses";
/// Name of the `.bss` flag (u32) that `exit()` sets, after which programs return at once.
pub const STOPPED: &str = "btc_stopped";
/// Kernel functions (Linux 6.10) between which no other task gets the CPU. Objects refer to them weakly.
pub const HOLD: [&str; 2] = ["bpf_preempt_disable", "bpf_preempt_enable"];
/// Kernel function of Linux 6.15, the first that lets programs call global functions between those two. Objects call those two where it
/// is present.
pub const HOLDS: &str = "bpf_res_spin_lock";
/// Name of the words in `.bss`, one a CPU, by which programs that the kernel may run within each other keep out of each other's
/// way: how many are there.
pub const GUARD: &str = "btc_guard";

/// Name of the words in `.bss`, laid out as those of [`GUARD`], that say how many updates of several steps are going on.
pub const UPDATES: &str = "btc_updates";

/// Numbers of system calls that each half of a [`Probe::table`] has an entry for.
pub const SYSCALLS: u32 = 1024;

/// A range of the script's text, in bytes, with the line and column (from 1) it begins at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Index into [`Manifest::sources`].
    pub file: u32,
    /// Line of the first byte, from 1.
    pub line: u32,
    /// Column of the first character, from 1.
    pub column: u32,
    /// Line of the end, from 1.
    pub end_line: u32,
    /// Column after the last character, from 1.
    pub end_column: u32,
}

/// Everything the runtime must know of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// Name and version of the compiler.
    pub compiler: String,
    /// The script first, then its imports.
    pub sources: Vec<Source>,
    /// What the target must offer.
    pub requirements: Vec<Requirement>,
    /// Probes in the order of the script; several may share a program.
    pub probes: Vec<Probe>,
    /// Positional and named parameters.
    pub params: Vec<Param>,
    /// Values that the runtime writes into `.rodata` before loading.
    pub globals: Vec<Global>,
    /// Maps of the script in the order of their names.
    pub maps: Vec<Map>,
    /// Stack tables.
    pub stacks: Vec<Stacks>,
    /// Records by id: `records[i].id == i`.
    pub records: Vec<Record>,
    /// Enumerator names used by encodings.
    pub enums: Vec<EnumNames>,
    /// Loss counters in the order of the [`LOSSES`] array.
    pub losses: Vec<Loss>,
    /// Instructions that the runtime patches before loading.
    pub patches: Vec<Patch>,
    /// Settings of the run, as `(name, value)`, only those that the script sets.
    pub settings: Vec<(String, String)>,
    /// What programs must not do without, by the number that their code has for it.
    pub refusals: Vec<Refusal>,
    /// Fields of the kernel that must be on the target what they are taken for.
    pub reads: Vec<Read>,
    /// Whether numbers among the arguments must have the size that they had where the object was made: it asks for more of
    /// them than their values.
    pub exact: bool,
    /// Arguments that programs name and no instruction reads: what they are gives others their types.
    pub named: Vec<NamedArgument>,
}

/// An argument or result that a program names, as in [`PatchValue::Argument`].
#[derive(Clone, Debug, PartialEq)]
pub struct NamedArgument {
    /// ELF symbol of the program.
    pub program: String,
    /// What it is an argument of.
    pub of: Typed,
    /// Its name there; empty for the result.
    pub name: String,
    /// What it is taken for.
    pub shape: Shape,
    /// Where the program takes all arguments at once, their names with commas between: there must be no others.
    pub all: String,
}

/// A source text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// File name without folders.
    pub name: String,
    /// SHA-256 of the text.
    pub hash: [u8; 32],
    /// The text, unless it was stripped.
    pub text: Option<String>,
}

/// Something that the target must have.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// What it is.
    pub kind: RequirementKind,
    /// Its name, such as `bpf_loop`, `struct sock.sk_protocol`.
    pub name: String,
    /// Whether the object does without (worse or slower) where it is missing.
    pub optional: bool,
}

/// Kinds of requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequirementKind {
    /// A BPF helper.
    Helper,
    /// A kernel function callable from BPF.
    Kfunc,
    /// A kernel type.
    Type,
    /// A field, written `struct x.field`.
    Field,
    /// An enumerator.
    EnumValue,
    /// A kernel release, such as `5.13`.
    Kernel,
    /// A permission that the user must give: `unsafe` functions by name.
    Unsafe,
}

/// A parameter of the script: `$1` or `getopt("name", …)`.
///
/// Its number lives in the `.rodata` variable `symbol` (`u64`); its text, where
/// the script uses it, in `text_symbol` (`text_capacity` bytes with the final NUL).
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Which one.
    pub kind: ParamKind,
    /// Type of the value.
    pub ty: ParamType,
    /// `.rodata` variable of the number; empty when unused.
    pub symbol: String,
    /// `.rodata` variable of the text; empty when unused.
    pub text_symbol: String,
    /// Size of the text variable in bytes.
    pub text_capacity: u32,
    /// What holds when the user gives nothing.
    pub default: String,
    /// One line for `--help`.
    pub help: String,
    /// Whether `default` is part of the code, as where a probe or a constant names it: no other value can be given.
    pub fixed: bool,
}

/// Which parameter it is.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamKind {
    /// `$n`, from 1.
    Positional(u32),
    /// `$#`
    Count,
    /// `--name`
    Named(String),
}

/// Type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamType {
    /// A number of 64 bits with sign.
    Int,
    /// A flag.
    Bool,
    /// A text.
    Str,
    /// A number with sign, and its text: `$1` used in both ways.
    Any,
    /// A number without sign.
    Unsigned,
}

/// A `.rodata` variable that the runtime fills before loading. All are `u64`.
#[derive(Clone, Debug, PartialEq)]
pub struct Global {
    /// Its symbol.
    pub symbol: String,
    /// What to write.
    pub value: GlobalValue,
    /// Where the script first asks for it.
    pub place: Option<Place>,
}

/// What the runtime writes into a variable.
#[derive(Clone, Debug, PartialEq)]
pub enum GlobalValue {
    /// Process id of the `-c` child or `-p` process, else 0.
    ChildPid,
    /// 1 when there is a child, else 0.
    HasChild,
    /// Number of possible CPUs.
    Cpus,
    /// `CLOCK_BOOTTIME` at the start of the run, in nanoseconds.
    StartTime,
    /// Process id of the tracer.
    OwnPid,
    /// Device number of the tracer's pid namespace (`st_dev` of /proc/self/ns/pid), as the kernel counts it.
    PidNamespaceDevice,
    /// Inode of the tracer's pid namespace; 0 when that is the initial one.
    PidNamespaceInode,
    /// Address of a kernel symbol, 0 when it does not exist.
    KernelAddress(String),
    /// Value of an enumerator of a kernel enum that has no tag, and what it is where the object was made, which the
    /// variable holds from the start.
    Constant(String, i64),
    /// 1 when the kernel takes no keys over 512 bytes (Linux 5.10), so that maps have [`Map::short_key`], else 0.
    ShortKeys,
    /// Id of the cgroup (v2) at a path.
    CgroupId(String),
    /// Address of a symbol in a user binary: path and symbol.
    UserAddress(String, String),
    /// 1 when the kernel has a kfunc and lets the programs of a provider call it, else 0.
    KfuncAllowed {
        /// The kfunc.
        name: String,
        /// The provider, such as `kprobe`.
        provider: String,
    },
    /// `CLOCK_REALTIME` less `CLOCK_BOOTTIME` at the start of the run, in nanoseconds.
    RealtimeOffset,
    /// `CLOCK_TAI` less `CLOCK_BOOTTIME` at the start of the run, in nanoseconds.
    TaiOffset,
    /// Process id, as the tracer's pid namespace counts it, of the only process whose events count; 0 when all do.
    Extent,
    /// Byte offset of `real_parent` in the running kernel's `struct task_struct` where events of that process's
    /// descendants count too, else 0.
    ParentOffset,
    /// Byte offset of `tgid` there, else 0.
    ProcessOffset,
}

/// An instruction whose immediate or offset the runtime patches before loading.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// ELF symbol of the program.
    pub program: String,
    /// Instruction, counted in 8-byte slots from the program's start.
    pub insn: u32,
    /// What to put there.
    pub value: PatchValue,
}

/// What a patch puts into an instruction.
#[derive(Clone, Debug, PartialEq)]
pub enum PatchValue {
    /// 32-bit immediate: identity of the attach point where attach cookies do not exist.
    ProbeIdentity,
    /// 32-bit immediate: 0 where the program is attached to the probe's own events, 1 or 2 where a copy is attached
    /// to the entry or the exit of all system calls and looks into [`Probe::table`].
    SyscallTable,
    /// A part of where an argument of a USDT probe is; each location has a copy of the program.
    UsdtArgument {
        /// Which argument, from 0.
        index: u32,
        /// Which part.
        part: UsdtPart,
    },
    /// Where an argument or the result of a function or event is: the target's prototype or `format` file tells.
    Argument {
        /// What it is an argument of.
        of: Typed,
        /// Its name there; empty for the result.
        name: String,
        /// What the program takes it for.
        shape: Shape,
        /// Which part.
        part: ArgumentPart,
    },
}

/// What the target describes with the names of its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Typed {
    /// A function of the kernel, or of a module, with its prototype among their types. The context is an array of 64-bit
    /// words, of which an argument takes as many as its size needs.
    Function {
        /// The module; `vmlinux` or empty for the kernel.
        module: String,
        /// The function.
        function: String,
    },
    /// A raw tracepoint, with a prototype too. Each argument is one word.
    RawTracepoint {
        /// The event.
        event: String,
    },
    /// A tracepoint, with fields in its `format` file. In a probe that names many it stands for each of them.
    Tracepoint {
        /// Category.
        category: String,
        /// Event.
        event: String,
    },
}

/// What a program takes a value for, and so what the target's must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A number, `bool` or enum. One of the target fits that has no values that this one has not.
    Int {
        /// 1, 2, 4 or 8 bytes.
        size: u8,
        /// Sign.
        signed: bool,
    },
    /// A pointer.
    Pointer {
        /// To what: `struct x`, `union x`, `u4` or `s4` for a number of so many bytes, `*` and again one of these for
        /// another pointer, `[n]` and again one of these for an array, whose bytes are `1`; empty for anything else,
        /// which fits all.
        to: String,
    },
    /// A struct or union, passed by value.
    Record {
        /// With its keyword, as in [`Shape::Pointer`].
        name: String,
        /// Size in bytes.
        size: u32,
    },
    /// A field of a tracepoint, as the build's `format` file describes it.
    Field {
        /// The type's words: `const char *`, `u8[16]`, `__data_loc char[]`.
        spelling: String,
        /// Size in bytes.
        size: u32,
        /// Sign.
        signed: bool,
    },
}

/// A part of an argument's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArgumentPart {
    /// 16-bit offset of a load, immediate of an addition or move: offset in bytes in the context. A load of a
    /// tracepoint's number gets the target's width, too.
    Offset,
    /// 32-bit immediate of a shift to the left or to the right: bits above the value in its word. The one to the right
    /// becomes an arithmetic one where the target's number has a sign, a logical one where not.
    Extend,
    /// 32-bit immediate: 1 where the target's verifier lets a program load the word as it is, else 0; asked for pointers.
    Direct,
}

/// Where an argument of a USDT probe is, in parts (Systemtap's note format: `-4@-20(%rbp)`).
///
/// All are 32-bit immediates but `Base` and `Index`, 16-bit offsets of loads from `struct pt_regs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UsdtPart {
    /// 0: the constant `High << 32 | Low`; 1: the register `Base`; 2: memory at `Base` plus `Low`;
    /// 3: memory at `Base` plus `Index << Scale` plus `Low`. 4: there is no such argument.
    Kind,
    /// Lower half of a constant, or the distance in memory, with sign.
    Low,
    /// Upper half of a constant.
    High,
    /// Offset of a register in `struct pt_regs`.
    Base,
    /// Offset of another.
    Index,
    /// How many bits it is shifted.
    Scale,
    /// Bits above the value in its 64-bit word.
    Shift,
    /// 1 when the value has a sign.
    Signed,
}
