//! Type names that need no definition: the language's own and C's.

use crate::{Space, Type};

/// The type of a name such as `uint8`, `u32`, `size_t` or `unsigned long`.
pub fn named(name: &str) -> Option<Type> {
    let (size, signed) = match name {
        "bool" | "_Bool" => return Some(Type::Bool),
        "void" => return Some(Type::None),
        "string" => return Some(Type::str(0)),
        "inet" | "inet_t" => return Some(Type::Inet),
        "mac_address" | "mac_t" => return Some(Type::Mac),
        "uintptr_t" => (8, false),
        "int8" | "int8_t" | "s8" | "__s8" | "char" | "signed char" => (1, true),
        "uint8" | "uint8_t" | "u8" | "__u8" | "unsigned char" => (1, false),
        "int16" | "int16_t" | "s16" | "__s16" | "short" | "short int" | "signed short" => (2, true),
        "uint16" | "uint16_t" | "u16" | "__u16" | "unsigned short" | "unsigned short int" => (2, false),
        "int32" | "int32_t" | "s32" | "__s32" | "int" | "signed" | "signed int" => (4, true),
        "uint32" | "uint32_t" | "u32" | "__u32" | "unsigned" | "unsigned int" => (4, false),
        "int64" | "int64_t" | "s64" | "__s64" | "long" | "long int" | "long long"
        | "long long int" | "signed long" | "signed long long" | "ssize_t" | "intptr_t" => (8, true),
        "uint64" | "uint64_t" | "u64" | "__u64" | "unsigned long" | "unsigned long int"
        | "unsigned long long" | "unsigned long long int" | "size_t" => (8, false),
        // Its bytes alone matter: nothing calculates with it.
        "__int128" | "unsigned __int128" | "__int128_t" | "__uint128_t" => return Some(int128()),
        "__be16" | "__le16" => (2, false),
        "__be32" | "__le32" => (4, false),
        "__be64" | "__le64" => (8, false),
        _ => return None,
    };
    Some(Type::int(size, signed))
}

/// 16 bytes, which C aligns to as many.
fn int128() -> Type {
    Type::Array { element: Box::new(Type::UINT64), count: 2, text: false }
}

/// What C aligns a type of that name to, where the type does not tell.
pub fn c_align(name: &str) -> Option<u32> {
    matches!(name, "__int128" | "unsigned __int128" | "__int128_t" | "__uint128_t").then_some(16)
}

impl Type {
    /// `void *`
    pub fn void_pointer(space: Space) -> Type {
        Type::pointer(Type::None, space)
    }
}
