//! Literals take the sign of what they meet: `1` joined with a `uint64` is a `uint64`. What was literals only so far is
//! soft, each part of a tuple by itself.

use btc_hir::{self as hir, ExprKind};
use btc_types::{Type, join};

use crate::check::signed_type;
use crate::facts::Facts;

/// Whether a type is that of literals only.
pub(crate) type Soft = Facts<bool>;

impl Soft {
    /// That of an expression; `kept` tells it of variables and maps.
    pub fn of(value: &hir::Expr, kept: &dyn Fn(&ExprKind) -> Soft) -> Soft {
        Facts::through(value, &|value| match &value.kind {
            // A cast number has a sign.
            ExprKind::Int(n @ 0..) => Soft::All(value.ty == signed_type(*n)),
            kind @ (ExprKind::Var(_) | ExprKind::Map { .. }) => kept(kind),
            _ => Soft::All(false),
        })
    }

    /// Whether all of it is.
    pub fn is_all(&self) -> bool {
        match self {
            Soft::All(soft) => *soft,
            Soft::Parts(parts) => parts.iter().all(Soft::is_all),
        }
    }
}

/// The type that holds the values of two, and whether it is that of literals only; `None` where there is none.
pub(crate) fn join_soft((old, old_soft): (&Type, &Soft), (new, soft): (&Type, &Soft)) -> Option<(Type, Soft)> {
    if *old == Type::Unknown {
        return Some((new.clone(), soft.clone()));
    }
    match (old, new) {
        (Type::Tuple(a), Type::Tuple(b)) if a.len() == b.len() => {
            let parts = a.iter().zip(b.iter()).enumerate();
            let parts = parts.map(|(i, (a, b))| join_soft((a, &old_soft.part(i)), (b, &soft.part(i))));
            let (types, soft): (Vec<_>, _) = parts.collect::<Option<Vec<_>>>()?.into_iter().unzip();
            Some((Type::tuple(types), Soft::Parts(soft)))
        }
        (Type::Named(a), Type::Named(b)) if a.len() == b.len() => {
            // The first one's order stays.
            let parts = a.iter().enumerate().map(|(i, (name, a))| {
                // Mostly they stand in the same order.
                let is_there = b.get(i).is_some_and(|(other, _)| name == other);
                let n = if is_there { i } else { b.iter().position(|(other, _)| name == other)? };
                let (ty, soft) = join_soft((a, &old_soft.part(i)), (&b[n].1, &soft.part(n)))?;
                Some(((name.clone(), ty), soft))
            });
            let (types, soft): (Vec<_>, _) = parts.collect::<Option<Vec<_>>>()?.into_iter().unzip();
            Some((Type::named(types), Soft::Parts(soft)))
        }
        (Type::Aggregation(old), Type::Aggregation(new)) => {
            let joined = old.join(new)?;
            let adopts = old.signed() && !new.signed() && old_soft.is_all() || new.signed() && !old.signed() && soft.is_all();
            let joined = if adopts { joined.with_signed(false) } else { joined };
            Some((Type::Aggregation(joined), Soft::All(old_soft.is_all() && soft.is_all())))
        }
        (Type::Int { size, signed: true }, Type::Int { size: other, signed: false }) if old_soft.is_all() => {
            Some((Type::int(*size.max(other), false), Soft::All(false)))
        }
        (Type::Int { size, signed: false }, Type::Int { size: other, signed: true }) if soft.is_all() => {
            // A literal's type is signed, so its size is enough.
            Some((Type::int(*size.max(other), false), Soft::All(false)))
        }
        _ => Some((join(old, new)?, Soft::All(old_soft.is_all() && soft.is_all()))),
    }
}

/// Whether a value of a type changes where it is kept as another one: a `uint64` that met a negative number.
pub(crate) fn changes(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::Int { size: 8, signed: false }, to) => to.is_int() && to.is_signed(),
        (Type::Tuple(a), Type::Tuple(b)) => a.iter().zip(b.iter()).any(|(a, b)| changes(a, b)),
        (Type::Named(a), Type::Named(b)) => {
            a.iter().any(|(name, a)| b.iter().any(|(other, b)| name == other && changes(a, b)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(size: u8, signed: bool) -> Type {
        Type::int(size, signed)
    }

    /// The numbers that a type holds.
    fn range(ty: &Type) -> (i128, i128) {
        let bits = 8 * ty.size();
        if ty.is_signed() { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) }
    }

    /// All pairs of integers: what they join to holds both, or `changes` tells that it does not, which a `uint64` that
    /// meets a signed number alone brings about.
    #[test]
    fn every_join_holds_both_or_is_told() {
        let all: Vec<Type> = [1, 2, 4, 8].into_iter().flat_map(|size| [int(size, false), int(size, true)]).collect();
        for a in &all {
            for b in &all {
                let (joined, soft) = join_soft((a, &Soft::All(false)), (b, &Soft::All(false))).unwrap();
                assert_eq!(soft, Soft::All(false));
                let told = changes(a, &joined) || changes(b, &joined);
                let holds = [a, b].iter().all(|t| range(t).0 >= range(&joined).0 && range(t).1 <= range(&joined).1);
                assert!(holds != told, "{a} and {b} make {joined}");
                assert_eq!(told, [a, b].contains(&&Type::UINT64) && (a.is_signed() || b.is_signed()), "{a} and {b}");
                // The same in a tuple, in either order, and by name.
                let tuple = |x: &Type, y: &Type| Type::tuple([x.clone(), y.clone()]);
                let of_two = join_soft((&tuple(a, b), &Soft::All(false)), (&tuple(b, a), &Soft::All(false))).unwrap().0;
                assert_eq!(of_two, tuple(&joined, &joined));
                assert_eq!(changes(&tuple(a, b), &of_two), told);
                let named = |x: (&str, &Type), y: (&str, &Type)| {
                    Type::named([(x.0.into(), x.1.clone()), (y.0.into(), y.1.clone())])
                };
                let of_two = join_soft(
                    (&named(("x", a), ("y", a)), &Soft::All(false)),
                    (&named(("y", b), ("x", a)), &Soft::All(false)),
                );
                assert_eq!(of_two.unwrap().0, named(("x", a), ("y", &joined)));
            }
        }
    }

    /// A literal takes any unsigned type, whichever came first, in a tuple too.
    #[test]
    fn literals_take_the_sign_of_what_they_meet() {
        for size in [1, 2, 4, 8] {
            let (literal, number) = (int(1, true), int(size, false));
            for swapped in [false, true] {
                let (soft, hard) = ((&literal, &Soft::All(true)), (&number, &Soft::All(false)));
                let (first, second) = if swapped { (hard, soft) } else { (soft, hard) };
                assert_eq!(join_soft(first, second).unwrap().0, number);
                let wrap = |t: &Type| Type::named([("x".into(), t.clone()), ("y".into(), number.clone())]);
                let parts = |s: &Soft| Soft::Parts(vec![s.clone(), Soft::All(false)]);
                let joined = join_soft((&wrap(first.0), &parts(first.1)), (&wrap(second.0), &parts(second.1)));
                assert_eq!(joined.unwrap().0, wrap(&number));
            }
        }
    }
}
