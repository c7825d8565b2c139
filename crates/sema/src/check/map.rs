//! Maps: keys, reads and assignments.

use btc_diagnostics::{Code, Diagnostic, Span};
use btc_hir::{self as hir, ExprKind, StmtKind};
use btc_syntax::ast;
use btc_types::{Aggregation, Type};

use super::{Checker, broken};

impl Checker<'_, '_> {
    /// The name and the keys of `@m` or `@m[k, …]`.
    pub(super) fn map_parts<'e>(&self, e: &'e ast::Expr) -> Option<(&'e str, &'e [ast::Expr])> {
        match &e.kind {
            ast::ExprKind::Map(name) => Some((name, &[])),
            ast::ExprKind::Index { base, index } => match &base.kind {
                ast::ExprKind::Map(name) => Some((name, index)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Checks the key of a use of a map and widens the map's key type by it.
    /// `span` is where a disagreement is reported.
    pub(super) fn map_key(&mut self, name: &str, index: &[ast::Expr], span: Span) -> Option<hir::Expr> {
        let mut keys: Vec<hir::Expr> = index.iter().map(|k| self.value(k)).collect();
        for key in keys.iter().filter(|key| matches!(key.ty, Type::None | Type::Aggregation(_))) {
            self.error(Code::MapType, key.span, format!("a value of type `{}` cannot be a key", key.ty));
        }
        let key = match keys.len() {
            0 => None,
            1 => keys.pop(),
            _ => {
                let span = keys[0].span.to(keys[keys.len() - 1].span);
                let ty = Type::Tuple(keys.iter().map(|k| k.ty.clone()).collect());
                Some(self.bounded(hir::Expr { kind: ExprKind::Tuple(keys), ty, span }))
            }
        };
        self.use_key(name, key, span)
    }

    /// Joins a key with those of other uses.
    pub(super) fn use_key(&mut self, name: &str, key: Option<hir::Expr>, span: Span) -> Option<hir::Expr> {
        let info = self.tables.map(name, span).clone();
        let keyed = key.is_some();
        if info.keyed.is_some_and(|k| k != keyed) {
            let (here, there) = if keyed { ("with", "without") } else { ("without", "with") };
            let message = format!("`{name}` is used {here} a key here, and {there} one elsewhere");
            self.d.push(Diagnostic::error(Code::MapType, span, message).also(info.span, "elsewhere"));
            return key;
        }
        if info.keyed.is_none() {
            self.tables.map(name, span).keyed = Some(keyed);
            self.tables.changed = true;
        }
        let key = key?;
        let joined = self.tables.join_map(self.probe, name, true, &key, span);
        if let Some(ty) = &joined {
            self.tell_change(&key, ty);
        }
        match joined {
            Some(ty) if ty != info.key => {
                self.tables.map(name, span).key = ty;
                self.tables.changed = true;
            }
            Some(_) => {}
            None => {
                let message = format!("the key of `{name}` is of type `{}`, this one of type `{}`", info.key, key.ty);
                self.d.push(Diagnostic::error(Code::MapType, span, message).also(info.span, "first used here"));
            }
        }
        Some(key)
    }

    /// A map's value as an expression.
    pub(super) fn map_read(&mut self, e: &ast::Expr, name: &str, index: &[ast::Expr]) -> hir::Expr {
        let key = self.map_key(name, index, e.span);
        let info = self.tables.map(name, e.span).clone();
        let id = self.tables.map_id(name);
        let ty = match &info.value {
            Type::Aggregation(a) => match self.aggregate_as_number(name, a, e.span) {
                Some(ty) => ty,
                None => return broken(e.span),
            },
            other => other.clone(),
        };
        hir::Expr { kind: ExprKind::Map { map: id, key: key.map(Box::new) }, ty, span: e.span }
    }

    /// The type of an aggregation that a program reads as a number; an error where it has no single value.
    pub(super) fn aggregate_as_number(&mut self, name: &str, a: &Aggregation, span: Span) -> Option<Type> {
        let Some(ty) = a.as_number() else {
            let message = format!("`{name}` is a {}(), which has no single value", a.name());
            self.error(Code::WrongType, span, message);
            return None;
        };
        self.read_by_program(name, span);
        Some(ty)
    }

    /// Programs reach the parts of all CPUs of this map, not only those of their own.
    pub(super) fn read_by_program(&mut self, name: &str, span: Span) {
        let info = self.tables.map(name, span);
        if !info.read_as_number {
            info.read_as_number = true;
            self.tables.changed = true;
        }
    }

    /// Widens a map's value type by a value.
    pub(super) fn widen_map(&mut self, name: &str, value: &hir::Expr, span: Span) {
        let info = self.tables.map(name, span).clone();
        let joined = self.tables.join_map(self.probe, name, false, value, span);
        match (&joined, &value.kind) {
            // What an aggregation gets is as wide as what it keeps.
            (Some(Type::Aggregation(a)), ExprKind::Call { args, .. }) if !matches!(a, Aggregation::Sum { .. }) => {
                if let (Some(number), Some(kept)) = (args.first(), a.kept()) {
                    self.tell_change(number, &kept);
                }
            }
            (Some(ty), _) => self.tell_change(value, ty),
            (None, _) => {}
        }
        let target = self.tables.map(name, span);
        if !target.assigned {
            target.assigned = true;
            target.span = span;
        }
        match joined {
            Some(ty) if ty != info.value => {
                self.tables.map(name, span).value = ty;
                self.tables.changed = true;
            }
            Some(_) => {}
            None => {
                let message = format!("`{name}` holds `{}`, this value is of type `{}`", info.value, value.ty);
                self.d.push(Diagnostic::error(Code::MapType, span, message).also(info.span, "first assigned here"));
            }
        }
    }

    /// `@m[k] = value` and `@m[k] op= value`.
    pub(super) fn assign_map(
        &mut self,
        target: &ast::Expr,
        op: Option<ast::BinaryOp>,
        value: &ast::Expr,
        span: Span,
    ) -> Option<StmtKind> {
        let (name, index) = self.map_parts(target)?;
        let key = self.map_key(name, index, target.span);
        if op.is_none() {
            return self.set_map(name, key, value, span);
        }
        let op = op?;
        let old = self.tables.map(name, target.span).value.clone();
        let right = self.expr(value);
        let left_ty = match old {
            Type::Unknown if right.ty.is_str() => right.ty.clone(),
            Type::Unknown => Type::INT64,
            ty => ty,
        };
        let id = self.tables.map_id(name);
        let left = hir::Expr {
            kind: ExprKind::Map { map: id, key: key.clone().map(Box::new) },
            ty: left_ty,
            span: target.span,
        };
        let value = self.binary(op, left, right, span);
        self.widen_map(name, &value, span);
        match value.kind {
            ExprKind::Binary { op, right, .. } => {
                Some(StmtKind::UpdateMap { map: id, key, op, value: *right })
            }
            _ => Some(StmtKind::SetMap { map: id, key, value }),
        }
    }

    fn set_map(
        &mut self,
        name: &str,
        key: Option<hir::Expr>,
        value: &ast::Expr,
        span: Span,
    ) -> Option<StmtKind> {
        let value = self.value_for_map(value);
        if matches!(value.ty, Type::None) {
            self.error(Code::WrongType, value.span, "this has no value to assign");
            return None;
        }
        // `@a = count()` where `@a` is a sum: told at the aggregation.
        let at = if matches!(value.ty, Type::Aggregation(_)) { value.span } else { span };
        self.widen_map(name, &value, at);
        let map = self.tables.map_id(name);
        Some(if matches!(value.ty, Type::Aggregation(_)) {
            StmtKind::Aggregate { map, key, call: value }
        } else {
            StmtKind::SetMap { map, key, value }
        })
    }

    /// `@m[k]++`
    pub(super) fn step_map(
        &mut self,
        target: &ast::Expr,
        delta: i64,
        prefix: bool,
        span: Span,
    ) -> hir::Expr {
        let Some((name, index)) = self.map_parts(target) else { return broken(span) };
        let key = self.map_key(name, index, target.span);
        let old = self.tables.map(name, span).value.clone();
        let ty = match &old {
            Type::Unknown => Type::INT64,
            // What is stepped down may be less than 0.
            Type::Int { signed, .. } => Type::int(8, *signed || delta < 0),
            other => {
                let message = format!("`{name}` holds `{other}`, which cannot be stepped");
                self.error(Code::WrongType, span, message);
                return broken(span);
            }
        };
        let value = hir::Expr { kind: ExprKind::Cast(Box::new(broken(span))), ty: ty.clone(), span };
        self.widen_map(name, &value, span);
        let map = self.tables.map_id(name);
        hir::Expr { kind: ExprKind::StepMap { map, key: key.map(Box::new), delta, prefix }, ty, span }
    }
}
