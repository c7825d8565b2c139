//! Checked expressions whose value the compiler can tell: `sizeof(int) == 4` too.

use btc_hir::{BinaryOp, CompareKind, Expr, ExprKind, Logic, UnaryOp};
use btc_types::Type;

/// A number that the script writes, cast or not.
pub(crate) fn literal(e: &Expr) -> Option<i64> {
    match &e.kind {
        ExprKind::Int(n) => Some(*n),
        ExprKind::Cast(inner) if e.ty.is_scalar() => convert(literal(inner)?, &e.ty),
        _ => None,
    }
}

/// The value of a constant expression.
pub(crate) fn value(e: &Expr) -> Option<i64> {
    Some(match &e.kind {
        ExprKind::Int(n) => *n,
        // As values they are bound on the target; who decides by them asks `Checker::decide`.
        ExprKind::KernelSize(record) => i64::from(record.size),
        ExprKind::SizeOf { size, .. } => *size,
        ExprKind::KernelOffset { value, .. } => *value,
        ExprKind::Cast(inner) => convert(value(inner)?, &e.ty)?,
        ExprKind::Unary { op, operand } => {
            let n = value(operand)?;
            match op {
                UnaryOp::Neg => n.wrapping_neg(),
                UnaryOp::BitNot => convert(!n, &e.ty)?,
                UnaryOp::Not => i64::from(n == 0),
            }
        }
        ExprKind::Binary { op, left, right } => binary(*op, value(left)?, value(right)?)?,
        ExprKind::Compare { op, kind, left, right } => match (kind, &left.kind, &right.kind) {
            (CompareKind::Text, ExprKind::Str(a), ExprKind::Str(b)) => match op {
                Logic::Eq => i64::from(a == b),
                _ => i64::from(a != b),
            },
            (CompareKind::Scalar { signed }, ..) => {
                i64::from(compare(*op, *signed, value(left)?, value(right)?))
            }
            _ => return None,
        },
        ExprKind::Logical { and, left, right } => match (*and, value(left)? != 0) {
            (true, false) => 0,
            (false, true) => 1,
            _ => i64::from(value(right)? != 0),
        },
        ExprKind::Ternary { condition, then, otherwise } => {
            if value(condition)? != 0 { value(then)? } else { value(otherwise)? }
        }
        _ => return None,
    })
}

/// Whether a value depends on how the kernel lays out its structs.
pub(crate) fn is_of_kernel(e: &Expr) -> bool {
    let mut found = false;
    e.each(&mut |e| found |= matches!(e.kind, ExprKind::KernelSize(_) | ExprKind::SizeOf { .. } | ExprKind::KernelOffset { .. }));
    found
}

/// A number as a type holds it.
fn convert(n: i64, ty: &Type) -> Option<i64> {
    Some(match ty {
        Type::Bool => i64::from(n != 0),
        Type::Int { size: 1, signed: true } => i64::from(n as i8),
        Type::Int { size: 1, signed: false } => i64::from(n as u8),
        Type::Int { size: 2, signed: true } => i64::from(n as i16),
        Type::Int { size: 2, signed: false } => i64::from(n as u16),
        Type::Int { size: 4, signed: true } => i64::from(n as i32),
        Type::Int { size: 4, signed: false } => i64::from(n as u32),
        ty if ty.is_scalar() => n,
        _ => return None,
    })
}

fn binary(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    Some(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div { signed: true } => a.checked_div(b)?,
        BinaryOp::Div { signed: false } => (a as u64).checked_div(b as u64)? as i64,
        BinaryOp::Mod { signed: true } => a.checked_rem(b)?,
        BinaryOp::Mod { signed: false } => (a as u64).checked_rem(b as u64)? as i64,
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::Shl => a.wrapping_shl(b as u32),
        BinaryOp::Shr { signed: true } => a.wrapping_shr(b as u32),
        BinaryOp::Shr { signed: false } => (a as u64).wrapping_shr(b as u32) as i64,
    })
}

fn compare(op: Logic, signed: bool, a: i64, b: i64) -> bool {
    let order = if signed { a.cmp(&b) } else { (a as u64).cmp(&(b as u64)) };
    match op {
        Logic::Eq => order.is_eq(),
        Logic::Ne => order.is_ne(),
        Logic::Lt => order.is_lt(),
        Logic::Le => order.is_le(),
        Logic::Gt => order.is_gt(),
        Logic::Ge => order.is_ge(),
    }
}
