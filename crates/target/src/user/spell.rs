//! Types of user binaries as listings spell them.

use btc_dwarf::{Error, Type as Raw, TypeId};

use super::{MAX_DEPTH, UserTypes, too_deep};

impl UserTypes {
    /// A type without a declarator: `const char*`, `struct point[3]`.
    pub(super) fn spelled(&self, id: Option<TypeId>, depth: u32) -> Result<String, Error> {
        let Some(id) = id else { return Ok("void".to_string()) };
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        let tagged = |word: &str, name: Option<String>| match name {
            Some(name) => format!("{word} {name}"),
            None => word.to_string(),
        };
        Ok(match self.info.type_at(id)? {
            Raw::Bool { name } | Raw::Int { name, .. } | Raw::Typedef { name, .. } => name,
            Raw::Other { name, .. } if name.is_empty() => "void()".to_string(),
            Raw::Other { name, .. } => name,
            Raw::Pointer(to) => format!("{}*", self.spelled(to, depth + 1)?),
            Raw::Array { element, counts, .. } => {
                let lengths: String = counts.iter().map(|n| format!("[{n}]")).collect();
                format!("{}{lengths}", self.spelled(element, depth + 1)?)
            }
            Raw::Record { name, union, .. } => tagged(if union { "union" } else { "struct" }, name),
            Raw::Enum { name, .. } => tagged("enum", name),
            Raw::Qualified { word, to } => {
                let inner = self.spelled(to, depth + 1)?;
                if inner.ends_with('*') { format!("{inner} {word}") } else { format!("{word} {inner}") }
            }
        })
    }
}
