//! Types from the C declarations in tracepoint `format` files.

use std::sync::Arc;

use btc_types::{EnumType, Space, Type, named};

use crate::Btf;

/// A declaration such as `const char * buf` or `unsigned long args[6]` in parts.
pub struct Declaration {
    /// The field's name.
    pub name: String,
    /// The type text without the name, as it is listed: `const char *`.
    pub ty: String,
    /// Elements of an array, if it is one; `Some(None)` where the text is no number.
    pub count: Option<Option<u32>>,
    /// `__data_loc` or `__rel_loc`: the field holds a place in the record.
    pub dynamic: Dynamic,
}

/// Where the bytes of a field lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dynamic {
    /// In the field itself.
    No,
    /// Length << 16 | offset from the record's start.
    FromStart,
    /// Length << 16 | offset from the field's end.
    FromField,
}

/// Splits the text behind `field:`.
pub fn split(text: &str) -> Option<Declaration> {
    let mut text = text.trim();
    let mut dynamic = Dynamic::No;
    for (prefix, kind) in [("__data_loc ", Dynamic::FromStart), ("__rel_loc ", Dynamic::FromField)] {
        if let Some(rest) = text.strip_prefix(prefix) {
            (text, dynamic) = (rest.trim(), kind);
        }
    }
    let (body, count) = match text.strip_suffix(']').and_then(|t| t.rsplit_once('[')) {
        Some((body, count)) => (body.trim(), Some(count.trim().parse().ok())),
        None => (text, None),
    };
    let at = body.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |i| i + 1);
    let (ty, name) = body.split_at(at);
    let ty = ty.trim();
    // `__data_loc char[] filename`: the brackets stand before the name.
    let ty = ty.strip_suffix("[]").unwrap_or(ty).trim();
    (!name.is_empty()).then(|| Declaration {
        name: name.to_string(),
        ty: ty.to_string(),
        count,
        dynamic,
    })
}

/// The language's type for a type text, given the field's size and sign.
pub fn type_of(ty: &str, size: u32, signed: bool, space: Space, btf: Option<&Btf>) -> Type {
    let bare = unqualified(ty);
    if let Some(to) = bare.strip_suffix('*') {
        return Type::pointer(base(to.trim(), space, btf), space);
    }
    let fallback = || Type::int(if matches!(size, 1 | 2 | 4 | 8) { size as u8 } else { 8 }, signed);
    match base(&bare, space, btf) {
        Type::Enum(e) if u32::from(e.size) == size => Type::Enum(e),
        Type::Bool if size == 1 => Type::Bool,
        Type::Record(r) if r.size == size => Type::Record(r),
        // A typedef of a pointer. CO-RE takes a number for another field.
        pointer @ Type::Pointer { .. } if size == 8 => pointer,
        _ => match bare.strip_prefix("enum ") {
            // One that is not known, or has another size, is an enum still: CO-RE takes no number for it.
            Some(tag) if matches!(size, 1 | 2 | 4 | 8) => Type::Enum(Arc::new(EnumType {
                name: tag.to_string(),
                size: size as u8,
                signed,
                variants: Vec::new(),
                script: false,
            })),
            _ => fallback(),
        },
    }
}

/// The type of a type text that means a number; `None` for all else, and what is not known.
pub fn number(ty: &str, btf: Option<&Btf>) -> Option<Type> {
    let bare = unqualified(ty);
    // One that is not known is no number that anybody knows the size of.
    let is_unknown = bare.strip_prefix("enum ").is_some_and(|tag| btf.and_then(|b| b.enumeration(tag)).is_none());
    Some(base(&bare, Space::Kernel, btf)).filter(|ty| ty.is_numeric() && !is_unknown)
}

/// Bytes of a type that is no pointer; 0 where it is not known.
pub fn size_of(ty: &str, btf: Option<&Btf>) -> u32 {
    base(&unqualified(ty), Space::Kernel, btf).size()
}

/// `char *const *`: qualifiers of pointers say nothing about what they point at.
fn unqualified(ty: &str) -> String {
    let words = ty.replace("*const", "*");
    let words = words.split_whitespace().filter(|w| !matches!(*w, "const" | "volatile" | "__user" | "__seg_gs" | "__seg_fs"));
    words.collect::<Vec<_>>().join(" ")
}

fn base(text: &str, space: Space, btf: Option<&Btf>) -> Type {
    if let Some(to) = text.strip_suffix('*') {
        return Type::pointer(base(to.trim(), space, btf), space);
    }
    let record = |tag: &str, union| {
        btf.and_then(|b| b.record(tag, union)).map_or(Type::None, |l| Type::Record(l.ty.clone()))
    };
    if let Some(tag) = text.strip_prefix("struct ") {
        record(tag, false)
    } else if let Some(tag) = text.strip_prefix("union ") {
        record(tag, true)
    } else if let Some(tag) = text.strip_prefix("enum ") {
        btf.and_then(|b| b.enumeration(tag)).map_or(Type::UINT32, Type::Enum)
    } else {
        named(text).or_else(|| btf.and_then(|b| b.named(text))).unwrap_or(Type::None)
    }
}
