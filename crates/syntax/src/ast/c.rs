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
    /// `__attribute__((packed))`
    pub packed: bool,
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
    pub bits: Option<u32>,
    /// The whole declaration.
    pub span: Span,
}

/// An enum.
#[derive(Clone, Debug, PartialEq)]
pub struct CEnum {
    /// The tag; empty for an anonymous enum.
    pub name: Ident,
    /// Enumerators with their value expression, where given.
    pub variants: Vec<(Ident, Option<Expr>)>,
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
}
