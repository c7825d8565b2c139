//! C definitions inside a script.

use btc_diagnostics::Span;

use super::{Expr, Ident, TypeExpr};

/// A C definition at the top of a script.
#[derive(Clone, Debug, PartialEq)]
pub enum CDefinition {
    /// `struct x { … };` or `union x { … };`
    Record(CRecord),
    /// `enum x { … };`
    Enum(CEnum),
    /// `typedef T name;`
    Typedef(CTypedef),
}

/// What `__attribute__((…))` and `_Alignas(…)` say about a layout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CAttributes {
    /// The place of `packed`.
    pub packed: Option<Span>,
    /// The alignments that are asked for.
    pub aligned: Vec<CAlign>,
}

/// An alignment that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum CAlign {
    /// `aligned(8)`
    Value(Expr),
    /// `_Alignas(long)`
    Type(TypeExpr),
    /// `aligned` alone: the most that any type of the machine needs.
    Most,
}

/// Whether members follow each other or overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// Members follow each other.
    Struct,
    /// Members share their first byte.
    Union,
}

/// A struct or union.
#[derive(Clone, Debug, PartialEq)]
pub struct CRecord {
    /// Struct or union.
    pub kind: RecordKind,
    /// The tag; an anonymous record nested in another gets a made-up one with a `.` in it.
    pub name: Ident,
    /// Members in order.
    pub fields: Vec<CField>,
    /// What attributes say.
    pub attributes: CAttributes,
    /// The most that members are aligned to: `#pragma pack(n)`.
    pub pack: Option<u32>,
    /// The whole definition.
    pub span: Span,
}

/// A member of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct CField {
    /// The name; `None` for an anonymous struct or union, whose members belong to the outer one.
    pub name: Option<Ident>,
    /// Its type.
    pub ty: TypeExpr,
    /// The width in bits of a bit field.
    pub bits: Option<Expr>,
    /// What attributes say.
    pub attributes: CAttributes,
    /// The whole declaration.
    pub span: Span,
}

/// An enum.
#[derive(Clone, Debug, PartialEq)]
pub struct CEnum {
    /// The tag; an anonymous enum gets a made-up one with a `.` in it.
    pub name: Ident,
    /// Enumerators with their value expression, where given.
    pub variants: Vec<(Ident, Option<Expr>)>,
    /// Whether a header of the system defines it: what cannot be evaluated there is passed over.
    pub system: bool,
    /// `__attribute__((packed))`: as small as its values allow.
    pub packed: bool,
    /// The whole definition.
    pub span: Span,
}

/// A typedef.
#[derive(Clone, Debug, PartialEq)]
pub struct CTypedef {
    /// The new name.
    pub name: Ident,
    /// What it stands for.
    pub ty: TypeExpr,
    /// What attributes say.
    pub attributes: CAttributes,
}
