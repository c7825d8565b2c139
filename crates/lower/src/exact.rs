//! Whether a script asks for more of its numbers than their values.
//!
//! What a number is read from has a size and a sign where the object is made. Its value is the same where the target has a
//! narrower one, but `~n`, `-n`, `bswap(n)`, `sizeof(n)`, `(uint8[])n`, `(void *)n` and what brings numbers with and without a sign together are not;
//! and a number goes on through variables, maps, keys and tuples. So in a script that does any of these no number may have
//! another size on the target.

use btc_hir::{self as hir, BinaryOp, CompareKind, ExprKind, Logic, UnaryOp};
use btc_types::Type;

/// Whether any expression does.
pub(crate) fn is_exact(program: &hir::Program) -> bool {
    let mut exact = false;
    for probe in &program.probes {
        exact |= probe.typed_by.iter().any(|e| !is_field(e));
        probe.predicate.iter().for_each(|e| e.each(&mut |e| exact |= asks(e)));
        probe.body.each(&mut |e| exact |= asks(e));
    }
    exact
}

fn asks(e: &hir::Expr) -> bool {
    match &e.kind {
        ExprKind::Unary { op: UnaryOp::BitNot, operand } => !is_literal(operand),
        ExprKind::Unary { op: UnaryOp::Neg, operand } => !operand.ty.is_signed() && !is_literal(operand),
        ExprKind::Binary { op: BinaryOp::Div { .. } | BinaryOp::Mod { .. }, left, right } => differ(left, right),
        ExprKind::Compare { op, kind: CompareKind::Scalar { .. }, left, right } => {
            !matches!(op, Logic::Eq | Logic::Ne) && differ(left, right)
        }
        // The bytes that it has, and a pointer takes those of a number as they are.
        ExprKind::Cast(of) if is_number(&of.ty) && !is_literal(of) => match &e.ty {
            Type::Int { .. } | Type::Bool | Type::Enum(_) => false,
            Type::Pointer { .. } => of.ty.is_signed(),
            _ => true,
        },
        ExprKind::Call { function, .. } => btc_builtins::is_by_width(function),
        // Of a field it is bound.
        ExprKind::SizeOf { of, .. } => !is_field(of),
        _ => false,
    }
}

/// Whether one number has a sign and the other has not. A literal has that of the other.
fn differ(left: &hir::Expr, right: &hir::Expr) -> bool {
    let is_plain = |e: &hir::Expr| matches!(e.kind, ExprKind::Int(n) if n >= 0);
    is_number(&left.ty) && is_number(&right.ty) && left.ty.is_signed() != right.ty.is_signed() && !is_plain(left) && !is_plain(right)
}

fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::Int { .. } | Type::Enum(_) | Type::Bool)
}

fn is_literal(e: &hir::Expr) -> bool {
    match &e.kind {
        ExprKind::Int(_) | ExprKind::Param(_) => true,
        ExprKind::Cast(inner) => is_literal(inner),
        _ => false,
    }
}

/// Whether its type is looked at by itself, see [`crate::function::FnLower::require_same_type`].
fn is_field(e: &hir::Expr) -> bool {
    match &e.kind {
        ExprKind::Field { base, .. } => matches!(&base.ty, Type::Record(r) if r.is_kernel()),
        ExprKind::Element { base, .. } => is_field(base),
        ExprKind::Argument { .. } => true,
        _ => false,
    }
}
