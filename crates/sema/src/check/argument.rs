//! Arguments that are more than a value: variables that take one, types, fields, options.

use btc_builtins::{Arg, Function, Literal};
use btc_diagnostics::{Code, Span};
use btc_hir::{self as hir, ExprKind};
use btc_syntax::ast;
use btc_types::{Space, Type};

use super::expr::PARAM_CAPACITY;
use super::{Checker, broken};
use crate::constant;

impl Checker<'_, '_> {
    /// A variable that takes a value of the map that is the first argument.
    pub(super) fn out_arg(&mut self, function: &Function, arg: &ast::Expr, all: &[ast::Expr]) -> (hir::Expr, Arg) {
        let (ast::ExprKind::Var(name), ast::ExprKind::Map(map)) = (&arg.kind, &all[0].kind) else {
            let message = format!("{}() takes a variable here", function.name);
            self.error(Code::WrongType, arg.span, message);
            return self.plain(broken(arg.span), None);
        };
        let info = self.tables.map(map, all[0].span).clone();
        let ty = match &info.value {
            Type::Aggregation(a) => self.aggregate_as_number(map, a, all[0].span).unwrap_or(Type::Unknown),
            other => other.clone(),
        };
        let var = self.find_var(name).unwrap_or_else(|| self.add_var(name));
        let value = hir::Expr { kind: ExprKind::Var(var), ty, span: arg.span };
        self.widen_var(var, name, &value, arg.span);
        let ty = self.var_type(var);
        self.plain(hir::Expr { ty, ..value }, None)
    }

    /// A number or truth value that the compiler can tell.
    pub(super) fn constant_arg(&mut self, function: &Function, arg: &ast::Expr) -> (hir::Expr, Arg) {
        let value = self.expr(arg);
        let known = self.decide(&value);
        if known.is_none() && value.ty != Type::Unknown {
            let message = format!("{}() takes something known at compile time here", function.name);
            self.error(Code::BadLiteral, arg.span, message);
        }
        self.plain(value, known.map(Literal::Int))
    }

    /// A type; `typeof(…)` too.
    pub(super) fn type_arg(&mut self, function: &Function, arg: &ast::Expr) -> (hir::Expr, Arg) {
        let ty = match &arg.kind {
            ast::ExprKind::Type(ty) => self.type_expr(ty),
            _ => {
                let message = format!("{}() takes a type here, such as `typeof(struct name)`", function.name);
                self.error(Code::WrongType, arg.span, message);
                Type::Unknown
            }
        };
        let value = hir::Expr { kind: ExprKind::Int(0), ty: Type::Meta(Box::new(ty)), span: arg.span };
        self.plain(value, None)
    }

    /// A field of the type before it: the value is its offset, as it is on the target.
    pub(super) fn member_arg(&mut self, of: &Type, arg: &ast::Expr) -> (hir::Expr, Arg) {
        let offset = match of {
            Type::Meta(ty) => self.offset(ty, arg),
            _ => broken(arg.span),
        };
        self.plain(offset, None)
    }

    /// The address of the field in a record that lies at 0.
    fn offset(&mut self, of: &Type, arg: &ast::Expr) -> hir::Expr {
        let span = arg.span;
        let mut names = Vec::new();
        let mut at = arg;
        while let ast::ExprKind::Member { base, field } = &at.kind {
            names.push(field.clone());
            at = base;
        }
        if let ast::ExprKind::Ident(name) = &at.kind {
            names.push(ast::Ident { name: name.clone(), span: at.span });
        } else {
            self.error(Code::UnknownField, at.span, "a field is named here");
            return broken(span);
        }
        let null = hir::Expr { kind: ExprKind::Int(0), ty: Type::pointer(of.clone(), Space::Kernel), span };
        let mut place = hir::Expr { kind: ExprKind::Deref(Box::new(null)), ty: of.clone(), span };
        for name in names.iter().rev() {
            match place.ty.clone() {
                Type::Record(record) => place = self.field(place, &record, Space::Kernel, name, span),
                Type::Unknown => return broken(span),
                other => {
                    self.error(Code::UnknownField, span, format!("a value of type `{other}` has no fields"));
                    return broken(span);
                }
            }
        }
        if place.ty == Type::Unknown {
            return broken(span);
        }
        hir::Expr { kind: ExprKind::AddressOf(Box::new(place)), ty: Type::UINT64, span }
    }

    /// A parameter of the script by name, of the type of its default.
    pub(super) fn option(&mut self, function: &Function, args: &[ast::Expr], span: Span) -> hir::Expr {
        let text = |n: usize| match args.get(n).map(|a| &a.kind) {
            Some(ast::ExprKind::Str(s)) => Some(String::from_utf8_lossy(s).into_owned()),
            _ => None,
        };
        for n in [0, 2] {
            if args.len() > n && text(n).is_none() {
                let message = format!("{}() takes a text literal here", function.name);
                self.error(Code::BadLiteral, args[n].span, message);
                return broken(span);
            }
        }
        let names = |name: &str| self.cx.records.script_constant(name).map(i128::from);
        let (ty, default) = match args.get(1).map(|a| (&a.kind, a)) {
            None => (hir::ParamType::Bool, "false".to_string()),
            Some((ast::ExprKind::Bool(b), _)) => (hir::ParamType::Bool, b.to_string()),
            Some((ast::ExprKind::Str(_), _)) => (hir::ParamType::Str, text(1).unwrap_or_default()),
            Some((_, e)) => match constant::eval(e, &names) {
                Some(n) => (hir::ParamType::Int, n.to_string()),
                None => {
                    let message = format!("{}() takes a literal as default", function.name);
                    self.error(Code::BadLiteral, e.span, message);
                    return broken(span);
                }
            },
        };
        let is_text = ty == hir::ParamType::Str;
        let kind = hir::ParamKind::Named(text(0).unwrap_or_default());
        let id = self.tables.param(kind, ty, is_text);
        let known = &mut self.tables.params[id.0 as usize];
        known.default = default;
        if let Some(help) = text(2) {
            known.help = help;
        }
        let ty = match ty {
            hir::ParamType::Bool => Type::Bool,
            hir::ParamType::Str => Type::str(PARAM_CAPACITY),
            hir::ParamType::Int | hir::ParamType::Unsigned | hir::ParamType::Any => Type::INT64,
        };
        hir::Expr { kind: ExprKind::Param(id), ty, span }
    }
}
