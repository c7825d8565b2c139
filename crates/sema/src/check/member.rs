//! `base.field`: fields of records, parts of named tuples, arguments of probes.

use btc_diagnostics::{Code, Diagnostic, Span, did_you_mean};
use btc_hir::{self as hir, ExprKind};
use btc_syntax::ast;
use btc_types::{RecordType, Space, Type};

use super::{Checker, broken};
use crate::records::step;
use crate::config::{Setting, SettingKind};

impl Checker<'_, '_> {
    pub(super) fn member(&mut self, base: &ast::Expr, field: &ast::Ident, span: Span) -> hir::Expr {
        match &base.kind {
            ast::ExprKind::Ident(name) if name == "args" => return self.argument(base.span, field, span),
            ast::ExprKind::Ident(name) if name == "config" => return self.setting(field, span),
            _ => {}
        }
        let base = self.expr(base);
        match base.ty.clone() {
            Type::Unknown => broken(span),
            Type::Record(record) => self.field(base, &record, Space::Kernel, field, span),
            Type::Pointer { to, space } => match *to {
                Type::Record(record) => {
                    let at = base.span;
                    let place = self.followed(base, Type::Record(record.clone()), at);
                    if place.ty == Type::Unknown {
                        return place;
                    }
                    self.field(place, &record, space, field, span)
                }
                other => self.no_fields(&Type::pointer(other, space), field, span),
            },
            Type::Named(parts) => match parts.iter().position(|(n, _)| *n == field.name) {
                Some(index) => {
                    let ty = parts[index].1.clone();
                    hir::Expr { kind: ExprKind::Part { base: Box::new(base), index }, ty, span }
                }
                None => {
                    let message = format!("the record has no part `{}`", field.name);
                    let help = did_you_mean(&field.name, parts.iter().map(|(n, _)| n.as_str()));
                    self.d.push(Diagnostic::error(Code::UnknownField, span, message).also(field.span, "unknown field").help_opt(help));
                    broken(span)
                }
            },
            other => self.no_fields(&other, field, span),
        }
    }

    fn no_fields(&mut self, ty: &Type, field: &ast::Ident, span: Span) -> hir::Expr {
        let message = format!("a value of type `{ty}` has no field `{}`", field.name);
        let mut error = Diagnostic::error(Code::UnknownField, span, message).also(field.span, "unknown field");
        if ty.is_int() {
            error = error.help("cast it to a struct pointer first: `((struct name *)value).field`");
        }
        self.d.push(error);
        broken(span)
    }

    pub(super) fn field(
        &mut self,
        base: hir::Expr,
        record: &RecordType,
        space: Space,
        field: &ast::Ident,
        span: Span,
    ) -> hir::Expr {
        let Some(layout) = self.cx.records.layout(record) else {
            let message = format!("`{}` is only declared, its fields are not known", Type::Record(record.clone()));
            self.error(Code::UnknownType, span, message);
            return broken(span);
        };
        let Some(info) = layout.field(&field.name) else {
            let message = format!("`{}` has no field `{}`", Type::Record(record.clone()), field.name);
            let help = did_you_mean(&field.name, layout.fields.iter().map(|f| f.name.as_str()))
                .map(|h| h.replace("did you mean", "a field with a similar name exists:").replace('?', ""));
            self.d.push(
                Diagnostic::error(Code::UnknownField, span, message).also(field.span, "unknown field").help_opt(help),
            );
            return broken(span);
        };
        let mut ty = info.ty.clone();
        if !is_value(&ty) {
            let message = format!("`{}` of `{}` has a type that cannot be read", field.name, Type::Record(record.clone()));
            self.d.push(
                Diagnostic::error(Code::WrongType, span, message)
                    .help("the types that the kernel or the binary tells do not say what lies there; cast its address instead"),
            );
            return broken(span);
        }
        // Pointers in the process's memory point into the process's memory.
        if let (Type::Pointer { space: inner, .. }, Space::User | Space::Unknown) = (&mut ty, space) {
            *inner = space;
        }
        self.note_part_of(&base);
        let field = hir::Expr { kind: ExprKind::Field { base: Box::new(base), field: step(info) }, ty, span };
        self.note_value(&field);
        field
    }

    /// `args.x`
    fn argument(&mut self, at: Span, field: &ast::Ident, span: Span) -> hir::Expr {
        let provider = self.resolved.provider;
        let Some(arguments) = (provider.arguments)(self.cx.target, &self.resolved.attach) else {
            let name = provider.name;
            let message = format!("`args` does not exist in `{name}` probes");
            let mut error = Diagnostic::error(Code::NotInProbe, at, message);
            if let Some(why) = (provider.no_arguments)(self.cx.target, &self.resolved.attach, None) {
                error = error.help(why);
            } else if provider.has_registers {
                error = error.help("arguments are `arg0`, `arg1` … here");
            } else if name == "tracepoint" {
                error = error.help(format!("the arguments of `{}` are not known on this machine", self.resolved.name));
            }
            self.d.push(error);
            return broken(span);
        };
        match arguments.iter().find(|a| a.name == field.name) {
            Some(argument) => {
                let kind = ExprKind::Argument {
                    location: argument.location.clone(),
                    dynamic: argument.dynamic,
                };
                let argument = hir::Expr { kind, ty: argument.ty.clone(), span };
                self.note_value(&argument);
                argument
            }
            None => {
                let message = format!("`{}` has no argument `{}`", self.resolved.name, field.name);
                let why = (provider.no_arguments)(self.cx.target, &self.resolved.attach, Some(&field.name));
                if let Some(why) = why {
                    let message = format!("`args.{}` cannot be read", field.name);
                    self.d.push(Diagnostic::error(Code::UnknownArgument, span, message).help(why));
                    return broken(span);
                }
                let help = did_you_mean(&field.name, arguments.iter().map(|a| a.name.as_str()));
                let all = || {
                    if arguments.is_empty() {
                        return "it has none that can be read".to_string();
                    }
                    let names: Vec<_> = arguments.iter().map(|a| format!("`{}`", a.name)).collect();
                    format!("its arguments are {}", names.join(", "))
                };
                let help = help.unwrap_or_else(all);
                self.d.push(Diagnostic::error(Code::UnknownArgument, span, message).also(field.span, "unknown argument").help(help));
                broken(span)
            }
        }
    }

    /// `config.x`: a setting as a constant.
    fn setting(&mut self, field: &ast::Ident, span: Span) -> hir::Expr {
        match crate::SETTINGS.iter().find(|s| s.name == field.name) {
            Some(setting) => self.setting_value(setting, span),
            None => {
                let help = did_you_mean(&field.name, crate::SETTINGS.iter().map(|s| s.name));
                let message = format!("there is no setting `{}`", field.name);
                self.d.push(Diagnostic::error(Code::BadConfig, span, message).help_opt(help));
                broken(span)
            }
        }
    }

    /// `config`: a record of all settings.
    pub(super) fn config(&mut self, span: Span) -> hir::Expr {
        let parts: Vec<hir::Expr> = crate::SETTINGS.iter().map(|s| self.setting_value(s, span)).collect();
        let names = crate::SETTINGS.iter().map(|s| s.name.to_string());
        let ty = Type::Named(names.zip(parts.iter().map(|p| p.ty.clone())).collect());
        hir::Expr { kind: ExprKind::Tuple(parts), ty, span }
    }

    fn setting_value(&self, setting: &Setting, span: Span) -> hir::Expr {
        let set = self.cx.settings.set.iter().find(|(n, _)| n == setting.name);
        let text = set.map_or(setting.default, |(_, value)| value);
        match (setting.kind, text.parse::<u64>()) {
            (SettingKind::Bool, _) => {
                let truth = matches!(text, "true" | "1");
                hir::Expr { kind: ExprKind::Int(i64::from(truth)), ty: Type::Bool, span }
            }
            (SettingKind::Int(..), Ok(n)) => hir::Expr { kind: ExprKind::Int(n as i64), ty: Type::UINT64, span },
            _ => {
                let ty = Type::str(text.len() as u32 + 1);
                hir::Expr { kind: ExprKind::Str(text.as_bytes().to_vec()), ty, span }
            }
        }
    }

    /// `args`: a record of all arguments.
    pub(super) fn all_arguments(&mut self, span: Span) -> Option<hir::Expr> {
        let arguments = (self.resolved.provider.arguments)(self.cx.target, &self.resolved.attach)?;
        self.takes_all_arguments = true;
        let mut names = Vec::new();
        let mut parts = Vec::new();
        for argument in arguments {
            let kind = ExprKind::Argument { location: argument.location, dynamic: argument.dynamic };
            names.push(argument.name);
            let part = hir::Expr { kind, ty: argument.ty, span };
            self.note_value(&part);
            parts.push(part);
        }
        let ty = Type::Named(names.into_iter().zip(parts.iter().map(|p| p.ty.clone())).collect());
        Some(hir::Expr { kind: ExprKind::Tuple(parts), ty, span })
    }
}

/// Whether a value can have this type: what a kernel or a binary tells may be damaged, or of no kind that scripts know.
fn is_value(ty: &Type) -> bool {
    match ty {
        Type::Unknown | Type::None => false,
        Type::Array { element, .. } => is_value(element),
        _ => true,
    }
}
