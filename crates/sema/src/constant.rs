//! Constant expressions: literals and what is written with them alone.
//!
//! Numbers are folded as bpftrace folds them: a result is anything that 64 bits hold, with a sign
//! or without; what has no such result is an error. A negative number makes its partner a
//! signed one.

use btc_diagnostics::Span;
use btc_syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};

/// What a constant expression is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Constant {
    /// A number from `i64::MIN` to `u64::MAX`.
    Int(i128),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(Vec<u8>),
}

/// A constant expression without a value, and why.
#[derive(Debug, PartialEq)]
pub(crate) struct Senseless {
    pub span: Span,
    pub message: &'static str,
}

const TOO_WIDE: &str = "this number does not fit 64 bits";
const MIXED: &str = "one of these numbers is negative, the other one needs all 64 bits without a sign";
/// The way out of results without a place.
pub(crate) const WRAP: &str = "a cast, such as `(uint64)1`, makes the result wrap around";
const BAD_SHIFT: &str = "a shift goes by 0 to 63 bits";

/// The number that an expression of literals and `names` is; the bits of one beyond `i64::MAX`.
pub(crate) fn eval(e: &Expr, names: &dyn Fn(&str) -> Option<i128>) -> Option<i64> {
    fold(e, names).ok()??.number()
}

impl Constant {
    /// The number that it is; the bits of one beyond `i64::MAX`.
    pub fn number(self) -> Option<i64> {
        match self {
            Constant::Int(n) => Some(n as i64),
            Constant::Bool(b) => Some(i64::from(b)),
            Constant::Text(_) => None,
        }
    }
}

/// The value of an expression of literals, `names` and positional parameters, which are asked for as `$1`; `None`
/// of any other.
pub(crate) fn fold(e: &Expr, names: &dyn Fn(&str) -> Option<i128>) -> Result<Option<Constant>, Senseless> {
    Ok(match &e.kind {
        ExprKind::Int(n) => Some(Constant::Int(i128::from(*n))),
        ExprKind::CInt(n) => Some(Constant::Int(n.value())),
        ExprKind::Bool(b) => Some(Constant::Bool(*b)),
        ExprKind::Str(s) => Some(Constant::Text(up_to_nul(s))),
        ExprKind::Ident(name) => names(name).map(Constant::Int),
        ExprKind::Positional(n) => names(&format!("${n}")).map(Constant::Int),
        ExprKind::Comptime(inner) => fold(inner, names)?,
        ExprKind::Unary { op, operand } => match fold(operand, names)? {
            Some(operand) => unary(*op, operand, e.span)?,
            None => None,
        },
        ExprKind::Binary { op, left, right } => {
            // The right side is mostly short, and tells as well.
            let Some(right) = fold(right, names)? else { return Ok(None) };
            let Some(left) = fold(left, names)? else { return Ok(None) };
            binary(*op, left, right, e.span)?
        }
        ExprKind::Ternary { condition, then, otherwise } => {
            let parts = (fold(condition, names)?, fold(then, names)?, fold(otherwise, names)?);
            match parts {
                (Some(Constant::Int(0) | Constant::Bool(false)), Some(_), otherwise) => otherwise,
                (Some(Constant::Int(_) | Constant::Bool(_)), then, Some(_)) => then,
                _ => None,
            }
        }
        _ => None,
    })
}

fn unary(op: UnaryOp, operand: Constant, span: Span) -> Result<Option<Constant>, Senseless> {
    Ok(match (op, operand) {
        (UnaryOp::Not, Constant::Int(n)) => Some(Constant::Bool(n == 0)),
        (UnaryOp::Not, Constant::Bool(b)) => Some(Constant::Bool(!b)),
        (UnaryOp::Neg, Constant::Int(n)) => Some(Constant::Int(fit(-n, span)?)),
        (UnaryOp::BitNot, Constant::Int(n)) if n < 0 => Some(Constant::Int(!n)),
        (UnaryOp::BitNot, Constant::Int(n)) => Some(Constant::Int(i128::from(!(n as u64)))),
        _ => None,
    })
}

fn binary(op: BinaryOp, left: Constant, right: Constant, span: Span) -> Result<Option<Constant>, Senseless> {
    Ok(match (left, right) {
        (Constant::Text(a), Constant::Text(b)) => match compared(op, &a, &b) {
            None if op == BinaryOp::Add => Some(Constant::Text([a, b].concat())),
            truth => truth.map(Constant::Bool),
        },
        (Constant::Text(text), Constant::Int(n)) | (Constant::Int(n), Constant::Text(text)) => {
            let start = usize::try_from(n).unwrap_or(usize::MAX).min(text.len());
            (op == BinaryOp::Add && n >= 0).then(|| Constant::Text(text[start..].to_vec()))
        }
        (Constant::Bool(a), Constant::Bool(b)) => {
            let number = numbers(op, i128::from(a), i128::from(b), span)?;
            if counts(op) { number } else { number.map(|n| Constant::Bool(!matches!(n, Constant::Int(0) | Constant::Bool(false)))) }
        }
        (Constant::Int(a), Constant::Int(b)) => numbers(op, a, b, span)?,
        // A truth value beside a number: the check of types has it.
        _ => None,
    })
}

/// Whether two truth values make a number: two that are true add up to 2, as in C. Of what has no results but 0 and 1 comes a third one.
pub(crate) fn counts(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Shl)
}

fn compared<T: Ord>(op: BinaryOp, a: T, b: T) -> Option<bool> {
    Some(match op {
        BinaryOp::Eq => a == b,
        BinaryOp::Ne => a != b,
        BinaryOp::Lt => a < b,
        BinaryOp::Le => a <= b,
        BinaryOp::Gt => a > b,
        BinaryOp::Ge => a >= b,
        _ => return None,
    })
}

fn numbers(op: BinaryOp, a: i128, b: i128, span: Span) -> Result<Option<Constant>, Senseless> {
    let wide = |n: i128| n > i128::from(i64::MAX);
    let wrong = |message| Err(Senseless { span, message });
    if (a < 0 && wide(b)) || (b < 0 && wide(a)) {
        return wrong(MIXED);
    }
    if let Some(truth) = compared(op, a, b) {
        return Ok(Some(Constant::Bool(truth)));
    }
    let value = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        // Too large for 128 bits is too large for 64.
        BinaryOp::Mul => a.saturating_mul(b),
        // By zero: the check of types says it.
        BinaryOp::Div | BinaryOp::Mod if b == 0 => return Ok(None),
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::Shl | BinaryOp::Shr if !(0..64).contains(&b) => return wrong(BAD_SHIFT),
        BinaryOp::Shl if a < 0 => i128::from((a as i64) << b),
        BinaryOp::Shl => i128::from((a as u64) << b),
        BinaryOp::Shr => a >> b,
        BinaryOp::LogicalAnd => return Ok(Some(Constant::Bool(a != 0 && b != 0))),
        BinaryOp::LogicalOr => return Ok(Some(Constant::Bool(a != 0 || b != 0))),
        _ => return Ok(None),
    };
    Ok(Some(Constant::Int(fit(value, span)?)))
}

fn fit(n: i128, span: Span) -> Result<i128, Senseless> {
    if (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&n) {
        return Ok(n);
    }
    Err(Senseless { span, message: TOO_WIDE })
}

/// A string ends at its NUL; only what takes bytes sees those behind it.
pub(crate) fn up_to_nul(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().take_while(|b| *b != 0).collect()
}
