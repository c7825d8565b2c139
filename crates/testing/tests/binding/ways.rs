//! What a script can ask of a field, and what is right.

use crate::machine::Pattern;
use crate::path::{Found, Leaf, Shown};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Its value, of a number also in 64 bits.
    Value,
    /// What a pointer to it points at.
    Address,
    /// Its bytes.
    Size,
    /// All bits of it the other way, which shows how wide it is.
    Complement,
    /// The same of a variable that holds it.
    Held,
    /// The same of a part of a tuple.
    Within,
    /// A third of it, below 0: what has 64 bits and no sign is divided without one.
    Divided,
    /// A number of its type.
    Typed,
    /// The last of its bytes among eight.
    Bytes,
    /// A pointer from it.
    Pointed,
    /// Whether it is a pointer, an array or a string.
    Kind,
    /// All bits of another number the other way, of the type of both; the field is never read.
    Dropped,
}

/// Those that ask for more than the value.
pub const OTHERS: [Way; 10] = [
    Way::Size,
    Way::Complement,
    Way::Held,
    Way::Within,
    Way::Divided,
    Way::Typed,
    Way::Bytes,
    Way::Pointed,
    Way::Dropped,
    Way::Address,
];

impl Way {
    /// The action that shows it.
    pub fn action(self, field: &str, leaf: &Leaf) -> String {
        match self {
            Way::Value if matches!(leaf, Leaf::Number { .. }) => format!("print({field}); print((int64)({field}));"),
            Way::Value => format!("print({field});"),
            Way::Address => format!("$p = &{field}; print(*$p);"),
            Way::Size => format!("print(sizeof({field}));"),
            Way::Complement => format!("print(~{field});"),
            Way::Held => format!("$v = {field}; print(~$v);"),
            Way::Within => format!("$t = ({field}, 1); print(~$t.0);"),
            Way::Divided => format!("print({field} / -3);"),
            Way::Typed => format!("print((typeof({field}))-1);"),
            Way::Bytes => format!("print(((uint8[8]){field})[7]);"),
            Way::Pointed => format!("print((uint64)(void *){field});"),
            Way::Kind => format!("print(is_ptr({field}) ? 1 : is_array({field}) ? 2 : is_str({field}) ? 3 : 0);"),
            Way::Dropped => format!("print(~(1 ? (int8)5 : {field}));"),
        }
    }

    /// What a kernel shows that has the field there.
    pub fn right(self, found: &Found, root: u64, pattern: Pattern) -> Option<Shown> {
        if self == Way::Kind {
            return Some(Shown::Number(match found.leaf {
                Leaf::Pointer(_) => 1,
                Leaf::Bytes(_) => 2,
                Leaf::Text(_) => 3,
                Leaf::Number { .. } | Leaf::Bool | Leaf::Record(..) => 0,
                Leaf::Other => return None,
            }));
        }
        let value = found.value(root, pattern)?;
        let (bits, signed) = match found.leaf {
            Leaf::Number { bits, signed } => (bits, signed),
            // A truth value where the object was made for a number: it shows the number.
            Leaf::Bool if self != Way::Value => (8, false),
            _ => return Some(value),
        };
        let Shown::Number(n) = value else { return Some(value) };
        let width = found.unit.unwrap_or(bits);
        let all = (1 << width) - 1;
        Some(Shown::Number(match self {
            Way::Address if found.unit.is_some() => return None,
            Way::Value | Way::Address | Way::Kind => n,
            Way::Size => i128::from(width / 8),
            Way::Complement | Way::Held | Way::Within if width == 64 && signed => !n,
            // What is less wide is shown without a sign.
            Way::Complement | Way::Held | Way::Within => !n & all,
            Way::Divided if width == 64 && !signed => n / (all - 2),
            Way::Divided => n / -3,
            Way::Bytes if width == 64 => n >> 56 & 0xff,
            Way::Bytes => 0,
            Way::Pointed => n & all,
            // Beside a number with a sign, one without has the next size.
            Way::Dropped if width >= 32 && (width == 64 || !signed) => !5,
            Way::Dropped if signed => !5 & all,
            Way::Dropped => !5 & ((1 << (2 * width)) - 1),
            Way::Typed if signed => -1,
            Way::Typed => all,
        }))
    }
}
