//! What a finished object holds: for `btc inspect`, for the compiler's own check, and for whoever is about to load it.
//!
//! Any bytes may come in: whatever does not parse is an error, nothing panics, and no more time and memory is used than a small
//! multiple of the input. Knows ELF, BTF and instructions, and neither the language nor the kernel that runs here.
//!
//! `read` takes an object apart, [`definitions`] are the maps and variables that its BTF defines, [`shape`] tells whether a
//! loader may see it, and [`effects`] what its code may do to the host.

pub mod definitions;
pub mod effects;
pub mod frame;
mod read;
pub mod shape;

pub use read::{Contents, CoreRelocation, Line, Program, ReadError, Relocation, STT_FUNC, STT_OBJECT, Section, Symbol, Type, read};

/// Header magic of `.BTF` and `.BTF.ext`.
pub const MAGIC: u16 = 0xeb9f;

/// Kinds of type records.
#[allow(missing_docs)]
pub mod kind {
    pub const INT: u32 = 1;
    pub const PTR: u32 = 2;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const ENUM: u32 = 6;
    pub const FWD: u32 = 7;
    pub const TYPEDEF: u32 = 8;
    pub const VOLATILE: u32 = 9;
    pub const CONST: u32 = 10;
    pub const RESTRICT: u32 = 11;
    pub const FUNC: u32 = 12;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
    pub const FLOAT: u32 = 16;
    pub const DECL_TAG: u32 = 17;
    pub const TYPE_TAG: u32 = 18;
    pub const ENUM64: u32 = 19;
}

/// Linkage of functions and variables.
#[allow(missing_docs)]
pub mod linkage {
    pub const STATIC: u32 = 0;
    pub const GLOBAL: u32 = 1;
    pub const EXTERN: u32 = 2;
}
