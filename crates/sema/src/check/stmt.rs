//! Statements.

use std::collections::HashMap;

use btc_diagnostics::{Code, Diagnostic, Span, here};
use btc_hir::{self as hir, StmtKind};
use btc_syntax::ast;
use btc_types::Type;

use super::Checker;
use crate::facts::Facts;
use crate::fold;
use crate::soft::Soft;

/// Loops over maps in an action: each is a function, and the kernel takes 256 of these in a program.
const MAX_CALLBACKS: u64 = 200;
/// Other loops of an action.
const MAX_LOOPS: u64 = 1000;
/// Copies of a body that `unroll` may make.
const MAX_UNROLL: i64 = 100;

impl Checker<'_, '_> {
    /// A block in a scope of its own.
    pub(super) fn block(&mut self, block: &ast::Block) -> hir::Block {
        self.scopes.push(HashMap::new());
        let mut checked = self.statements(&block.stmts);
        if let Some(value) = &block.value {
            let e = self.expr(value);
            checked.stmts.push(hir::Stmt { span: e.span, kind: StmtKind::Expr(e) });
        }
        self.scopes.pop();
        checked
    }

    /// A block expression: its statements and its value.
    pub(super) fn block_value(&mut self, block: &ast::Block, span: Span) -> hir::Expr {
        self.scopes.push(HashMap::new());
        let inner = self.statements(&block.stmts);
        let value = block.value.as_ref().map(|v| Box::new(self.value(v)));
        self.scopes.pop();
        // The call of a macro that is one expression stands for that: a literal stays one.
        if let (true, Some(value)) = (inner.stmts.is_empty(), &value) {
            return hir::Expr { span, ..(**value).clone() };
        }
        let ty = value.as_ref().map_or(Type::None, |v| v.ty.clone());
        hir::Expr { kind: hir::ExprKind::Block { block: inner, value }, ty, span }
    }

    fn statements(&mut self, stmts: &[ast::Stmt]) -> hir::Block {
        hir::Block { stmts: stmts.iter().filter_map(|s| self.stmt(s)).collect() }
    }

    fn stmt(&mut self, stmt: &ast::Stmt) -> Option<hir::Stmt> {
        if self.d.is_full() {
            return None;
        }
        let span = stmt.span;
        here::enter(span);
        let kind = match &stmt.kind {
            ast::StmtKind::Expr(e) => StmtKind::Expr(self.expr(e)),
            ast::StmtKind::Discard(e) => StmtKind::Expr(self.expr(e)),
            ast::StmtKind::Assign { target, op, op_span, value } => {
                self.assign(target, *op, *op_span, value, span)?
            }
            ast::StmtKind::Let { var, ty, value } => {
                return self.declare(var, ty.as_ref(), value.as_ref(), span);
            }
            ast::StmtKind::If { comptime, condition, then, otherwise } => {
                let condition = self.condition(condition);
                // What the compiler decides against is not even checked. What only the target
                // knows is decided there.
                if *comptime && let Some(truth) = self.decide(&condition) {
                    let taken = if truth != 0 { Some(then) } else { otherwise.as_ref() };
                    return Some(hir::Stmt { kind: StmtKind::Block(self.block(taken?)), span });
                }
                let then = self.block(then);
                let otherwise = otherwise.as_ref().map_or_else(Default::default, |b| self.block(b));
                StmtKind::If { condition, then, otherwise }
            }
            ast::StmtKind::While { .. } | ast::StmtKind::ForRange { .. } if self.is_one_too_many(span) => return None,
            ast::StmtKind::While { condition, body } => {
                let condition = self.condition(condition);
                StmtKind::While { condition, body: self.loop_body(body) }
            }
            ast::StmtKind::ForRange { var, start, end, body } => self.for_range(var, start, end, body),
            ast::StmtKind::ForMap { var, map, body } => self.for_map(var, map, body)?,
            ast::StmtKind::Unroll { count, body } => self.unroll(count, body, span)?,
            ast::StmtKind::Break => self.in_loop("break", span, StmtKind::Break)?,
            ast::StmtKind::Continue => self.in_loop("continue", span, StmtKind::Continue)?,
            ast::StmtKind::Return(value) => {
                let value = value.as_ref().map(|v| self.expr(v));
                StmtKind::Return(value)
            }
            ast::StmtKind::Block(block) => StmtKind::Block(self.block(block)),
        };
        Some(hir::Stmt { kind, span })
    }

    fn in_loop(&mut self, word: &str, span: Span, kind: StmtKind) -> Option<StmtKind> {
        if self.loops == 0 {
            self.error(Code::BadLoop, span, format!("`{word}` stands outside of a loop"));
            return None;
        }
        Some(kind)
    }

    /// Counts a loop, with the copies that `unroll` makes of it: what they cost the compiler grows with the square of their number.
    fn is_one_too_many(&mut self, span: Span) -> bool {
        let before = self.all_loops;
        self.all_loops = before.saturating_add(self.copies);
        // One error tells of all.
        if before <= MAX_LOOPS && self.all_loops > MAX_LOOPS {
            let message = format!("an action has {MAX_LOOPS} loops at most, with the copies that `unroll` makes");
            self.d.push(Diagnostic::error(Code::TooLarge, span, message).help("split it over several probes"));
        }
        self.all_loops > MAX_LOOPS
    }

    fn loop_body(&mut self, body: &ast::Block) -> hir::Block {
        self.loops += 1;
        let checked = self.block(body);
        self.loops -= 1;
        checked
    }

    fn for_range(
        &mut self,
        var: &ast::Ident,
        start: &ast::Expr,
        end: &ast::Expr,
        body: &ast::Block,
    ) -> StmtKind {
        let mut bound = |e: &ast::Expr| {
            let checked = self.expr(e);
            if !checked.ty.is_numeric() && checked.ty != Type::Unknown {
                self.error(Code::WrongType, checked.span, format!("a range goes over integers, not `{}`", checked.ty));
            }
            checked
        };
        let (start, end) = (bound(start), bound(end));
        self.scopes.push(HashMap::new());
        let id = self.add_var(&var.name);
        // As in bpftrace: between a `uint64` and another, or a literal, are such.
        let bounds = [(&start, &end), (&end, &start)];
        let is_unsigned = |(e, other): (&hir::Expr, &hir::Expr)| e.ty == Type::UINT64 || other.ty == Type::UINT64 && self.soft(e).is_all();
        let ty = if bounds.into_iter().all(is_unsigned) { Type::UINT64 } else { Type::INT64 };
        if let Some((wrong, other)) = bounds.into_iter().find(|(e, _)| e.ty == Type::UINT64 && ty != Type::UINT64) {
            let message = format!("a range goes over `int64` here, for the other bound is of type `{}`: from 2^63 on this one is negative", other.ty);
            let help = "a cast on one of them, such as `(int64)`, says that this is meant";
            self.d.push(Diagnostic::warning(Code::WrongType, wrong.span, message).help(help));
        }
        self.tables.widen(self.probe, id, ty);
        let soft = self.soft(&start).and(&self.soft(&end));
        self.tables.set_soft(self.probe, id, soft);
        let body = self.loop_body(body);
        self.scopes.pop();
        StmtKind::ForRange { var: id, start, end, body }
    }

    fn for_map(&mut self, var: &ast::Ident, map: &ast::Ident, body: &ast::Block) -> Option<StmtKind> {
        let info = self.tables.map(&map.name, map.span);
        info.walked = true;
        let info = info.clone();
        if info.keyed == Some(false) {
            let message = format!("`{}` has no keys to go over", map.name);
            self.error(Code::WrongType, map.span, message);
            return None;
        }
        self.callbacks = self.callbacks.saturating_add(self.copies);
        if self.callbacks > MAX_CALLBACKS {
            let message = format!("an action has {MAX_CALLBACKS} loops over maps at most, with the copies that `unroll` makes");
            self.d.push(Diagnostic::error(Code::TooLarge, map.span, message).help("split it over several probes"));
            return None;
        }
        self.scopes.push(HashMap::new());
        self.map_loops += 1;
        self.has_map_loops = true;
        let id = self.add_var(&var.name);
        let value = match &info.value {
            Type::Aggregation(a) => self.aggregate_as_number(&map.name, a, map.span)?,
            other => other.clone(),
        };
        let soft = if matches!(info.value, Type::Aggregation(_)) { Soft::All(false) } else { info.soft.1 };
        self.tables.set_soft(self.probe, id, Soft::Parts(vec![info.soft.0, soft]));
        self.tables.set_clocks(self.probe, id, &Facts::Parts(vec![info.clocks.0, info.clocks.1]));
        self.tables.set_var(self.probe, id, Type::tuple([info.key.clone(), value]));
        let body = self.loop_body(body);
        self.map_loops -= 1;
        self.scopes.pop();
        Some(StmtKind::ForMap { var: id, map: self.tables.map_id(&map.name), body })
    }

    fn unroll(&mut self, count: &ast::Expr, body: &ast::Block, span: Span) -> Option<StmtKind> {
        let n = self.constant(count);
        match n {
            Some(n) if (1..=MAX_UNROLL).contains(&n) => {
                let outer = self.copies;
                self.copies = outer.saturating_mul(n as u64);
                self.count(span);
                let body = self.loop_body(body);
                self.copies = outer;
                Some(StmtKind::Unroll { count: n as u32, body })
            }
            Some(n) => {
                let message = format!("unroll makes 1 to {MAX_UNROLL} copies, not {n}");
                self.error(Code::OutOfRange, span, message);
                None
            }
            None => {
                let message = "unroll takes a number known at compile time";
                self.d.push(
                    Diagnostic::error(Code::BadLiteral, span, message)
                        .help("use `for ($i : 0..n) { … }` for a number known only at run time"),
                );
                None
            }
        }
    }

    fn declare(
        &mut self,
        var: &ast::Ident,
        ty: Option<&ast::TypeExpr>,
        value: Option<&ast::Expr>,
        span: Span,
    ) -> Option<hir::Stmt> {
        let value = value.map(|v| self.value(v));
        if self.find_var(&var.name).is_some() {
            let message = format!("`{}` is defined already", var.name);
            self.error(Code::Redefined, span, message);
            return None;
        }
        let id = self.add_var(&var.name);
        if let Some(ty) = ty {
            let declared = self.type_expr(ty);
            if let Some(value) = &value {
                self.check_fits(&var.name, &declared, value, span);
            }
            // Pointers learn their space, and texts without a size that, from what is assigned.
            let whole = matches!(&declared, Type::Int { .. } | Type::Bool) || matches!(&declared, Type::Str { capacity: 1.., .. });
            self.vars[id.0 as usize].declared = whole;
            match &value {
                Some(value) if !whole => {
                    self.tables.widen(self.probe, id, declared);
                    self.widen_var(id, &var.name, value, span);
                }
                _ if whole => self.tables.set_var(self.probe, id, declared),
                _ => self.tables.widen(self.probe, id, declared),
            }
        } else if let Some(value) = &value {
            self.widen_var(id, &var.name, value, span);
        }
        // Outside of loops it is 0 from the start.
        let kind = match value {
            Some(value) => StmtKind::SetVar { var: id, value: self.converted(id, value) },
            None if self.loops > 0 => StmtKind::ZeroVar { var: id },
            None => return None,
        };
        Some(hir::Stmt { kind, span })
    }

    /// A value as a variable of a declared type takes it: numbers are cut.
    fn converted(&mut self, var: hir::VarId, value: hir::Expr) -> hir::Expr {
        let ty = self.var_type(var);
        let cut = self.vars[var.0 as usize].declared && ty != value.ty && ty.is_scalar() && value.ty.is_scalar();
        if !cut {
            return value;
        }
        let span = value.span;
        hir::Expr { kind: hir::ExprKind::Cast(Box::new(value)), ty, span }
    }

    /// Reports a value that a declared type does not hold.
    pub(super) fn check_fits(&mut self, name: &str, ty: &Type, value: &hir::Expr, span: Span) {
        // A number of an unsigned type was cast to it on purpose: it is cut. Only the largest literals are of one.
        let written = value.ty.is_signed() || matches!(value.kind, hir::ExprKind::Int(_));
        if let (Type::Int { size, signed }, Some(n), true) = (ty, fold::literal(value), written) {
            let n = if value.ty.is_signed() { i128::from(n) } else { i128::from(n as u64) };
            let bits = u32::from(*size) * 8;
            let (low, high) = if *signed {
                (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
            } else {
                (0, (1i128 << bits) - 1)
            };
            if !(low..=high).contains(&n) {
                self.error(Code::OutOfRange, span, format!("{n} does not fit `{name}` of type `{ty}`"));
            }
        } else if btc_types::join(ty, &value.ty).is_none() || longer(value, ty) {
            let message = format!("`{name}` is of type `{ty}`, this value of type `{}`", value.ty);
            self.error(Code::WrongType, span, message);
        } else if self.cuts(ty, value) {
            let message = format!("a `{}` is kept as `{ty}` here: what does not fit becomes another number", value.ty);
            let help = format!("a cast, `({ty})`, says that this is meant");
            self.d.push(Diagnostic::warning(Code::WrongType, value.span, message).help(help));
        } else {
            self.tell_change(value, ty);
        }
    }

    /// Whether a number may be another one when it is kept as a declared type. Those of literals take the sign that they meet.
    fn cuts(&self, ty: &Type, value: &hir::Expr) -> bool {
        let (Type::Int { size, signed }, Type::Int { size: from, signed: negative }) = (ty, &value.ty) else { return false };
        let is_literal = fold::literal(value).is_some();
        let takes_sign = *negative && !*signed && from <= size && self.soft(value).is_all();
        !is_literal && !takes_sign && btc_types::join(ty, &value.ty).as_ref() != Some(ty)
    }

    fn assign(
        &mut self,
        target: &ast::Expr,
        op: Option<ast::BinaryOp>,
        op_span: Span,
        value: &ast::Expr,
        span: Span,
    ) -> Option<StmtKind> {
        match &target.kind {
            ast::ExprKind::Var(name) => self.assign_var(name, target, op, value, span),
            ast::ExprKind::Map(_) | ast::ExprKind::Index { .. } if self.map_parts(target).is_some() => {
                self.assign_map(target, op, value, span)
            }
            _ => {
                let message = "only variables and maps can be assigned";
                self.d.push(
                    Diagnostic::error(Code::BadAssignment, op_span, message)
                        .also(target.span, "this is neither"),
                );
                None
            }
        }
    }

    fn assign_var(
        &mut self,
        name: &str,
        target: &ast::Expr,
        op: Option<ast::BinaryOp>,
        value: &ast::Expr,
        span: Span,
    ) -> Option<StmtKind> {
        let Some(op) = op else {
            let value = self.value(value);
            let var = self.find_var(name).unwrap_or_else(|| self.add_var(name));
            self.widen_var(var, name, &value, span);
            return Some(StmtKind::SetVar { var, value: self.converted(var, value) });
        };
        let left = self.expr(target);
        let right = self.expr(value);
        let var = self.find_var(name)?;
        let value = self.binary(op, left, right, span);
        self.widen_var(var, name, &value, span);
        Some(StmtKind::SetVar { var, value: self.converted(var, value) })
    }
}

/// Whether a text has more room than the declared one. A parameter's length is not known, and one that
/// `max_strlen` bounds may lose a character more: `string[1024]` holds what `str(p)` gives.
fn longer(value: &hir::Expr, declared: &Type) -> bool {
    match (&value.ty, declared) {
        _ if matches!(value.kind, hir::ExprKind::Param(_)) => false,
        (Type::Str { capacity, cut }, Type::Str { capacity: room, .. }) => {
            *room > 0 && *capacity > room.saturating_add(u32::from(*cut))
        }
        _ => false,
    }
}
