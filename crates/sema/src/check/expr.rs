//! Expressions.

use std::cell::RefCell;
use std::collections::HashSet;

use btc_abi::number::parameter;
use btc_diagnostics::{Code, Diagnostic, Span};
use btc_hir::{self as hir, ExprKind};
use btc_syntax::ast;
use btc_types::{Space, Type};

use super::{Checker, broken};
use crate::constant::{self, Constant};
use crate::fold;
use crate::soft::{Soft, join_soft};

/// The way out of values that are too large.
const SMALLER: &str = "keep parts of it in variables or maps of their own";

impl Checker<'_, '_> {
    /// An expression and its type.
    pub(super) fn expr(&mut self, e: &ast::Expr) -> hir::Expr {
        self.count(e.span);
        let value = self.any_expr(e);
        self.cx.records.look_into(&value.ty);
        self.bounded(value)
    }

    /// An expression whose type all phases can walk.
    pub(super) fn bounded(&mut self, value: hir::Expr) -> hir::Expr {
        // Of a place in memory only a part may be meant.
        let is_place = matches!(value.ty, Type::Array { .. } | Type::Record(_));
        match value.ty.check_parts().and_then(|()| if is_place { Ok(()) } else { value.ty.check_bytes() }) {
            Ok(()) => value,
            Err(message) => {
                self.d.push(Diagnostic::error(Code::TooLarge, value.span, message).help(SMALLER));
                broken(value.span)
            }
        }
    }

    /// An expression for its value, wherever that goes. A `char` array in memory may be filled to the end; a string has a
    /// NUL behind its last byte.
    pub(super) fn value(&mut self, e: &ast::Expr) -> hir::Expr {
        let place = self.expr(e);
        if let (Type::Array { .. } | Type::Record(_), Err(message)) = (&place.ty, place.ty.check_bytes()) {
            self.d.push(Diagnostic::error(Code::TooLarge, place.span, message).help(SMALLER));
            return broken(place.span);
        }
        match &place.ty {
            Type::Str { capacity: 1.., cut } if is_memory(&place) => {
                let ty = Type::Str { capacity: place.ty.size().saturating_add(1), cut: *cut };
                let span = place.span;
                hir::Expr { kind: ExprKind::Cast(Box::new(place)), ty, span }
            }
            _ => place,
        }
    }

    fn any_expr(&mut self, e: &ast::Expr) -> hir::Expr {
        let span = e.span;
        if let ast::ExprKind::Unary { .. } | ast::ExprKind::Binary { .. } | ast::ExprKind::Ternary { .. } = &e.kind
            && let Some(folded) = self.folded(e) {
                return folded;
            }
        match &e.kind {
            ast::ExprKind::Int(n) => int_literal(*n, span),
            ast::ExprKind::CInt(n) => literal_of(Constant::Int(n.value()), span),
            ast::ExprKind::Str(s) => text_literal(crate::constant::up_to_nul(s), span),
            ast::ExprKind::Bool(b) => {
                hir::Expr { kind: ExprKind::Int(i64::from(*b)), ty: Type::Bool, span }
            }
            ast::ExprKind::Ident(name) => self.name(name, span),
            ast::ExprKind::Var(name) => self.variable(name, span),
            ast::ExprKind::Positional(n) => self.positional(*n, span),
            ast::ExprKind::PositionalCount => {
                let id = self.tables.param(hir::ParamKind::Count, hir::ParamType::Int, false);
                // As many as there are again when it is run with none.
                if let Some(known) = &self.cx.options.params {
                    self.tables.params[id.0 as usize].default = known.len().to_string();
                }
                hir::Expr { kind: ExprKind::ParamCount(id), ty: Type::INT64, span }
            }
            ast::ExprKind::Map(name) => self.map_read(e, name, &[]),
            ast::ExprKind::Index { base, index } => match &base.kind {
                ast::ExprKind::Map(name) => self.map_read(e, name, index),
                _ => self.index(base, index, span),
            },
            ast::ExprKind::Member { base, field } => self.member(base, field, span),
            ast::ExprKind::TupleIndex { base, index, .. } => self.tuple_index(base, *index, span),
            ast::ExprKind::Call { callee, args } => self.call(callee, args, span),
            ast::ExprKind::Unary { op, operand } => self.unary(*op, operand, span),
            ast::ExprKind::Step { delta, prefix, target } => self.step(target, *delta, *prefix, span),
            ast::ExprKind::Binary { op, left, right } => {
                let left = self.value(left);
                let right = self.value(right);
                self.binary(*op, left, right, span)
            }
            ast::ExprKind::Ternary { condition, then, otherwise } => {
                self.ternary(condition, then, otherwise, span)
            }
            ast::ExprKind::Cast { ty, operand } => self.cast(ty, operand, span),
            ast::ExprKind::Tuple(parts) => {
                let parts: Vec<hir::Expr> = parts.iter().map(|p| self.part(p)).collect();
                let ty = Type::Tuple(parts.iter().map(|p| p.ty.clone()).collect());
                hir::Expr { kind: ExprKind::Tuple(parts), ty, span }
            }
            ast::ExprKind::Record(fields) => {
                let parts: Vec<hir::Expr> = fields.iter().map(|(_, v)| self.part(v)).collect();
                let mut seen = HashSet::new();
                for (name, _) in fields {
                    if !seen.insert(name.name.as_str()) {
                        self.error(Code::Redefined, name.span, format!("this record has a field `{}` already", name.name));
                    }
                }
                let names = fields.iter().map(|(n, _)| n.name.clone());
                let ty = Type::Named(names.zip(parts.iter().map(|p| p.ty.clone())).collect());
                hir::Expr { kind: ExprKind::Tuple(parts), ty, span }
            }
            ast::ExprKind::Block(block) => self.block_value(block, span),
            ast::ExprKind::Comptime(inner) => self.expr(inner),
            ast::ExprKind::Type(_) => {
                self.error(Code::Syntax, span, "a type stands where a value is wanted");
                broken(span)
            }
        }
    }

    /// An operation on literals alone is a literal too.
    fn folded(&mut self, e: &ast::Expr) -> Option<hir::Expr> {
        // One that the user left out is no literal, for its use is told.
        let given = |name: &str| {
            let text = self.cx.options.param(name.strip_prefix('$')?.parse().ok()?)?;
            self.cx.options.runs_at_once.then(|| parameter(text)).flatten()
        };
        match constant::fold(e, &given) {
            Ok(value) => Some(literal_of(value?, e.span)),
            Err(wrong) => {
                let error = Diagnostic::error(Code::OutOfRange, wrong.span, wrong.message);
                self.d.push(error.help(constant::WRAP));
                Some(broken(e.span))
            }
        }
    }

    /// A part of a tuple must have a value.
    fn part(&mut self, e: &ast::Expr) -> hir::Expr {
        let part = self.value(e);
        if matches!(part.ty, Type::None) {
            self.error(Code::WrongType, part.span, "this has no value");
        }
        part
    }

    fn variable(&mut self, name: &str, span: Span) -> hir::Expr {
        match self.find_var(name) {
            Some(var) => {
                let ty = self.var_type(var);
                if ty == Type::Unknown {
                    self.tables.note_untyped(self.probe, var, name, span);
                }
                hir::Expr { kind: ExprKind::Var(var), ty, span }
            }
            None => {
                let known: Vec<String> = self.scopes.iter().flat_map(|s| s.keys().cloned()).collect();
                let elsewhere = self.vars.iter().any(|v| v.name == name);
                let help = if elsewhere {
                    Some(format!("it lives in another block only; declare it before that block with `let {name};`"))
                } else {
                    btc_diagnostics::did_you_mean(name, known.iter().map(String::as_str))
                };
                let message = format!("`{name}` is not defined here");
                self.d.push(
                    Diagnostic::error(Code::UnknownVariable, span, message).help_opt(help),
                );
                broken(span)
            }
        }
    }

    /// The value of an expression of literals, as its text would be in the script.
    pub(super) fn written(&self, e: &ast::Expr) -> Option<Constant> {
        let names = |name: &str| match name.strip_prefix('$') {
            Some(n) => self.cx.options.param(n.parse().ok()?).filter(|_| self.cx.options.runs_at_once).and_then(parameter),
            None => self.cx.records.script_constant(name).map(i128::from),
        };
        constant::fold(e, &names).ok()?
    }

    /// The value of a constant expression; parameters count where they are known, and are part of the code then.
    pub(super) fn known(&mut self, e: &ast::Expr) -> Option<Constant> {
        let options = self.cx.options;
        let asked = RefCell::new(Vec::new());
        let names = |name: &str| match name.strip_prefix('$') {
            // One that the user left out is 0, as it is elsewhere.
            Some(n) if options.params.is_some() => {
                let n = n.parse().ok()?;
                asked.borrow_mut().push(n);
                parameter(options.param(n).unwrap_or("0"))
            }
            Some(_) => None,
            None => self.cx.records.script_constant(name).map(i128::from),
        };
        let value = constant::fold(e, &names).ok()??;
        asked.into_inner().into_iter().for_each(|n| self.tables.fix_param(n, options.param(n)));
        Some(value)
    }

    /// The number that a constant expression is.
    pub(super) fn constant(&mut self, e: &ast::Expr) -> Option<i64> {
        self.known(e)?.number()
    }

    /// `$1`: a number, or a text where the user gave one.
    fn positional(&mut self, n: u32, span: Span) -> hir::Expr {
        let known = self.cx.options.param(n).map(parameter);
        if known == Some(None) {
            return self.positional_text(n, span);
        }
        if let (true, Some(Some(n))) = (self.cx.options.runs_at_once, known) {
            return literal_of(Constant::Int(n), span);
        }
        // As a literal of that size would be.
        let is_large = known.flatten().is_some_and(|n| n > i128::from(i64::MAX));
        let (of, ty) = if is_large { (hir::ParamType::Unsigned, Type::UINT64) } else { (hir::ParamType::Int, Type::INT64) };
        let id = self.positional_param(n, of, false);
        hir::Expr { kind: ExprKind::Param(id), ty, span }
    }

    /// `str($1)`
    pub(super) fn positional_text(&mut self, n: u32, span: Span) -> hir::Expr {
        let id = self.positional_param(n, hir::ParamType::Str, true);
        hir::Expr { kind: ExprKind::Param(id), ty: Type::str(PARAM_CAPACITY), span }
    }

    fn positional_param(&mut self, n: u32, ty: hir::ParamType, text: bool) -> hir::ParamId {
        let id = self.tables.param(hir::ParamKind::Positional(n), ty, text);
        if let Some(known) = self.cx.options.param(n) {
            self.tables.params[id.0 as usize].default = known.to_string();
        }
        id
    }

    fn element_of(&mut self, base: hir::Expr, index: hir::Expr, ty: Type, span: Span) -> hir::Expr {
        self.note_part_of(&base);
        let element = hir::Expr { kind: ExprKind::Element { base: Box::new(base), index: Box::new(index) }, ty, span };
        self.note_value(&element);
        element
    }

    fn index(&mut self, base: &ast::Expr, index: &[ast::Expr], span: Span) -> hir::Expr {
        let base = self.expr(base);
        let [index] = index else {
            self.error(Code::WrongCount, span, "only maps take several keys");
            return broken(span);
        };
        let written = index;
        let index = self.expr(index);
        if !index.ty.is_numeric() && index.ty != Type::Unknown {
            let message = format!("an index is an integer, not `{}`", index.ty);
            self.error(Code::WrongType, index.span, message);
            return broken(span);
        }
        match base.ty.clone() {
            Type::Array { element, count, .. } => {
                self.check_index(&base, count, &index, span);
                self.element_of(base, index, *element, span)
            }
            Type::Str { capacity, .. } => {
                self.check_index(&base, capacity, &index, span);
                self.element_of(base, index, Type::int(1, true), span)
            }
            Type::Tuple(parts) => match self.constant(written) {
                Some(n) => self.tuple_part(base, &parts, n as u64, span),
                None => {
                    self.error(Code::BadLiteral, index.span, "a tuple's index is a literal");
                    broken(span)
                }
            },
            Type::Pointer { to, .. } => {
                let moved = self.pointer_add(base, index, false, span);
                self.followed(moved, *to, span)
            }
            Type::Unknown => broken(span),
            other => {
                let message = format!("a value of type `{other}` has no elements");
                self.error(Code::WrongType, span, message);
                broken(span)
            }
        }
    }

    /// Reports a literal index beyond an array or a string; `count` is 0 where that is not known.
    fn check_index(&mut self, base: &hir::Expr, count: u32, index: &hir::Expr, span: Span) {
        let Some(n) = fold::literal(index).filter(|_| count > 0) else { return };
        let n = if index.ty.is_signed() { i128::from(n) } else { i128::from(n as u64) };
        if (0..i128::from(count)).contains(&n) {
            return;
        }
        let message = if base.ty.is_str() && !is_memory(base) {
            format!("the string has room for {count} bytes with its NUL, the index is {n}")
        } else {
            format!("the array has {count} elements, the index is {n}")
        };
        self.error(Code::OutOfRange, span, message);
    }

    fn tuple_index(&mut self, base: &ast::Expr, index: u64, span: Span) -> hir::Expr {
        let base = self.expr(base);
        match base.ty.clone() {
            Type::Tuple(parts) => self.tuple_part(base, &parts, index, span),
            Type::Unknown => broken(span),
            other => {
                self.error(Code::WrongType, span, format!("a value of type `{other}` is no tuple"));
                broken(span)
            }
        }
    }

    fn tuple_part(&mut self, base: hir::Expr, parts: &[Type], index: u64, span: Span) -> hir::Expr {
        match parts.get(index as usize) {
            Some(ty) => {
                let kind = ExprKind::Part { base: Box::new(base), index: index as usize };
                hir::Expr { kind, ty: ty.clone(), span }
            }
            None => {
                let message = format!("the tuple has {} parts, numbered from 0; there is no part {index}", parts.len());
                self.error(Code::OutOfRange, span, message);
                broken(span)
            }
        }
    }

    fn step(&mut self, target: &ast::Expr, delta: i8, prefix: bool, span: Span) -> hir::Expr {
        let ast::ExprKind::Var(name) = &target.kind else {
            if self.map_parts(target).is_some() {
                return self.step_map(target, i64::from(delta), prefix, span);
            }
            self.error(Code::BadAssignment, span, "only variables and maps can be stepped");
            return broken(span);
        };
        let Some(var) = self.find_var(name) else { return self.variable(name, target.span) };
        let ty = match self.var_type(var) {
            ty @ Type::Int { .. } if self.vars[var.0 as usize].declared => ty,
            // What is stepped down may be less than 0.
            Type::Int { signed, .. } => Type::int(8, signed || delta < 0),
            Type::Pointer { to, space } => Type::Pointer { to, space },
            Type::Unknown => return self.variable(name, target.span),
            other => {
                self.error(Code::WrongType, span, format!("`{name}` is of type `{other}`, which cannot be stepped"));
                return broken(span);
            }
        };
        self.tables.set_var(self.probe, var, ty.clone());
        self.tables.set_soft(self.probe, var, Soft::All(false));
        let delta = Box::new(super::ops::unit(&ty, i64::from(delta), span));
        let kind = ExprKind::StepVar { var, delta, prefix };
        hir::Expr { kind, ty, span }
    }

    fn ternary(
        &mut self,
        condition: &ast::Expr,
        then: &ast::Expr,
        otherwise: &ast::Expr,
        span: Span,
    ) -> hir::Expr {
        let condition = Box::new(self.condition(condition));
        let (then, otherwise) = (Box::new(self.value(then)), Box::new(self.value(otherwise)));
        let joined = join_soft((&then.ty, &self.soft(&then)), (&otherwise.ty, &self.soft(&otherwise)));
        let Some((ty, _)) = joined else {
            let message = format!("the two values are of types `{}` and `{}`", then.ty, otherwise.ty);
            self.error(Code::WrongType, span, message);
            return broken(span);
        };
        for value in [&then, &otherwise] {
            self.tell_change(value, &ty);
        }
        hir::Expr { kind: ExprKind::Ternary { condition, then, otherwise }, ty, span }
    }

    /// What a pointer leads to.
    pub(super) fn followed(&mut self, pointer: hir::Expr, ty: Type, span: Span) -> hir::Expr {
        if matches!(&ty, Type::Record(r) if r.is_kernel() && r.name.starts_with('.')) {
            let message = "a pointer to a struct without a name cannot be followed: the target cannot be asked for it";
            let help = "read it by way of the struct that it is in: `$p->outer.field`";
            self.d.push(Diagnostic::error(Code::Unsupported, span, message).help(help));
            return broken(span);
        }
        hir::Expr { kind: ExprKind::Deref(Box::new(pointer)), ty, span }
    }

    /// `*p`
    pub(super) fn deref(&mut self, operand: hir::Expr, span: Span) -> hir::Expr {
        match operand.ty.clone() {
            Type::Pointer { to, .. } if *to != Type::None => {
                self.followed(operand, *to, span)
            }
            Type::Unknown => broken(span),
            // An integer is taken for an address of a 64-bit integer.
            Type::Int { .. } => {
                hir::Expr { kind: ExprKind::Deref(Box::new(operand)), ty: Type::INT64, span }
            }
            other => {
                self.error(Code::WrongType, span, format!("a value of type `{other}` cannot be followed"));
                broken(span)
            }
        }
    }

    /// `&$x`, `&place`
    pub(super) fn address_of(&mut self, operand: hir::Expr, span: Span) -> hir::Expr {
        let ty = operand.ty.clone();
        let place = match &operand.kind {
            ExprKind::Var(var) => {
                self.vars[var.0 as usize].addressed = true;
                true
            }
            ExprKind::Field { .. } | ExprKind::Deref(_) | ExprKind::Element { .. } => true,
            ExprKind::Map { .. } => true,
            _ => false,
        };
        if ty == Type::Unknown {
            return broken(span);
        }
        if !place {
            self.error(Code::WrongType, span, "only variables, maps and fields have an address");
            return broken(span);
        }
        if matches!(&operand.kind, ExprKind::Field { field, .. } if field.bits.is_some()) {
            self.error(Code::WrongType, span, "a bit field has no address");
            return broken(span);
        }
        let space = space_of(&operand);
        let kind = ExprKind::AddressOf(Box::new(operand));
        hir::Expr { kind, ty: Type::pointer(ty, space), span }
    }
}

/// The memory that a place is in: that of the pointer that leads to it, or our own.
fn space_of(place: &hir::Expr) -> Space {
    let behind = |pointer: &hir::Expr| match &pointer.ty {
        Type::Pointer { space, .. } => *space,
        _ => Space::Unknown,
    };
    match &place.kind {
        ExprKind::Deref(pointer) => behind(pointer),
        ExprKind::Element { base, .. } if base.ty.is_pointer() => behind(base),
        ExprKind::Field { base, .. } | ExprKind::Element { base, .. } | ExprKind::Part { base, .. } | ExprKind::Cast(base) => {
            space_of(base)
        }
        _ => Space::Kernel,
    }
}

/// Whether an expression is a place in memory whose bytes may be filled to the end.
fn is_memory(e: &hir::Expr) -> bool {
    use ExprKind::{Argument, Deref, Element, Field};
    matches!(e.kind, Field { .. } | Element { .. } | Deref(_) | Argument { dynamic: None, .. })
}

/// Room for the text of a parameter, with its NUL.
pub(super) const PARAM_CAPACITY: u32 = 256;

/// A literal has the smallest signed type that holds it, or `uint64`.
pub(super) fn int_literal(n: u64, span: Span) -> hir::Expr {
    let ty = match i64::try_from(n) {
        Ok(n) => signed_type(n),
        Err(_) => Type::UINT64,
    };
    hir::Expr { kind: ExprKind::Int(n as i64), ty, span }
}

/// A text has the type of its bytes and a NUL.
pub(super) fn text_literal(text: Vec<u8>, span: Span) -> hir::Expr {
    let ty = Type::str(text.len() as u32 + 1);
    hir::Expr { kind: ExprKind::Str(text), ty, span }
}

/// A folded constant as the literal that could stand in its place.
fn literal_of(value: Constant, span: Span) -> hir::Expr {
    match value {
        Constant::Int(n) if n < 0 => hir::Expr { kind: ExprKind::Int(n as i64), ty: signed_type(n as i64), span },
        Constant::Int(n) => int_literal(n as u64, span),
        Constant::Bool(b) => hir::Expr { kind: ExprKind::Int(i64::from(b)), ty: Type::Bool, span },
        Constant::Text(text) => text_literal(text, span),
    }
}

/// The smallest signed type that holds `n`.
pub(crate) fn signed_type(n: i64) -> Type {
    let size = if i8::try_from(n).is_ok() {
        1
    } else if i16::try_from(n).is_ok() {
        2
    } else if i32::try_from(n).is_ok() {
        4
    } else {
        8
    };
    Type::int(size, true)
}
