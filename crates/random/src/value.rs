//! Types and values of random scripts, and how values print.

use std::cmp::Ordering;

/// The variants of the one enum that scripts define.
pub const ENUM: [(&str, i64); 3] = [("RED", 0), ("GREEN", 5), ("BLUE", 6)];

/// A type.
#[derive(Clone, Debug, PartialEq)]
pub enum Ty {
    /// An integer: bytes, and whether it is signed.
    Int(u8, bool),
    /// `true` or `false`
    Bool,
    /// Text, of any capacity.
    Str,
    /// The script's enum.
    Enum,
    /// `(a, b)`
    Tuple(Vec<Ty>),
    /// `(x=a, y=b)`
    Record(Vec<(String, Ty)>),
    /// Integers in a row: bytes and sign of one, and how many.
    Array(u8, bool, u32),
}

/// `int64`
pub const I64: Ty = Ty::Int(8, true);
/// `uint64`
pub const U64: Ty = Ty::Int(8, false);

/// A value. Integers are extended to 64 bits by the sign of their type.
#[derive(Clone, Debug, PartialEq)]
pub enum Val {
    /// An integer, boolean or enumerator.
    Num(u64),
    /// Text.
    Str(String),
    /// Parts of a tuple, record or array.
    Many(Vec<Val>),
}

impl Ty {
    /// As scripts write it, where a cast or declaration may name it.
    pub fn name(&self) -> String {
        match self {
            Ty::Int(bytes, signed) => format!("{}int{}", if *signed { "" } else { "u" }, u32::from(*bytes) * 8),
            Ty::Bool => "bool".into(),
            Ty::Str => "string".into(),
            Ty::Enum => "enum Color".into(),
            Ty::Array(bytes, signed, n) => format!("{}[{n}]", Ty::Int(*bytes, *signed).name()),
            Ty::Tuple(_) | Ty::Record(_) => String::new(),
        }
    }

    /// Whether it is an integer.
    pub fn is_int(&self) -> bool {
        matches!(self, Ty::Int(..))
    }

    /// Whether values are compared as signed numbers.
    pub fn is_signed(&self) -> bool {
        matches!(self, Ty::Int(_, true))
    }

    /// The value of nothing: 0, an empty text, or parts of these.
    pub fn zero(&self) -> Val {
        match self {
            Ty::Int(..) | Ty::Bool | Ty::Enum => Val::Num(0),
            Ty::Str => Val::Str(String::new()),
            Ty::Tuple(parts) => Val::Many(parts.iter().map(Ty::zero).collect()),
            Ty::Record(parts) => Val::Many(parts.iter().map(|(_, t)| t.zero()).collect()),
            Ty::Array(_, _, n) => Val::Many(vec![Val::Num(0); *n as usize]),
        }
    }

    /// A number as the type holds it.
    pub fn wrap(&self, n: u64) -> u64 {
        match self {
            Ty::Int(bytes, signed) => extend(n, u32::from(*bytes) * 8, *signed),
            Ty::Bool => u64::from(n != 0),
            _ => n,
        }
    }

    /// A value as `print` shows it.
    pub fn show(&self, value: &Val) -> String {
        let many = |parts: &[Val], types: Vec<&Ty>| -> Vec<String> {
            parts.iter().zip(types).map(|(v, t)| t.show(v)).collect()
        };
        match (self, value) {
            (Ty::Int(_, false), Val::Num(n)) => n.to_string(),
            (Ty::Bool, Val::Num(n)) => (*n != 0).to_string(),
            (Ty::Enum, Val::Num(n)) => {
                let known = ENUM.iter().find(|(_, v)| *v == *n as i64);
                known.map_or_else(|| n.to_string(), |(name, _)| name.to_string())
            }
            (_, Val::Num(n)) => (*n as i64).to_string(),
            (_, Val::Str(s)) => s.clone(),
            (Ty::Tuple(types), Val::Many(parts)) => {
                format!("({})", many(parts, types.iter().collect()).join(", "))
            }
            (Ty::Record(types), Val::Many(parts)) => {
                let shown = types.iter().zip(parts).map(|((name, t), v)| format!(".{name} = {}", t.show(v)));
                format!("{{ {} }}", shown.collect::<Vec<_>>().join(", "))
            }
            (Ty::Array(bytes, signed, _), Val::Many(parts)) => {
                let element = Ty::Int(*bytes, *signed);
                format!("[{}]", many(parts, vec![&element; parts.len()]).join(","))
            }
            (_, Val::Many(_)) => String::new(),
        }
    }
}

impl Val {
    /// The number, 0 for anything else.
    pub fn num(&self) -> u64 {
        match self {
            Val::Num(n) => *n,
            _ => 0,
        }
    }

    /// The text, empty for anything else.
    pub fn text(&self) -> &str {
        match self {
            Val::Str(s) => s,
            _ => "",
        }
    }

    /// The parts, none for anything else.
    pub fn parts(&self) -> &[Val] {
        match self {
            Val::Many(parts) => parts,
            _ => &[],
        }
    }
}

/// The low bits of a number, extended to 64.
pub fn extend(n: u64, bits: u32, signed: bool) -> u64 {
    if bits == 0 || bits >= 64 {
        return n;
    }
    let shift = 64 - bits;
    if signed { ((n << shift) as i64 >> shift) as u64 } else { n << shift >> shift }
}

/// The order of two numbers.
pub fn order(signed: bool, a: u64, b: u64) -> Ordering {
    if signed { (a as i64).cmp(&(b as i64)) } else { a.cmp(&b) }
}

/// The type of a choice between two integers, as the language widens them.
pub fn join(a: &Ty, b: &Ty) -> Ty {
    match (a, b) {
        (Ty::Int(s, x), Ty::Int(t, y)) if x == y => Ty::Int(*s.max(t), *x),
        (Ty::Int(s, x), Ty::Int(t, _)) => {
            let (signed, unsigned) = if *x { (*s, *t) } else { (*t, *s) };
            Ty::Int(if signed > unsigned { signed } else { (unsigned * 2).min(8) }, true)
        }
        _ => a.clone(),
    }
}
