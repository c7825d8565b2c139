//! What a definition of a builtin consists of.

use btc_diagnostics::{Code, Diagnostic, Diagnostics, Severity, Span};
use btc_types::{StackMode, Type};

use crate::lowering::{Call, Lowered, Lowering};

/// A builtin variable or a function.
pub struct Function {
    /// The name as the user types it.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// Variable, function or aggregation.
    pub kind: Kind,
    /// Parameters in order.
    pub params: &'static [Param],
    /// The type of its value.
    pub returns: Returns,
    /// Where it may be used.
    pub probes: Probes,
    /// Whether it changes the traced system, which needs `--unsafe`.
    pub is_unsafe: bool,
    /// One paragraph for the documentation.
    pub doc: &'static str,
    /// Emits a call.
    pub lower: for<'a, 'm> fn(&'a mut (dyn Lowering<'m> + 'a), &Call) -> Lowered,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// How it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `pid`; `pid()` too.
    Variable,
    /// `printf(…)`
    Call,
    /// `count()`: only as the value of an assignment to a map.
    Aggregation,
}

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name in the documentation.
    pub name: &'static str,
    /// What it takes.
    pub kind: ParamKind,
    /// Whether it may be left out.
    pub optional: bool,
}

impl Param {
    /// A parameter that must be given.
    pub const fn new(name: &'static str, kind: ParamKind) -> Param {
        Param { name, kind, optional: false }
    }

    /// A parameter that may be left out.
    pub const fn optional(name: &'static str, kind: ParamKind) -> Param {
        Param { name, kind, optional: true }
    }
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// An integer, boolean or enum.
    Number,
    /// An integer or enum.
    Int,
    /// An integer known at compile time.
    LiteralInt,
    /// A text.
    Str,
    /// A text known at compile time.
    LiteralStr,
    /// A pointer, or an integer that is one.
    Address,
    /// One of these words, bare or quoted.
    Word(&'static [&'static str]),
    /// A map itself.
    Map,
    /// The key of the map before it.
    Key,
    /// A variable that takes a value of the map before it.
    Out,
    /// A number or truth value known at compile time: `sizeof(int) == 4` too.
    Constant,
    /// A type, such as `struct task_struct` or `typeof($x)`.
    Type,
    /// A field of the type before it; the value is its offset in bytes.
    Member,
    /// The name of a parameter of the script; the call is the parameter's value, of the
    /// type of the default that follows.
    Option,
    /// Anything with a value.
    Any,
    /// Anything, for the bytes that it has in memory: a `char` array stays one, and does not become a string.
    Bytes,
    /// Any number of values.
    Rest,
}

/// How the type of the value is found.
#[derive(Clone)]
pub enum Returns {
    /// Always the same.
    Fixed(Type),
    /// From the arguments; errors go to the check's diagnostics.
    Infer(fn(&mut Check) -> Type),
    /// A number or truth value that the compiler knows; the lowering hook is never called.
    Known(Type, fn(&mut Check) -> i64),
    /// The time in nanoseconds, a `uint64`, by the clock that the arguments tell.
    Time(fn(&[Arg]) -> Clock),
}

/// Which clock a number of nanoseconds is of, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// No clock's: a number like others.
    #[default]
    None,
    /// Since boot, suspend included.
    Boot,
    /// Since boot without suspend.
    Monotonic,
    /// International atomic time.
    Tai,
    /// It may be of one clock or of another.
    Several,
}

impl Clock {
    /// That of a number which is one of two. A plain one may be of any clock: it is the 0 that a variable begins with.
    pub fn or(self, other: Clock) -> Clock {
        match (self, other) {
            (Clock::None, clock) | (clock, Clock::None) => clock,
            (one, other) if one == other => one,
            _ => Clock::Several,
        }
    }
}

/// Where a builtin may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probes {
    /// Everywhere.
    Any,
    /// Where the program sees a function's entry registers: kprobe, uprobe, usdt, rawtracepoint.
    Arguments,
    /// Where it sees the registers of the code that was probed or interrupted.
    Registers,
    /// Where it sees a result.
    Result,
    /// Where the attach point is a function.
    Functions,
}

/// Facts about the probe that a call stands in.
#[derive(Clone, Debug, Default)]
pub struct ProbeFacts {
    /// The provider's name.
    pub provider: &'static str,
    /// Whether `arg0` and so on exist.
    pub has_arguments: bool,
    /// Whether the program runs where the function is entered, or its arguments are known in another way.
    pub is_entry: bool,
    /// Whether the attach point is a line of a source file.
    pub is_line: bool,
    /// Whether `reg()` can see registers.
    pub has_registers: bool,
    /// Type of `retval`, where it exists.
    pub result: Option<Type>,
    /// Whether the attach point is a function.
    pub is_function: bool,
    /// Whether it is a pattern, so that the program does not know which one fired.
    pub is_pattern: bool,
    /// Whether it traces user-space code, so that plain pointers are the process's.
    pub is_user: bool,
}

/// Settings that decide types.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes of text that `str()` reads.
    pub max_strlen: u32,
    /// Form of stacks.
    pub stack_mode: StackMode,
    /// Whether `--unsafe` was given.
    pub allow_unsafe: bool,
    /// What the use of `dw_ustack` is, which the setting `unstable_dw_ustack` says.
    pub dw_ustack: Option<Severity>,
}

/// A constant argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// An integer.
    Int(i64),
    /// A text.
    Str(Vec<u8>),
    /// A word.
    Word(String),
    /// `true` or `false`.
    Bool(bool),
}

/// An argument as the type rule and the lowering hook see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    /// Its type.
    pub ty: Type,
    /// Its value, where it is constant.
    pub literal: Option<Literal>,
    /// Its place.
    pub span: Span,
    /// The map, where it is one: its index.
    pub map: Option<u32>,
    /// Whether the map has keys.
    pub keyed: bool,
    /// Whether its bytes lie where the traced code or the kernel has them, so that what follows them can be read as well.
    pub remote: bool,
    /// Whether it is an element of a map that aggregates: `print(@m[k])`.
    pub element_of: Option<u32>,
    /// The clock that it is the time of.
    pub clock: Clock,
}

/// A call being checked.
pub struct Check<'a> {
    /// The function.
    pub function: &'static Function,
    /// Its arguments.
    pub args: &'a [Arg],
    /// The call's place.
    pub span: Span,
    /// The probe around it.
    pub probe: &'a ProbeFacts,
    /// Settings.
    pub settings: &'a Settings,
    /// The integer that a symbol of the probed binary is, where that is at hand.
    pub symbol_type: &'a dyn Fn(&str) -> Option<Type>,
    /// Whether an argument of the probe, by its position, has a sign.
    pub has_sign: &'a dyn Fn(u32) -> bool,
    /// Where errors go.
    pub diagnostics: &'a mut Diagnostics,
}

impl Check<'_> {
    /// Reports an error at `span`.
    pub fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(code, span, message));
    }

    /// Reports what is wrong with an argument. The call is the place, as in bpftrace; the argument is drawn in it.
    pub fn wrong_argument(&mut self, code: Code, n: usize, message: impl Into<String>) {
        let argument = self.args[n].span;
        self.diagnostics.push(Diagnostic::error(code, self.span, message).also(argument, "this argument"));
    }

    /// The integer of a literal argument.
    pub fn int(&self, n: usize) -> Option<i64> {
        match self.args.get(n)?.literal.as_ref()? {
            Literal::Int(i) => Some(*i),
            Literal::Bool(b) => Some(i64::from(*b)),
            _ => None,
        }
    }

    /// The text of a literal argument.
    pub fn text(&self, n: usize) -> Option<String> {
        literal_text(self.args.get(n)?)
    }
}

/// The text of a literal text or word.
pub(crate) fn literal_text(arg: &Arg) -> Option<String> {
    match arg.literal.as_ref()? {
        Literal::Str(s) => Some(String::from_utf8_lossy(s).into_owned()),
        Literal::Word(w) => Some(w.clone()),
        Literal::Int(_) | Literal::Bool(_) => None,
    }
}
