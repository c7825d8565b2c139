//! The type that holds the values of two: assignments widen variables and maps.

use crate::{Space, Type};

/// The smallest type that holds values of both, or `None` when there is none.
pub fn join(a: &Type, b: &Type) -> Option<Type> {
    Some(match (a, b) {
        (Type::Unknown, other) | (other, Type::Unknown) => other.clone(),
        (Type::Int { size: s, signed: x }, Type::Int { size: t, signed: y }) => ints(*s, *x, *t, *y),
        (Type::Str { capacity: s, cut: x }, Type::Str { capacity: t, cut: y }) => {
            // The longer one decides whether a full text was cut.
            let cut = if s == t { *x || *y } else if s > t { *x } else { *y };
            Type::Str { capacity: *s.max(t), cut }
        }
        (Type::Buffer { capacity: s }, Type::Buffer { capacity: t }) => {
            Type::Buffer { capacity: *s.max(t) }
        }
        (Type::Array { element: p, count: m, text: s }, Type::Array { element: q, count: n, text: t })
            if p == q && m == n =>
        {
            Type::Array { element: p.clone(), count: *m, text: *s && *t }
        }
        (Type::Pointer { to: p, space: s }, Type::Pointer { to: q, space: t }) => {
            let to = if p == q {
                (**p).clone()
            } else if **p == Type::None || **q == Type::None {
                Type::None
            } else {
                return None;
            };
            let space = match (s, t) {
                (Space::Unknown, other) | (other, Space::Unknown) => *other,
                (s, t) if s == t => *s,
                _ => Space::Unknown,
            };
            Type::pointer(to, space)
        }
        (Type::Tuple(p), Type::Tuple(q)) if p.len() == q.len() => {
            Type::Tuple(p.iter().zip(q.iter()).map(|(a, b)| join(a, b)).collect::<Option<_>>()?)
        }
        (Type::Named(p), Type::Named(q)) if p.len() == q.len() => {
            // The first one's order stays.
            let part = |(name, a): &(String, Type)| {
                let (_, b) = q.iter().find(|(other, _)| name == other)?;
                Some((name.clone(), join(a, b)?))
            };
            Type::Named(p.iter().map(part).collect::<Option<_>>()?)
        }
        (Type::Enum(e), Type::Int { size, signed }) | (Type::Int { size, signed }, Type::Enum(e)) => {
            ints(e.size, e.signed, *size, *signed)
        }
        // Both print as a function's name; the number of an attach point is no address.
        (Type::KernelSymbol, Type::ProbeFunction) | (Type::ProbeFunction, Type::KernelSymbol) => Type::KernelSymbol,
        (Type::Aggregation(p), Type::Aggregation(q)) => Type::Aggregation(p.join(q)?),
        (a, b) if a == b => a.clone(),
        _ => return None,
    })
}

/// A signed number beside an unsigned one of at least its size needs the next size.
fn ints(s: u8, x: bool, t: u8, y: bool) -> Type {
    if x == y {
        return Type::int(s.max(t), x);
    }
    let (signed, unsigned) = if x { (s, t) } else { (t, s) };
    Type::int(if signed > unsigned { signed } else { (unsigned * 2).min(8) }, true)
}

#[cfg(test)]
mod tests {
    use super::join;
    use crate::Type;

    #[test]
    fn integers_widen() {
        let (i8, u8, i16, u64) =
            (Type::int(1, true), Type::int(1, false), Type::int(2, true), Type::UINT64);
        assert_eq!(join(&i8, &i16), Some(i16.clone()));
        assert_eq!(join(&i8, &u8), Some(i16));
        assert_eq!(join(&i8, &u64), Some(Type::INT64));
        assert_eq!(join(&i8, &Type::str(4)), None);
    }
}
