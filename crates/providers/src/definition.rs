//! What a definition of a provider consists of.

use btc_abi::{Attach, ClockUnit, Shape, Typed};
use btc_diagnostics::Code;
use btc_target::Target;
use btc_types::Type;

/// Hands out the attach points that a search matches: the target, the search, and who takes them.
pub type List = fn(&Target, &str, &mut dyn FnMut(&str));

/// A kind of probe.
pub struct Provider {
    /// The name, as `probetype` yields it.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// How attach points look, for messages and documentation.
    pub syntax: &'static str,
    /// One paragraph for the documentation.
    pub doc: &'static str,
    /// What the program's context is.
    pub context: Context,
    /// Reads an attach point.
    pub parse: fn(&Parse) -> Result<Attach, ProbeError>,
    /// Whether the target has it; wildcards ask for at least one match.
    pub exists: fn(&Target, &Attach) -> Existence,
    /// The attach point in normal form: the value of `probe`.
    pub normal: fn(&Attach) -> String,
    /// The arguments `args.x`; `None` when the provider or this attach point has none.
    pub arguments: fn(&Target, &Attach) -> Option<Vec<Argument>>,
    /// Why there are no arguments, or not the one of that name, where more can be said than that.
    pub no_arguments: fn(&Target, &Attach, Option<&str>) -> Option<String>,
    /// Whether `arg0` and so on exist.
    pub has_registers: bool,
    /// Whether an argument by position, `arg0` and so on, is a number with a sign; all of them are 64 bits wide.
    pub has_sign: fn(&Target, &Attach, u32) -> bool,
    /// Whether `retval` exists, and its type.
    pub result: Option<fn(&Target, &Attach) -> Type>,
    /// Whether the attach point is a function, so that `func` exists.
    pub is_function: bool,
    /// Whether it traces user-space code.
    pub is_user: bool,
    /// What there is to attach to, for listings: hands out each attach point that a search matches, without
    /// the provider's name. The search is what stands behind `provider:`.
    pub list: List,
    /// Whether a search without a provider finds it.
    pub is_listed: bool,
    /// What programs read there, as C declares it, for listings.
    pub fields: fn(&Target, &Attach) -> Vec<String>,
    /// The kernel struct that `ctx` points at, for providers that have it.
    pub ctx_record: fn(&Attach) -> Option<String>,
    /// Where in the context the object is, in bytes, of which the kernel has none when it calls once more behind the last.
    pub object: Option<i32>,
    /// Where the context has the number of the system call, if what an attach point matches may be the tracepoints of
    /// many: the kernel has an event that stands for all of them, with the same context.
    pub syscall_number: fn(&Attach) -> Option<Location>,
    /// Whether this attach point needs `--unsafe`.
    pub is_unsafe: fn(&Attach) -> bool,
    /// What a process given by `-p` or `-c` makes of it.
    pub extent: Extent,
    /// Whether the kernel may run its programs within each other on one CPU. It keeps all others apart (`bpf_prog_active`, or a word
    /// of each program) and counts what it left out. Those of uprobes it runs with migration disabled but preemption enabled and
    /// without any such word, since Linux 6.0 (`bpf_prog_run_array_uprobe`, `uprobe_prog_run`): they may sleep.
    pub nests: bool,
}

impl Provider {
    /// A provider that offers nothing; definitions say what they add.
    pub const DEFAULT: Provider = Provider {
        name: "",
        aliases: &[],
        syntax: "",
        doc: "",
        context: Context::None,
        parse: |_| Err(ProbeError { code: Code::Internal, message: String::new(), help: None }),
        exists: |_, _| Existence::Yes,
        normal: |_| String::new(),
        arguments: |_, _| None,
        no_arguments: |_, _, _| None,
        has_registers: false,
        has_sign: |_, _, _| false,
        result: None,
        is_function: false,
        is_user: false,
        list: |_, _, _| {},
        is_listed: false,
        fields: |_, _| Vec::new(),
        ctx_record: |_| None,
        object: None,
        syscall_number: |_| None,
        is_unsafe: |_| false,
        extent: Extent::Tree,
        nests: false,
    };
}

impl Provider {
    /// Whether programs of the two never run within each other on one CPU. One word for all keeps those of kprobes,
    /// tracepoints and perf events apart (kernel: `bpf_prog_active`), one of btc's those of uprobes; fentry, raw tracepoints
    /// and iterators have a word for each program, which keeps it from itself. BEGIN and END have the CPUs for themselves.
    pub fn keeps_apart(&self, other: &Provider) -> bool {
        let by_kernel = |p: &Provider| {
            !p.nests && matches!(p.context, Context::Registers | Context::Tracepoint | Context::PerfEvent)
        };
        let alone = |p: &Provider| matches!(p.name, "begin" | "end");
        by_kernel(self) && by_kernel(other) || self.nests && other.nests || alone(self) || alone(other)
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Provider {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Which events of an attach point count where a process is given by `-p` or `-c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Those that find a thread of that process running, or one that descends from the command.
    Tree,
    /// Those that find a thread of that process running: an address is its own.
    Process,
    /// All: what runs when it fires has nothing to do with it.
    All,
}

/// What the context pointer of a program points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Nothing to read: BEGIN, END and the like.
    None,
    /// `struct pt_regs`.
    Registers,
    /// `struct pt_regs`, with arguments where the probe's note says.
    Usdt,
    /// The record of a tracepoint.
    Tracepoint,
    /// `struct bpf_perf_event_data`, whose first member is `struct pt_regs`.
    PerfEvent,
    /// An array of 64-bit arguments: fentry, fexit, raw tracepoints.
    Slots,
    /// The struct that `ctx` names: iterators.
    Record,
}

/// A place an argument is read from.
#[derive(Clone, Debug, PartialEq)]
pub enum Location {
    /// What the target finds by its name.
    Named {
        /// What it is an argument of.
        of: Typed,
        /// Its name; empty for the result.
        name: String,
        /// What the program takes it for.
        shape: Shape,
        /// Where loaders that know no patches find it, if they can.
        core: Option<Field>,
    },
    /// A field of a kernel struct.
    Record(Field),
    /// A function's argument in its register, by position from 0.
    Register(u32),
    /// So many bytes above the stack pointer of the probed function.
    Stack(u32),
}

/// A field of a kernel struct that the context is (CO-RE).
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The struct, such as `trace_event_raw_sched_switch`.
    pub record: String,
    /// The member.
    pub member: String,
    /// The element, where the member is an array: syscall arguments.
    pub index: Option<u32>,
    /// Whether it is a word of 8 bytes, whatever the argument's type.
    pub word: bool,
}

/// What a program takes a value of a type for.
pub fn shape_of(ty: &Type) -> Shape {
    match ty {
        Type::Pointer { to, .. } => Shape::Pointer { to: described(to) },
        Type::Record(record) => Shape::Record { name: described(ty), size: record.size },
        other => Shape::Int { size: other.size().clamp(1, 8) as u8, signed: other.is_signed() },
    }
}

/// What a type is on any kernel, as [`Shape::Pointer`] tells what is pointed at; empty for what is not compared.
pub fn described(ty: &Type) -> String {
    match ty {
        Type::Record(r) if !r.name.starts_with('.') => {
            format!("{} {}", if r.union { "union" } else { "struct" }, r.name)
        }
        Type::Pointer { to, .. } => format!("*{}", described(to)),
        Type::Bool => "b1".to_string(),
        Type::Int { .. } | Type::Enum(_) => {
            format!("{}{}", if ty.is_signed() { 's' } else { 'u' }, ty.size())
        }
        Type::Str { capacity, .. } => format!("[{capacity}]1"),
        Type::Array { element, count, .. } if matches!(**element, Type::Int { size: 1, .. } | Type::Bool) => format!("[{count}]1"),
        Type::Array { element, count, .. } => format!("[{count}]{}", described(element)),
        _ => String::new(),
    }
}

/// A named argument of an attach point.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Its type as C spells it, for listings.
    pub spelling: String,
    /// Where it is.
    pub location: Location,
    /// Whether the place holds `length << 16 | offset` of bytes in the record;
    /// `Some(true)` counts from the field's end.
    pub dynamic: Option<bool>,
}

impl Argument {
    /// One that the target finds by its name.
    pub fn named(of: Typed, name: String, ty: Type) -> Argument {
        let location = Location::Named { of, name: name.clone(), shape: shape_of(&ty), core: None };
        Argument { spelling: ty.to_string(), name, ty, location, dynamic: None }
    }
}

/// What the target says of an attach point.
#[derive(Clone, Debug, PartialEq)]
pub enum Existence {
    /// It is there, or it is decided where the object runs.
    Yes,
    /// The target cannot be asked.
    Unknown,
    /// It is not there; with names that are, for a suggestion.
    No(Vec<String>),
}

/// An attach point that some target may have.
pub(crate) fn sound(attach: Attach) -> Result<Attach, ProbeError> {
    attach.flaw().map_or(Ok(attach), |flaw| Err(ProbeError::syntax(flaw)))
}

/// Why an attach point is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeError {
    /// The diagnostic's code.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl ProbeError {
    /// An attach point that is not written as its provider wants.
    pub fn syntax(message: impl Into<String>) -> Self {
        ProbeError { code: Code::BadProbe, message: message.into(), help: None }
    }

    /// Adds a way out.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// An attach point split at its colons.
#[derive(Clone, Debug)]
pub struct Parse {
    /// The provider as written, lower case for BEGIN and END.
    pub provider: String,
    /// The parts behind the first colon, quotes taken off.
    pub parts: Vec<String>,
    /// Everything behind the first colon as written.
    pub rest: String,
}

impl Parse {
    /// Splits the text of an attach point. Colons inside quotes do not count.
    pub fn new(text: &str) -> Parse {
        let mut parts = split_list(text, ':');
        let provider = if parts.is_empty() { String::new() } else { parts.remove(0) };
        let rest = text.split_once(':').map_or("", |(_, rest)| rest).to_string();
        Parse { provider, parts, rest }
    }

    /// Exactly `n` parts, none of them empty.
    pub fn exactly<const N: usize>(&self, syntax: &str) -> Result<[&str; N], ProbeError> {
        let wrong = || match self.parts.len().cmp(&N) {
            std::cmp::Ordering::Less => ProbeError::syntax("a part is missing"),
            std::cmp::Ordering::Greater => ProbeError::syntax("this has too many parts"),
            std::cmp::Ordering::Equal => ProbeError::syntax(format!("a part of `{syntax}` is empty")),
        };
        if self.parts.len() != N || self.parts.iter().any(String::is_empty) {
            return Err(wrong());
        }
        let parts: Vec<&str> = self.parts.iter().map(String::as_str).collect();
        parts.try_into().map_err(|_| wrong())
    }
}

/// Splits at a separator outside of quotes; trims the parts and takes quotes off.
pub fn split_list(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        if c == '"' {
            quoted = !quoted;
        } else if c == separator && !quoted {
            parts.push(std::mem::take(&mut part).trim().to_string());
        } else {
            part.push(c);
        }
    }
    parts.push(part.trim().to_string());
    parts
}

/// A whole number as the language writes it: `1_000`, `0x20`, `1e6`.
pub fn number(text: &str) -> Option<u64> {
    let text = text.replace('_', "");
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    match (text.strip_prefix("0x"), text.split_once(['e', 'E'])) {
        (Some(hex), _) => u64::from_str_radix(hex, 16).ok(),
        (None, Some((digits, zeros))) => 10u64.checked_pow(zeros.parse().ok()?)?.checked_mul(digits.parse().ok()?),
        (None, None) => text.parse().ok(),
    }
}

/// Nanoseconds of the units that stand before a number, `ms:10`, and of those that only a duration has, `10ms`: before a number `m`
/// would be a slip for `ms`, a thousand times as long.
const UNITS: &[(&str, u64)] = &[("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
const DURATIONS: &[(&str, u64)] = &[("ns", 1), ("m", 60_000_000_000), ("h", 3_600_000_000_000), ("d", 86_400_000_000_000)];

/// The timer that `unit:number` or a duration such as `10ms` means.
pub fn duration(parse: &Parse, syntax: &str) -> Result<(ClockUnit, u64), ProbeError> {
    let (units, unit, number) = match parse.parts.as_slice() {
        [unit, number] => (UNITS.to_vec(), unit.clone(), number.clone()),
        [one] => {
            let at = one.rfind(|c: char| c.is_ascii_digit()).map_or(0, |last| last + 1);
            let (number, unit) = one.split_at(at);
            let unit = if unit.is_empty() { "ns" } else { unit };
            ([UNITS, DURATIONS].concat(), unit.to_string(), number.to_string())
        }
        _ => return Err(ProbeError::syntax(format!("this is not written as `{syntax}`"))),
    };
    let value = self::number(&number).ok_or_else(|| {
        ProbeError::syntax(format!("`{number}` is not a number")).help(format!("write it as `{syntax}`"))
    })?;
    if unit == "hz" {
        return Ok((ClockUnit::Hertz, value));
    }
    let Some((_, scale)) = units.iter().find(|(name, _)| *name == unit) else {
        let error = ProbeError::syntax(format!("`{unit}` is no unit of a timer"));
        let help = match DURATIONS.iter().any(|(name, _)| *name == unit) {
            true => format!("write a duration, `{number}{unit}`, or one of `hz`, `us`, `ms` and `s` before the number"),
            false => "the units are `hz`, `us`, `ms` and `s`".to_string(),
        };
        return Err(error.help(help));
    };
    let ns = value.checked_mul(*scale).ok_or_else(|| ProbeError::syntax("this time is too long"))?;
    Ok((ClockUnit::Nanoseconds, ns))
}
