//! Expressions.

use std::sync::Arc;

use btc_builtins::{Arg, Function};
use btc_diagnostics::Span;
use btc_providers::Location;
use btc_types::{EnumType, RecordType, Type};

use crate::{Block, MapId, ParamId, VarId};

/// An expression with its type.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// The type of its value.
    pub ty: Type,
    /// Its place.
    pub span: Span,
}

/// The operands of an expression, borrowed as `$r` says.
macro_rules! children {
    ($e:expr, $iter:ident, $($r:tt)+) => {
        match $($r)+ $e.kind {
            ExprKind::Int(_)
            | ExprKind::Str(_)
            | ExprKind::Var(_)
            | ExprKind::MapRef(_)
            | ExprKind::Param(_)
            | ExprKind::ParamCount(_)
            | ExprKind::Argument { .. }
            | ExprKind::Context
            | ExprKind::KernelEnum { .. }
            | ExprKind::KernelSize(_)
            | ExprKind::SizeOf { .. }
            | ExprKind::KernelOffset { .. } => Vec::new(),
            ExprKind::Map { key: e, .. } | ExprKind::StepMap { key: e, .. } | ExprKind::Block { value: e, .. } => {
                e.$iter().map(|e| $($r)+ **e).collect()
            }
            ExprKind::Call { args: all, .. } | ExprKind::Tuple(all) => all.$iter().collect(),
            ExprKind::Unary { operand: e, .. }
            | ExprKind::Cast(e)
            | ExprKind::Field { base: e, .. }
            | ExprKind::Deref(e)
            | ExprKind::AddressOf(e)
            | ExprKind::Part { base: e, .. }
            | ExprKind::StepVar { delta: e, .. } => vec![$($r)+ **e],
            ExprKind::Binary { left, right, .. }
            | ExprKind::Compare { left, right, .. }
            | ExprKind::Logical { left, right, .. }
            | ExprKind::Element { base: left, index: right } => vec![$($r)+ **left, $($r)+ **right],
            ExprKind::Ternary { condition, then, otherwise } => {
                vec![$($r)+ **condition, $($r)+ **then, $($r)+ **otherwise]
            }
        }
    };
}

impl Expr {
    /// The expressions that it is made of, in the order in which they are evaluated. The statements of a block are
    /// not among them.
    pub fn children(&self) -> Vec<&Expr> {
        children!(self, iter, &)
    }

    /// [`Expr::children`], to change them.
    pub fn children_mut(&mut self) -> Vec<&mut Expr> {
        children!(self, iter_mut, &mut)
    }
}

/// The kinds of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A constant integer, boolean or pointer.
    Int(i64),
    /// A constant text without its NUL.
    Str(Vec<u8>),
    /// A variable's value.
    Var(VarId),
    /// The value of an entry; 0 when there is none.
    Map {
        /// The map.
        map: MapId,
        /// The key.
        key: Option<Box<Expr>>,
    },
    /// A map itself, as an argument.
    MapRef(MapId),
    /// A parameter: its number, or its text when the type is a text.
    Param(ParamId),
    /// Number of positional parameters.
    ParamCount(ParamId),
    /// A call of a builtin.
    Call {
        /// The builtin.
        function: &'static Function,
        /// What its hook sees of the arguments.
        facts: Vec<Arg>,
        /// The arguments.
        args: Vec<Expr>,
    },
    /// `args.x`
    Argument {
        /// Where it is.
        location: Location,
        /// Whether the place holds a place in the record, see `providers::Argument`.
        dynamic: Option<bool>,
    },
    /// The program's context as a pointer.
    Context,
    /// `-x`, `~x`, `!x`
    Unary {
        /// The operator.
        op: UnaryOp,
        /// The operand.
        operand: Box<Expr>,
    },
    /// Arithmetic over 64 bits.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// A comparison.
    Compare {
        /// `Eq` to `Ge`
        op: Logic,
        /// How the operands are compared.
        kind: CompareKind,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `a && b`, `a || b`
    Logical {
        /// Whether it is `&&`.
        and: bool,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand; evaluated only when needed.
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
    /// A conversion between scalars, or of a value to memory of the same bytes.
    Cast(Box<Expr>),
    /// A field of a record; the base is a record (a place), not a pointer.
    Field {
        /// The record.
        base: Box<Expr>,
        /// The field.
        field: FieldStep,
    },
    /// `*p`: the place that a pointer points at.
    Deref(Box<Expr>),
    /// `&$x`, `&place`
    AddressOf(Box<Expr>),
    /// An element of an array, or a byte of a text.
    Element {
        /// The array.
        base: Box<Expr>,
        /// The index.
        index: Box<Expr>,
    },
    /// A part of a tuple.
    Part {
        /// The tuple.
        base: Box<Expr>,
        /// Which part, from 0.
        index: usize,
    },
    /// A tuple, named or not.
    Tuple(Vec<Expr>),
    /// `++x` and the like on a variable.
    StepVar {
        /// The variable.
        var: VarId,
        /// What is added; for pointers, in bytes.
        delta: Box<Expr>,
        /// Whether the value is the one after the step.
        prefix: bool,
    },
    /// `++@m[k]` and the like.
    StepMap {
        /// The map.
        map: MapId,
        /// The key.
        key: Option<Box<Expr>>,
        /// What is added.
        delta: i64,
        /// Whether the value is the one after the step.
        prefix: bool,
    },
    /// An enumerator of the kernel; its value is late-bound.
    KernelEnum {
        /// The enum.
        ty: Arc<EnumType>,
        /// The enumerator.
        variant: String,
        /// Its value on the build's target.
        value: i64,
    },
    /// `sizeof(struct x)` of a kernel struct: late-bound. The type knows the size on the
    /// build's target, which counts where a constant must be known at once.
    KernelSize(RecordType),
    /// `sizeof(p->field)` of a field of a kernel struct, late-bound, of an argument, or of what may hold one.
    SizeOf {
        /// The value. It is not evaluated.
        of: Box<Expr>,
        /// Its bytes on the build's target, as for sizes of structs.
        size: i64,
    },
    /// `offsetof(struct x, y.z)` of a kernel struct: late-bound.
    KernelOffset {
        /// The struct.
        record: RecordType,
        /// The fields on the way, with their types.
        path: Vec<(FieldStep, Type)>,
        /// The number on the build's target, as for sizes.
        value: i64,
    },
    /// Statements and a value.
    Block {
        /// The statements.
        block: Block,
        /// The value.
        value: Option<Box<Expr>>,
    },
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldStep {
    /// Its name.
    pub name: String,
    /// Bits from the record's start, on the build's target; what counts for the script's own records.
    pub bit_offset: u32,
    /// Width of a bit field.
    pub bits: Option<u32>,
    /// The kernel's verifier does not see it through a typed pointer.
    pub hidden: bool,
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum UnaryOp {
    Neg,
    BitNot,
    Not,
}

/// Arithmetic operators; signs matter for division, modulo and right shifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div { signed: bool },
    Mod { signed: bool },
    And,
    Or,
    Xor,
    Shl,
    Shr { signed: bool },
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Logic {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareKind {
    /// Two registers.
    Scalar {
        /// As signed numbers.
        signed: bool,
    },
    /// Two texts; only `Eq` and `Ne`.
    Text,
    /// Two tuples or arrays, part by part; only `Eq` and `Ne`.
    Parts,
}
