//! Casts, and types written in the script.

use btc_diagnostics::{Code, Span};
use btc_hir::{self as hir, ExprKind};
use btc_syntax::ast::{self, TypeExprKind};
use btc_types::{Space, Type};

use super::call::may_differ;
use super::ops::kept_sign;
use super::{Checker, broken};
use crate::fold::literal;
use crate::records::{bounded, pointer_to};

impl Checker<'_, '_> {
    /// The type that a type expression stands for.
    pub(super) fn type_expr(&mut self, ty: &ast::TypeExpr) -> Type {
        let made = self.any_type(ty);
        bounded(made, ty.span, self.d)
    }

    fn any_type(&mut self, ty: &ast::TypeExpr) -> Type {
        match &ty.kind {
            TypeExprKind::Typeof(e) => match &e.kind {
                ast::ExprKind::Type(inner) => self.type_expr(inner),
                _ => self.type_of(e),
            },
            TypeExprKind::Pointer(to) => {
                let inner = self.type_expr(to);
                if inner == Type::Unknown {
                    return Type::Unknown;
                }
                pointer_to(inner)
            }
            TypeExprKind::Array(element, count) => {
                let element = self.type_expr(element);
                if element == Type::Unknown {
                    return Type::Unknown;
                }
                match self.cx.records.length(count.as_deref(), self.d) {
                    Some(count) => Type::Array { element: Box::new(element), count, text: false },
                    None => Type::Unknown,
                }
            }
            TypeExprKind::Tuple(parts) => {
                let parts: Vec<Type> = parts.iter().map(|part| self.type_expr(part)).collect();
                if parts.contains(&Type::Unknown) { Type::Unknown } else { Type::tuple(parts) }
            }
            _ => self.cx.records.resolve(ty, self.resolved.attach.binary(), self.d),
        }
    }

    /// The type of an expression that is not evaluated.
    pub(super) fn type_of(&mut self, e: &ast::Expr) -> Type {
        let of = self.only_typed(e);
        let ty = of.ty.clone();
        if may_differ(&of) {
            self.typed_by.push(of);
        }
        ty
    }

    /// An expression that is not evaluated.
    pub(super) fn only_typed(&mut self, e: &ast::Expr) -> hir::Expr {
        let outer = std::mem::replace(&mut self.only_types, true);
        let e = self.expr(e);
        self.only_types = outer;
        e
    }

    pub(super) fn cast(&mut self, ty: &ast::TypeExpr, operand: &ast::Expr, span: Span) -> hir::Expr {
        let to = self.type_expr(ty);
        let from = kept_sign(self.expr(operand));
        if to == Type::Unknown || from.ty == Type::Unknown {
            return broken(span);
        }
        // The address of a text in memory, as C has it of arrays: `(struct tcp_skb_cb *)$skb->cb`.
        let from = if from.ty.is_str() && to.is_pointer() && is_place(&from) { self.address_of(from, span) } else { from };
        let to = self.cast_type(to, &from);
        // Nothing is cast where only the type counts: `sizeof(((struct x)0).field)`.
        let is_type = self.only_types && from.ty.is_scalar() && matches!(to, Type::Record(_));
        if !castable(&from.ty, &to) && !is_type {
            let message = format!("a value of type `{}` cannot be cast to `{to}`", from.ty);
            self.error(Code::BadCast, span, message);
            return broken(span);
        }
        if let (Type::Enum(e), Some(n)) = (&to, literal(&from))
            && e.script && !e.variants.iter().any(|(_, v)| *v == n) {
                let message = format!("`enum {}` has no value {n}", e.name);
                self.error(Code::OutOfRange, span, message);
            }
        if let (Type::Int { size, signed }, Some(n)) = (&to, literal(&from)) {
            let known = hir::Expr { kind: ExprKind::Int(truncate(n, *size, *signed)), ty: to.clone(), span };
            // No literal any more, which would take the sign of what it meets.
            return if *signed { hir::Expr { kind: ExprKind::Cast(Box::new(known)), ty: to, span } } else { known };
        }
        hir::Expr { kind: ExprKind::Cast(Box::new(from)), ty: to, span }
    }

    /// Completes a cast's type: the length of `T[]`, the space of a pointer.
    fn cast_type(&self, to: Type, from: &hir::Expr) -> Type {
        match to {
            Type::Array { element, count: 0, text } if element.size() > 0 => {
                let count = from.ty.size() / element.size();
                Type::Array { element, count, text }
            }
            Type::Pointer { to, space } => {
                let space = match &from.ty {
                    Type::Pointer { space, .. } => *space,
                    // A record of the kernel's lies in the kernel; anything else is told by its address.
                    _ if space == Space::Kernel && self.facts.is_user => Space::User,
                    _ => space,
                };
                Type::Pointer { to, space }
            }
            Type::Str { capacity: 0, cut } => Type::Str { capacity: from.ty.size().max(1), cut },
            other => other,
        }
    }
}

/// Whether it is part of a record in memory.
fn is_place(e: &hir::Expr) -> bool {
    matches!(e.kind, ExprKind::Field { .. } | ExprKind::Deref(_) | ExprKind::Element { .. })
}

fn castable(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (a, b) if a == b => true,
        (a, b) if a.is_scalar() && b.is_scalar() => true,
        (Type::Str { .. }, Type::Bool) => true,
        (Type::Str { .. }, Type::Str { .. }) => from.told_size() <= to.size(),
        (Type::Str { .. }, Type::Array { element, .. }) => element.size() == 1,
        // A longer array is filled up with zeros.
        (a, Type::Array { element, count, .. }) if a.is_scalar() => a.size() <= element.size() * count,
        (Type::Array { .. }, b) if b.is_scalar() => from.size() == b.size(),
        (Type::Array { .. }, Type::Array { .. }) => from.size() == to.size(),
        (Type::Tuple(_), Type::Tuple(_)) => btc_types::join(from, to).is_some(),
        _ => false,
    }
}

/// `n` cut to a size and extended again.
fn truncate(n: i64, size: u8, signed: bool) -> i64 {
    let bits = 64 - u32::from(size) * 8;
    if signed { (n << bits) >> bits } else { (((n as u64) << bits) >> bits) as i64 }
}
