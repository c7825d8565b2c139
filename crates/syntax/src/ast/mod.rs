//! The untyped syntax tree: what the script says, with a span on every node.
//!
//! The tree holds no semantic facts. Macros and imports are still in it; `sema`
//! resolves them.

mod c;
mod print;
pub mod visit;

pub use c::{CAlign, CAttributes, CDefinition, CEnum, CField, CRecord, CTypedef, RecordKind};
pub use print::print;

use btc_diagnostics::Span;

use crate::c_int::CInt;

/// A name with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Ident {
    /// The name as written; variables and maps keep their `$` or `@`.
    pub name: String,
    /// Its place.
    pub span: Span,
}

/// A parsed script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// `config = { … }`, in order.
    pub config: Vec<ConfigEntry>,
    /// `import "…";`
    pub imports: Vec<Import>,
    /// C definitions of the script: structs, unions, enums, typedefs.
    pub definitions: Vec<CDefinition>,
    /// Headers that the script includes. Types come from BTF, so they are only remembered.
    pub includes: Vec<Ident>,
    /// `let @m = hash(10);`
    pub map_declarations: Vec<MapDeclaration>,
    /// `macro f(x) { … }`
    pub macros: Vec<Macro>,
    /// Probes in order.
    pub probes: Vec<Probe>,
    /// Comments and blank-line positions, for the formatter.
    pub comments: Vec<Ident>,
}

/// One line of a config block.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigEntry {
    /// The key.
    pub key: Ident,
    /// The value: an integer, string, boolean or bare word.
    pub value: ConfigValue,
    /// The value's place.
    pub value_span: Span,
}

/// The value of a config entry.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigValue {
    /// A number.
    Int(u64),
    /// A quoted string.
    Str(String),
    /// A bare word, `true` and `false` among them.
    Word(String),
}

/// `import "path";`
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// The path as written.
    pub path: String,
    /// The whole statement.
    pub span: Span,
}

/// `let @name = kind(arguments);` at the top level.
#[derive(Clone, Debug, PartialEq)]
pub struct MapDeclaration {
    /// The map.
    pub map: Ident,
    /// `hash`, `lruhash`, `percpuhash`, `percpulruhash`, …
    pub kind: Ident,
    /// The arguments; the first is the number of entries.
    pub args: Vec<Expr>,
    /// The whole declaration.
    pub span: Span,
}

/// `macro name(params) { body }`
#[derive(Clone, Debug, PartialEq)]
pub struct Macro {
    /// The macro.
    pub name: Ident,
    /// Its parameters: `x` any expression, `$x` a variable, `@x` a map.
    pub params: Vec<MacroParam>,
    /// The body; its value is the last expression.
    pub body: Block,
    /// The whole definition.
    pub span: Span,
}

/// A parameter of a macro.
#[derive(Clone, Debug, PartialEq)]
pub struct MacroParam {
    /// The name, with its `$` or `@`.
    pub name: Ident,
    /// A type, as in `x : int32`, where given.
    pub ty: Option<TypeExpr>,
}

/// One probe: attach points, a predicate, an action.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// `name = attach points { … }` names a probe.
    pub name: Option<Ident>,
    /// The attach points, at least one.
    pub attach_points: Vec<AttachPoint>,
    /// `/…/`
    pub predicate: Option<Expr>,
    /// `{ … }`
    pub action: Block,
    /// The whole probe.
    pub span: Span,
}

/// One attach point as raw text; the provider parses it.
#[derive(Clone, Debug, PartialEq)]
pub struct AttachPoint {
    /// The text with outer white space removed and quotes kept, such as `kprobe:vfs_*`.
    pub text: String,
    /// Its place.
    pub span: Span,
}

/// `{ statements }`; `value` is the last expression when it has no semicolon.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// The statements in order.
    pub stmts: Vec<Stmt>,
    /// The value of a block expression.
    pub value: Option<Box<Expr>>,
    /// The block with its braces.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// Its place.
    pub span: Span,
}

/// The kinds of statements.
#[derive(Clone, Debug, PartialEq)]
pub enum StmtKind {
    /// An expression for its effect.
    Expr(Expr),
    /// `target = value` or `target op= value`.
    Assign {
        /// `$x`, `@x`, `@x[k]`, or anything else that `sema` refuses.
        target: Expr,
        /// The operator of a compound assignment.
        op: Option<BinaryOp>,
        /// Place of the `=` or `op=`.
        op_span: Span,
        /// The right side.
        value: Expr,
    },
    /// `_ = expression`
    Discard(Expr),
    /// `let $x: type = value`
    Let {
        /// The variable.
        var: Ident,
        /// Its type, where given.
        ty: Option<TypeExpr>,
        /// Its first value, where given.
        value: Option<Expr>,
    },
    /// `if`, with `comptime` where it is decided by the compiler.
    If {
        /// Whether `comptime` was written.
        comptime: bool,
        /// The condition.
        condition: Expr,
        /// Taken when true.
        then: Block,
        /// Taken when false; an `else if` is a block of one `if`.
        otherwise: Option<Block>,
    },
    /// `while (condition) { … }`
    While {
        /// The condition.
        condition: Expr,
        /// The body.
        body: Block,
    },
    /// `for ($x : start..end) { … }`
    ForRange {
        /// The loop variable.
        var: Ident,
        /// The first value.
        start: Expr,
        /// The value after the last.
        end: Expr,
        /// The body.
        body: Block,
    },
    /// `for ($kv : @m) { … }`
    ForMap {
        /// The loop variable.
        var: Ident,
        /// The map.
        map: Ident,
        /// The body.
        body: Block,
    },
    /// `unroll (n) { … }`
    Unroll {
        /// How many times.
        count: Expr,
        /// The body.
        body: Block,
    },
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `return` with an optional value.
    Return(Option<Expr>),
    /// A block of its own scope.
    Block(Block),
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its place.
    pub span: Span,
}

/// The kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// An unsigned literal; durations such as `5ms` are already in nanoseconds.
    Int(u64),
    /// A number with a type of C: a literal with C's suffix, or what C makes of such literals.
    CInt(CInt),
    /// A string literal with its escapes resolved. Bytes, for `\xff` is allowed.
    Str(Vec<u8>),
    /// `true` or `false`.
    Bool(bool),
    /// A bare identifier: builtin, enum constant, `#define`, macro or macro parameter.
    Ident(String),
    /// `$x`, with the `$`.
    Var(String),
    /// `$1`; the number.
    Positional(u32),
    /// `$#`
    PositionalCount,
    /// `@x`, with the `@`; the lone map is `@`.
    Map(String),
    /// `base[index, …]`; `base` is a map or a value.
    Index {
        /// What is indexed.
        base: Box<Expr>,
        /// The indexes; several only for maps.
        index: Vec<Expr>,
    },
    /// `base.name`, `base->name`
    Member {
        /// What the field is of.
        base: Box<Expr>,
        /// The field.
        field: Ident,
    },
    /// `base.0`
    TupleIndex {
        /// The tuple.
        base: Box<Expr>,
        /// The position, from 0.
        index: u64,
        /// The number's place.
        index_span: Span,
    },
    /// `name(args)`; functions and macros alike.
    Call {
        /// The function.
        callee: Ident,
        /// The arguments.
        args: Vec<Expr>,
    },
    /// `-x ~x !x *x &x`
    Unary {
        /// The operator.
        op: UnaryOp,
        /// The operand.
        operand: Box<Expr>,
    },
    /// `++x x++ --x x--`
    Step {
        /// +1 or -1.
        delta: i8,
        /// Whether the value is the one after the step.
        prefix: bool,
        /// `$x`, `@x`, `@x[k]`
        target: Box<Expr>,
    },
    /// `left op right`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// The left operand.
        left: Box<Expr>,
        /// The right operand.
        right: Box<Expr>,
    },
    /// `condition ? then : otherwise`
    Ternary {
        /// The condition.
        condition: Box<Expr>,
        /// When true.
        then: Box<Expr>,
        /// When false.
        otherwise: Box<Expr>,
    },
    /// `(type)operand`
    Cast {
        /// The type.
        ty: TypeExpr,
        /// What is cast.
        operand: Box<Expr>,
    },
    /// `(a, b)`, `(a,)`, `()`
    Tuple(Vec<Expr>),
    /// `(name=value, …)`
    Record(Vec<(Ident, Expr)>),
    /// `{ statements; value }` or `if … { } else { }` used as a value.
    Block(Box<Block>),
    /// `comptime expression`
    Comptime(Box<Expr>),
    /// A type where a value could stand: `sizeof(struct x)`, `typeof(e)` as argument.
    Type(TypeExpr),
}

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeExpr {
    /// What it is.
    pub kind: TypeExprKind,
    /// Its place.
    pub span: Span,
}

/// The forms of types.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeExprKind {
    /// `int32`, `string`, a typedef, …; C's `unsigned long` is one name with single spaces.
    Name(String),
    /// `struct x`
    Struct(String),
    /// `union x`
    Union(String),
    /// `enum x`
    Enum(String),
    /// `T *`
    Pointer(Box<TypeExpr>),
    /// `T[n]`; `None` for `T[]`.
    Array(Box<TypeExpr>, Option<Box<Expr>>),
    /// `string[64]`, `buffer[8]`, `inet`: a name with a size.
    Sized(String, u64),
    /// `(T, U)`
    Tuple(Vec<TypeExpr>),
    /// `typeof(expression)`
    Typeof(Box<Expr>),
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `~`
    BitNot,
    /// `!`
    Not,
    /// `*`
    Deref,
    /// `&`
    AddrOf,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    And,
    Or,
    Xor,
    Shl,
    Shr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    LogicalAnd,
    LogicalOr,
}

impl BinaryOp {
    /// Whether the result is a truth value.
    pub fn tells_truth(self) -> bool {
        match self {
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => true,
            BinaryOp::LogicalAnd | BinaryOp::LogicalOr => true,
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod => false,
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => false,
        }
    }

    /// The operator as written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::And => "&",
            BinaryOp::Or => "|",
            BinaryOp::Xor => "^",
            BinaryOp::Shl => "<<",
            BinaryOp::Shr => ">>",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::LogicalAnd => "&&",
            BinaryOp::LogicalOr => "||",
        }
    }
}
