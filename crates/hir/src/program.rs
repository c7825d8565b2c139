//! Programs, probes and statements.

use btc_abi::{Attach, Missing};
use btc_diagnostics::Span;
use btc_providers::{Location, Provider};
use btc_types::{RecordType, Type};

use crate::{BinaryOp, Expr, FieldStep, MapId, VarId};

/// A checked script.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Maps in the order of their names.
    pub maps: Vec<Map>,
    /// Parameters.
    pub params: Vec<Param>,
    /// Probes in order; one for each attach point.
    pub probes: Vec<Probe>,
    /// Settings for the runtime, as `(name, value)`.
    pub settings: Vec<(String, String)>,
    /// Licence of the programs.
    pub license: String,
    /// Unsafe functions that are used.
    pub unsafe_functions: Vec<&'static str>,
    /// Structs and unions whose layout is fixed: the script's own, what it uses of user binaries, and those of
    /// the kernel that it uses and that have no name.
    pub records: Vec<Record>,
    /// Enums and typedefs of the kernel that the script names.
    pub kernel_types: Vec<KernelType>,
}

/// A type of the kernel that the script names: its own size and sign go into casts, `sizeof` and the script's structs.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelType {
    /// How C writes it: `enum x`, `typedef x`; `enum ` where it has no tag.
    pub name: String,
    /// Of an enum without a tag, one of its enumerators.
    pub enumerator: String,
    /// What it is on the build's target.
    pub ty: Type,
    /// Whether enumerators alone are named.
    pub by_value: bool,
    /// Where.
    pub span: Span,
}

/// A struct or union of the script or a user binary.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its type.
    pub ty: RecordType,
    /// Its fields in order, those of anonymous members included.
    pub fields: Vec<RecordField>,
}

/// A field of a struct or union.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordField {
    /// Where it is.
    pub step: FieldStep,
    /// Its type; bit fields have the type of their storage.
    pub ty: Type,
}

/// A map of the script.
#[derive(Clone, Debug)]
pub struct Map {
    /// Its name, with the `@`.
    pub name: String,
    /// The key; `None` for a map without.
    pub key: Option<Type>,
    /// Whether it was written with several keys, `@m[a, b]`.
    pub multi_key: bool,
    /// The value, or an aggregation.
    pub value: Type,
    /// The kind that was declared; `None` lets the compiler choose.
    pub kind: Option<MapKind>,
    /// Number of entries that was declared or set.
    pub entries: Option<u32>,
    /// Whether an aggregation is also read as a number in a probe.
    pub read_as_number: bool,
    /// The first use.
    pub span: Span,
}

/// Kinds of maps that a script declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum MapKind {
    Hash,
    LruHash,
    PerCpuHash,
    LruPerCpuHash,
}

/// A parameter of the script.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Which one.
    pub kind: ParamKind,
    /// Its type.
    pub ty: ParamType,
    /// Whether its number is used.
    pub uses_number: bool,
    /// Whether its text is used.
    pub uses_text: bool,
    /// What holds when the user gives nothing.
    pub default: String,
    /// One line for `--help`.
    pub help: String,
    /// Whether `default` is part of the code: a probe or a constant names the parameter.
    pub fixed: bool,
}

pub use btc_abi::{ParamKind, ParamType};

/// One attach point with its action.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What kind.
    pub provider: &'static Provider,
    /// What it is attached to.
    pub attach: Attach,
    /// The attach point in normal form.
    pub name: String,
    /// What to do when the target lacks it.
    pub missing: Missing,
    /// Whether `probe` or `func` is used and wildcards make it vary.
    pub dynamic_identity: bool,
    /// Where a result that the target finds is, and its type.
    pub result: Option<(Location, Type)>,
    /// `/…/`
    pub predicate: Option<Expr>,
    /// Whether the predicate defines variables, in block expressions.
    pub predicate_vars: bool,
    /// Whether there is a loop over a map.
    pub map_loops: bool,
    /// Fields of the kernel, arguments and what may hold one whose type the script asks for, as in `typeof(args.size)`. They
    /// are not evaluated.
    pub typed_by: Vec<Expr>,
    /// What the compiler has decided by sizes and places of the kernel (`if comptime`), as conditions that hold where it did.
    pub decided: Vec<Expr>,
    /// Fields of the kernel and arguments that the script takes for values, evaluated or not: others have their types from them.
    /// What leads to their records is left out.
    pub named: Vec<Expr>,
    /// Whether `args` as a whole is one of these values.
    pub takes_all_arguments: bool,
    /// The action.
    pub body: Block,
    /// Its variables.
    pub vars: Vec<Var>,
    /// The attach point's place.
    pub span: Span,
    /// The whole probe's place.
    pub whole: Span,
}

/// A variable of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Var {
    /// Its name, with the `$`.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether `&$x` takes its address.
    pub addressed: bool,
    /// Whether the body of a loop over a map uses it.
    pub shared: bool,
    /// Whether `let` gives its type, which no assignment widens.
    pub declared: bool,
}

/// Statements in order.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// The statements.
    pub stmts: Vec<Stmt>,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// Its place.
    pub span: Span,
}

/// The kinds of statements.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// An expression for its effect.
    Expr(Expr),
    /// `$x = value`
    SetVar {
        /// The variable.
        var: VarId,
        /// The value; converted to the variable's type.
        value: Expr,
    },
    /// `let $x;` in a loop: each round begins with 0.
    ZeroVar {
        /// The variable.
        var: VarId,
    },
    /// `@m[k] = value`
    SetMap {
        /// The map.
        map: MapId,
        /// The key; converted to the map's key type.
        key: Option<Expr>,
        /// The value; converted to the map's value type.
        value: Expr,
    },
    /// `@m[k] op= value`, of integers.
    UpdateMap {
        /// The map.
        map: MapId,
        /// The key.
        key: Option<Expr>,
        /// The operator.
        op: BinaryOp,
        /// The right operand, a 64-bit integer.
        value: Expr,
    },
    /// `@m[k] = count()`: the call's hook updates the stored parts.
    Aggregate {
        /// The map.
        map: MapId,
        /// The key.
        key: Option<Expr>,
        /// A call of an aggregation.
        call: Expr,
    },
    /// `if`
    If {
        /// The condition, a truth value.
        condition: Expr,
        /// When true.
        then: Block,
        /// When false.
        otherwise: Block,
    },
    /// `while`
    While {
        /// The condition.
        condition: Expr,
        /// The body.
        body: Block,
    },
    /// `for ($x : start..end)`
    ForRange {
        /// The variable.
        var: VarId,
        /// First value.
        start: Expr,
        /// Value after the last.
        end: Expr,
        /// The body.
        body: Block,
    },
    /// `for ($kv : @m)`
    ForMap {
        /// The variable: a tuple of key and value.
        var: VarId,
        /// The map.
        map: MapId,
        /// The body.
        body: Block,
    },
    /// `unroll (n)`
    Unroll {
        /// How often.
        count: u32,
        /// The body.
        body: Block,
    },
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `return`; the value is the program's result.
    Return(Option<Expr>),
    /// `{ … }`
    Block(Block),
}
