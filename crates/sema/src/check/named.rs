//! Which fields of the kernel and arguments a probe names as values.
//!
//! Variables, maps and keys have the types of what they get, also where that is in code that never runs or that the compiler
//! drops: `if (DEBUG) { @x = curtask->prio; }` makes `@x` an `int32`. So the target is asked what it has for each, not
//! for those alone that instructions read.

use btc_hir::{self as hir, ExprKind};
use btc_providers::Location;
use btc_types::Type;

use super::Checker;

/// What is named, and how it is written.
pub(super) type Named = (String, hir::Expr);

impl Checker<'_, '_> {
    /// Notes a field or an argument that is taken for a value.
    pub(super) fn note_value(&mut self, e: &hir::Expr) {
        let path = path(e).filter(|_| !self.only_types);
        self.named.extend(path.map(|path| (path, pruned(e))));
    }

    /// Takes back what was noted of one that a part is taken of.
    pub(super) fn note_part_of(&mut self, whole: &hir::Expr) {
        let Some(path) = path(whole) else { return };
        let last = self.named.iter().rposition(|(named, _)| *named == path);
        last.map(|n| self.named.remove(n));
    }

    /// All that the probe names, each once.
    pub(super) fn all_named(&mut self) -> Vec<hir::Expr> {
        let mut named = std::mem::take(&mut self.named);
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        named.dedup_by(|(a, _), (b, _)| a == b);
        named.into_iter().map(|(_, e)| e).collect()
    }
}

/// How a field of the kernel or an argument is written, but for what leads to its record.
fn path(e: &hir::Expr) -> Option<String> {
    match &e.kind {
        ExprKind::Field { base, field } => {
            let of = path(base).or_else(|| match &base.ty {
                Type::Record(r) if r.is_kernel() => Some(base.ty.to_string()),
                _ => None,
            });
            Some(format!("{}.{}", of?, field.name))
        }
        ExprKind::Element { base, .. } => Some(format!("{}[]", path(base)?)),
        ExprKind::Argument { location: Location::Named { name, .. }, .. } => Some(format!("args.{name}")),
        _ => None,
    }
}

/// The same without what leads to the record.
fn pruned(e: &hir::Expr) -> hir::Expr {
    let number = |ty: Type| hir::Expr { kind: ExprKind::Int(0), ty, span: e.span };
    let kind = match &e.kind {
        ExprKind::Field { base, field } => ExprKind::Field { base: Box::new(pruned(base)), field: field.clone() },
        // One element is as another.
        ExprKind::Element { base, index } => {
            let index = if let ExprKind::Int(_) = index.kind { (**index).clone() } else { number(Type::INT64) };
            ExprKind::Element { base: Box::new(pruned(base)), index: Box::new(index) }
        }
        ExprKind::Argument { .. } => e.kind.clone(),
        _ => ExprKind::Int(0),
    };
    hir::Expr { kind, ty: e.ty.clone(), span: e.span }
}
