//! How large a type may be. What makes types of others asks here, so that no phase meets one that it cannot walk.

use crate::Type;

/// Parts that a type has at most, those of its parts included.
pub const MAX_PARTS: usize = 500;
/// How deep types lie in each other at most: tuples in tuples, pointers to pointers.
pub const MAX_NESTING: usize = 64;
/// Bytes of a value at most.
pub const MAX_BYTES: u32 = 1 << 20;

/// Room for the parts of one type.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    parts: usize,
}

impl Default for Room {
    fn default() -> Self {
        Room { parts: MAX_PARTS }
    }
}

impl Room {
    /// Takes room for a type; what is wrong with it if there is too little.
    ///
    /// Stops where the room ends, so asking takes no longer than the room is large.
    pub fn take(&mut self, ty: &Type) -> Result<(), String> {
        self.parts_of(ty, 0)
    }

    fn parts_of(&mut self, ty: &Type, depth: usize) -> Result<(), String> {
        if depth > MAX_NESTING {
            return Err(format!("this type nests too deep: more than {MAX_NESTING} types lie in each other"));
        }
        let Some(left) = self.parts.checked_sub(1) else {
            return Err(format!("this type has too many parts: more than {MAX_PARTS} with those of its parts"));
        };
        self.parts = left;
        match ty {
            Type::Tuple(parts) => parts.iter().try_for_each(|part| self.parts_of(part, depth + 1)),
            Type::Named(parts) => parts.iter().try_for_each(|(_, part)| self.parts_of(part, depth + 1)),
            Type::Pointer { to, .. } => self.parts_of(to, depth + 1),
            Type::Array { element, .. } => self.parts_of(element, depth + 1),
            Type::Meta(inner) => self.parts_of(inner, depth + 1),
            _ => Ok(()),
        }
    }
}

impl Type {
    /// What is wrong with a type that has too many parts, or nests too deep.
    pub fn check_parts(&self) -> Result<(), String> {
        Room::default().take(self)
    }

    /// What is wrong with a type whose values are too large.
    pub fn check_bytes(&self) -> Result<(), String> {
        match self.size() {
            0..=MAX_BYTES => Ok(()),
            u32::MAX => Err(format!("a value of this type is too large: it may have {MAX_BYTES} bytes")),
            size => Err(format!("a value of this type is too large: it has {size} bytes, and may have {MAX_BYTES}")),
        }
    }
}
