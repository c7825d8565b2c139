//! Makes expressions with the types that the language gives them.

use crate::tree::{Cmp, Expr, Kind, Op};
use crate::value::{I64, Ty, U64, Val, join};

/// An expression that is no literal.
pub fn expr(kind: Kind, ty: Ty) -> Expr {
    Expr { kind, ty, literal: None }
}

/// The smallest signed type of a number.
fn smallest(n: i64) -> Ty {
    let fits = |bytes: u32| n >> (bytes * 8 - 1) == 0 || n >> (bytes * 8 - 1) == -1;
    Ty::Int([1, 2, 4].into_iter().find(|b| fits(*b)).unwrap_or(8) as u8, true)
}

/// An integer literal, in one of the ways to write it.
pub fn number(n: i64, hexadecimal: bool) -> Expr {
    let text = match (n, hexadecimal) {
        (0.., true) => format!("{n:#x}"),
        (0.., false) => n.to_string(),
        _ => format!("({n})"),
    };
    Expr { kind: Kind::Known(text, Val::Num(n as u64)), ty: smallest(n), literal: Some(n) }
}

/// `true` or `false`
pub fn truth(yes: bool) -> Expr {
    let kind = Kind::Known(yes.to_string(), Val::Num(u64::from(yes)));
    Expr { kind, ty: Ty::Bool, literal: Some(i64::from(yes)) }
}

/// A literal text.
pub fn text(s: &str) -> Expr {
    expr(Kind::Known(format!("\"{s}\""), Val::Str(s.to_string())), Ty::Str)
}

/// How the names of variables begin that hold literals only, none below 0.
pub const OF_LITERALS: &str = "$literal";

/// A literal that is not negative takes the sign of what it meets, and so do a truth value and what is made of such
/// literals alone; no cast does.
pub fn flexible(e: &Expr) -> bool {
    let made_of_literals = match &e.kind {
        Kind::Var(name) => name.starts_with(OF_LITERALS),
        Kind::Choice(_, a, b) => flexible(a) && flexible(b),
        Kind::Part(base, n, _) => matches!(&base.kind, Kind::Parts(parts) if flexible(&parts[*n])),
        _ => false,
    };
    let literal = !matches!(e.kind, Kind::Cast(_)) && e.literal.is_some_and(|n| n >= 0);
    counts_truths(e) || e.ty.is_signed() && (literal || made_of_literals)
}

/// Whether it is a truth value or a sum of such.
fn counts_truths(e: &Expr) -> bool {
    match &e.kind {
        Kind::Bin(Op::Add, _, a, b) => counts_truths(a) && counts_truths(b),
        _ => e.ty == Ty::Bool,
    }
}

fn signed(e: &Expr) -> bool {
    e.ty.is_signed() && !flexible(e)
}

/// Whether a division is signed: one that a `uint64` takes part in is not.
pub fn divides_signed(op: Op, signed: bool, a: &Expr, b: &Expr) -> bool {
    signed && !(matches!(op, Op::Div | Op::Mod) && (a.ty == U64 || b.ty == U64))
}

/// Whether the result of an operation is signed.
pub fn signed_result(op: Op, a: &Expr, b: &Expr) -> bool {
    match op {
        Op::Sub => true,
        Op::Shl | Op::Shr => a.ty.is_signed() || a.ty == Ty::Bool,
        _ if flexible(a) && flexible(b) => true,
        _ => signed(a) || signed(b),
    }
}

/// Whether it is made of literals alone, so that the compiler folds it: with types, and errors, of
/// its own, which have tests of their own. Here a cast keeps one operand from being a literal.
pub fn folds(e: &Expr) -> bool {
    match &e.kind {
        Kind::Known(..) => true,
        Kind::Not(a) | Kind::Macro(_, a) => folds(a),
        Kind::Logic(_, a, b) | Kind::Same(_, a, b) => folds(a) && folds(b),
        _ => false,
    }
}

/// `a` beside `b`, so that the two are not folded.
pub fn unfolded(a: Expr, b: &Expr) -> Expr {
    if folds(&a) && folds(b) { cast(&I64, a) } else { a }
}

/// `~x` of a narrow number with a sign is shown without one, and keeps it as an operand.
fn operand(e: Expr) -> Expr {
    match &e.kind {
        Kind::Invert(inner) if inner.ty.is_signed() => Expr { ty: inner.ty.clone(), ..e },
        _ => e,
    }
}

/// `a op b`
pub fn binary(op: Op, a: Expr, b: Expr) -> Expr {
    let (a, b) = (operand(a), operand(b));
    let a = unfolded(a, &b);
    let signed = signed_result(op, &a, &b);
    // Of two truth values comes a third one where one has room for all results.
    let truths = a.ty == Ty::Bool && b.ty == Ty::Bool && !matches!(op, Op::Add | Op::Sub | Op::Shl);
    let ty = if truths { Ty::Bool } else { Ty::Int(8, signed) };
    expr(Kind::Bin(op, divides_signed(op, signed, &a, &b), Box::new(a), Box::new(b)), ty)
}

/// `a op b`, of numbers.
pub fn compare(op: Cmp, a: Expr, b: Expr) -> Expr {
    let (a, b) = (operand(a), operand(b));
    let a = unfolded(a, &b);
    let one = |e: &Expr| e.ty.is_signed() && !flexible(e);
    let signed = one(&a) || one(&b) || (flexible(&a) && flexible(&b));
    expr(Kind::Cmp(op, signed, Box::new(a), Box::new(b)), Ty::Bool)
}

/// `(type)a`, of numbers and arrays. A literal stays one.
pub fn cast(ty: &Ty, e: Expr) -> Expr {
    let e = operand(e);
    let literal = e.literal.filter(|_| ty.is_int()).map(|n| ty.wrap(n as u64) as i64);
    Expr { kind: Kind::Cast(Box::new(e)), ty: ty.clone(), literal }
}

/// `-a` of what is no literal.
pub fn negate(e: Expr) -> Expr {
    let ty = if e.ty == U64 || e.ty == Ty::Int(4, false) { e.ty.clone() } else { I64 };
    expr(Kind::Neg(Box::new(e)), ty)
}

/// `~a` of what is no literal.
pub fn invert(e: Expr) -> Expr {
    let ty = match e.ty {
        I64 => I64,
        Ty::Int(bytes, _) => Ty::Int(bytes, false),
        _ => Ty::Int(1, false),
    };
    expr(Kind::Invert(Box::new(e)), ty)
}

/// `c ? a : b`
pub fn choice(c: Expr, a: Expr, b: Expr) -> Expr {
    let c = if folds(&c) { cast(&Ty::Bool, c) } else { c };
    let ty = match (&a, &b) {
        (literal, other) | (other, literal) if flexible(literal) && matches!(other.ty, Ty::Int(_, false)) => {
            // Its type is a signed one, so its size is enough.
            let Ty::Int(bytes, _) = literal.ty else { unreachable!("a bare literal is a number") };
            join(&Ty::Int(bytes, false), &other.ty)
        }
        _ => join(&a.ty, &b.ty),
    };
    expr(Kind::Choice(Box::new(c), Box::new(a), Box::new(b)), ty)
}
