//! Random scripts as trees: what is written out, and what the oracle walks.

use crate::value::{Ty, Val};

/// Operators on integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
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
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Cmp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// An expression with its type.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: Kind,
    /// Its type.
    pub ty: Ty,
    /// Its value where the language takes it for a literal: literals, their negation, casts of them.
    pub literal: Option<i64>,
}

/// Kinds of expressions.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A value that needs no computing, as it is written.
    Known(String, Val),
    /// What the oracle cannot tell, as it is written.
    Side(String),
    /// `$x`
    Var(String),
    /// `a + b`; the flag tells whether division and `>>` are signed.
    Bin(Op, bool, Box<Expr>, Box<Expr>),
    /// `a < b` of numbers; the flag tells whether they are signed.
    Cmp(Cmp, bool, Box<Expr>, Box<Expr>),
    /// `a == b` or `a != b` of texts and composites.
    Same(bool, Box<Expr>, Box<Expr>),
    /// `a && b` or `a || b`
    Logic(bool, Box<Expr>, Box<Expr>),
    /// `-a`
    Neg(Box<Expr>),
    /// `~a`
    Invert(Box<Expr>),
    /// `!a`
    Not(Box<Expr>),
    /// `(type)a`
    Cast(Box<Expr>),
    /// `c ? a : b`
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `(a, b)`, or `(x=a, y=b)` by the type.
    Parts(Vec<Expr>),
    /// `a.0`, `a[0]` or `a.x`, by the text.
    Part(Box<Expr>, usize, String),
    /// `a[i]` of an array.
    Element(Box<Expr>, Box<Expr>),
    /// Bits of an integer variable, as it is written: first bit and bits.
    Field(String, String, u32, u32),
    /// `@m[k]`
    Map(String, Vec<Expr>),
    /// `$x++` and its like: delta and whether it stands in front.
    StepVar(String, i64, bool),
    /// `@m[k]++`
    StepMap(String, Vec<Expr>, i64, bool),
    /// `f(a, b)` of the language's functions on values.
    Call(&'static str, Vec<Expr>),
    /// `has_key`, `delete`, `len`
    MapCall(&'static str, String, Vec<Expr>),
    /// A field of a struct at an address where nothing is, by the field's name: 0 or empty, and one failed read.
    Fault(Box<Expr>, &'static str),
    /// `{ statements; value }`
    Block(Vec<Stmt>, Box<Expr>),
    /// A macro's call: as it is written, and what it stands for.
    Macro(String, Box<Expr>),
}

/// A statement.
#[derive(Clone, Debug)]
pub enum Stmt {
    /// `$x = e`
    Set(String, Expr),
    /// `let $x: type = e`, where the type and the value may be missing; then the real type.
    Let(String, Option<String>, Option<Expr>, Ty),
    /// `$x op= e`: whether it is signed, and the type of the variable.
    SetOp(String, Op, bool, Expr, Ty),
    /// `@m[k] = e`
    SetMap(String, Vec<Expr>, Expr),
    /// `@m[k] op= e` of an int64 map.
    SetMapOp(String, Vec<Expr>, Op, Expr),
    /// `@m[k] = sum(e)`
    Aggregate(String, Vec<Expr>, Option<Expr>),
    /// `print(e)`
    Print(Expr),
    /// `printf("…", e, …)`: the pieces are conversions and text.
    Printf(Vec<Piece>, Vec<Expr>),
    /// `if (c) { … } else { … }`; the second block may be empty.
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    /// `for ($i : a..b) { … }`
    For(String, Expr, Expr, Vec<Stmt>),
    /// `for ($kv : @m) { … }`
    ForMap(String, String, Vec<Stmt>),
    /// `$i = 0; while (condition) { $i++; … }`
    While(String, Expr, Vec<Stmt>),
    /// `unroll(n) { … }`
    Unroll(u64, Vec<Stmt>),
    /// `if comptime (c) { … } else { … }`
    Comptime(Expr, Vec<Stmt>, Vec<Stmt>),
    /// `{ … }`
    Block(Vec<Stmt>),
    /// `break`, `continue` or `return`
    Jump(&'static str),
    /// `_ = e`, or `e` alone.
    Discard(Expr),
    /// What only the kernel can tell, as it is written.
    Side(String),
}

/// A piece of a format.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Text.
    Text(String),
    /// `%-08lx`
    Conversion {
        /// Flags without the percent sign.
        flags: &'static str,
        /// Least width; 0 for none.
        width: usize,
        /// `hh`, `h`, nothing, `l` or `ll`
        length: &'static str,
        /// The letter.
        letter: char,
    },
}

/// What a map holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Holds {
    /// Values of a type.
    Plain(Ty),
    /// An aggregation of signed or unsigned numbers.
    Aggregate(&'static str, bool),
}

/// A map of a script.
#[derive(Clone, Debug)]
pub struct MapInfo {
    /// Its name.
    pub name: String,
    /// Types of its keys.
    pub keys: Vec<Ty>,
    /// What it holds.
    pub holds: Holds,
}

/// An action with what stands before it.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Where it attaches.
    pub place: String,
    /// The predicate.
    pub predicate: Option<Expr>,
    /// The statements.
    pub body: Vec<Stmt>,
}

/// A script.
#[derive(Clone, Debug)]
pub struct Script {
    /// What stands before the probes.
    pub head: String,
    /// The maps.
    pub maps: Vec<MapInfo>,
    /// The probes.
    pub probes: Vec<Probe>,
}

/// Arguments of `lhist()` in every script: least, greatest, step.
pub const LHIST: (i64, i64, i64) = (0, 100, 10);
