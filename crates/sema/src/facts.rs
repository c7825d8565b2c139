//! Facts about values beside their types, each part of a tuple by itself, as they are kept for variables and maps.

use btc_builtins::{Clock, Returns};
use btc_hir::{self as hir, BinaryOp, ExprKind};
use btc_types::Type;

/// What is known of a value that is one of two.
pub(crate) trait Merge: Copy + Default {
    fn merge(self, other: Self) -> Self;
}

/// Whether something holds for certain.
impl Merge for bool {
    fn merge(self, other: bool) -> bool {
        self && other
    }
}

impl Merge for Clock {
    fn merge(self, other: Clock) -> Clock {
        self.or(other)
    }
}

/// A fact about a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Facts<T> {
    /// Of a value, or of all parts of a tuple.
    All(T),
    /// Of the parts of a tuple, in the order of its type.
    Parts(Vec<Facts<T>>),
}

impl<T: Merge + PartialEq> Facts<T> {
    /// That of a part of a tuple.
    pub fn part(&self, index: usize) -> Self {
        match self {
            Facts::All(_) => self.clone(),
            Facts::Parts(parts) => parts.get(index).cloned().unwrap_or(Facts::All(T::default())),
        }
    }

    /// That of a tuple. Where it is the same for all parts it takes no more room than one.
    pub fn of_parts(parts: Vec<Self>) -> Self {
        match parts.first() {
            Some(first @ Facts::All(_)) if parts.iter().all(|part| part == first) => first.clone(),
            _ => Facts::Parts(parts),
        }
    }

    /// That of an expression, which may consist of others or be one of them; `of_one` tells it of all else.
    pub fn through(value: &hir::Expr, of_one: &dyn Fn(&hir::Expr) -> Self) -> Self {
        let of = |e: &hir::Expr| Facts::through(e, of_one);
        match &value.kind {
            ExprKind::Tuple(parts) => Facts::of_parts(parts.iter().map(of).collect()),
            ExprKind::Ternary { then, otherwise, .. } => of(then).and(&of(otherwise)),
            ExprKind::Part { base, index } => of(base).part(*index),
            // The least, the last, or the mean of what it gets.
            ExprKind::Call { args, .. } if matches!(value.ty, Type::Aggregation(_)) => {
                args.first().map_or(Facts::All(T::default()), of)
            }
            _ => of_one(value),
        }
    }

    /// What is known of a value that is one of two.
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Facts::All(a), Facts::All(b)) => Facts::All(a.merge(*b)),
            (Facts::Parts(parts), _) => Facts::of_parts((0..parts.len()).map(|i| self.part(i).and(&other.part(i))).collect()),
            (_, Facts::Parts(_)) => other.and(self),
        }
    }
}

/// Which clock a value is a time of.
pub(crate) type Clocks = Facts<Clock>;

impl Clocks {
    /// That of an expression; `kept` tells it of variables and maps.
    pub fn of(value: &hir::Expr, kept: &dyn Fn(&ExprKind) -> Clocks) -> Clocks {
        let of = |e: &hir::Expr| Clocks::of(e, kept);
        Facts::through(value, &|value| match &value.kind {
            ExprKind::Block { value: Some(value), .. } => of(value),
            ExprKind::Cast(inner) if value.ty.size() == inner.ty.size() => of(inner),
            kind @ (ExprKind::Var(_) | ExprKind::Map { .. }) => kept(kind),
            ExprKind::Call { function, facts, .. } => match &function.returns {
                Returns::Time(clock) => Facts::All(clock(facts)),
                Returns::Fixed(_) | Returns::Infer(_) | Returns::Known(..) => Facts::All(Clock::None),
            },
            // Some time before or after; what lies between two is no time.
            ExprKind::Binary { op: BinaryOp::Add | BinaryOp::Sub, left, right } => match (of(left), of(right)) {
                (clock, Facts::All(Clock::None)) | (Facts::All(Clock::None), clock) => clock,
                _ => Facts::All(Clock::None),
            },
            _ => Facts::All(Clock::None),
        })
    }

    /// That of a number.
    pub fn clock(&self) -> Clock {
        match self {
            Facts::All(clock) => *clock,
            Facts::Parts(_) => Clock::None,
        }
    }
}
