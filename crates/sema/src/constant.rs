//! Constant expressions: folded where a literal is wanted.

use btc_syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};

/// The value of an expression of literals, `names` and positional parameters, which are asked for as `$1`, with
/// wrap-around arithmetic.
pub(crate) fn eval(e: &Expr, names: &dyn Fn(&str) -> Option<i64>) -> Option<i64> {
    Some(match &e.kind {
        ExprKind::Int(n) => *n as i64,
        ExprKind::Bool(b) => i64::from(*b),
        ExprKind::Ident(name) => names(name)?,
        ExprKind::Positional(n) => names(&format!("${n}"))?,
        ExprKind::Comptime(inner) => eval(inner, names)?,
        ExprKind::Unary { op, operand } => {
            let v = eval(operand, names)?;
            match op {
                UnaryOp::Neg => v.wrapping_neg(),
                UnaryOp::BitNot => !v,
                UnaryOp::Not => i64::from(v == 0),
                UnaryOp::Deref | UnaryOp::AddrOf => return None,
            }
        }
        ExprKind::Binary { op, left, right } => {
            binary(*op, eval(left, names)?, eval(right, names)?)?
        }
        ExprKind::Ternary { condition, then, otherwise } => {
            if eval(condition, names)? != 0 { eval(then, names)? } else { eval(otherwise, names)? }
        }
        _ => return None,
    })
}

fn binary(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    Some(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div => a.checked_div(b)?,
        BinaryOp::Mod => a.checked_rem(b)?,
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::Shl => a.wrapping_shl(b as u32),
        BinaryOp::Shr => a.wrapping_shr(b as u32),
        BinaryOp::Eq => i64::from(a == b),
        BinaryOp::Ne => i64::from(a != b),
        BinaryOp::Lt => i64::from(a < b),
        BinaryOp::Le => i64::from(a <= b),
        BinaryOp::Gt => i64::from(a > b),
        BinaryOp::Ge => i64::from(a >= b),
        BinaryOp::LogicalAnd => i64::from(a != 0 && b != 0),
        BinaryOp::LogicalOr => i64::from(a != 0 || b != 0),
    })
}
