//! Bare names: builtins, enumerators of the script and of the kernel.

use btc_builtins::Kind;
use btc_diagnostics::{Code, Diagnostic, Span, did_you_mean};
use btc_hir::{self as hir, ExprKind};
use btc_types::Type;

use super::expr::text_literal;
use super::{Checker, broken};

impl Checker<'_, '_> {
    pub(super) fn name(&mut self, name: &str, span: Span) -> hir::Expr {
        if let Some(function) = btc_builtins::find(name) {
            if function.kind == Kind::Variable {
                return self.builtin(function, &[], span);
            }
            let message = format!("`{name}` is a function: call it as `{name}(…)`");
            self.error(Code::UnknownName, span, message);
            return broken(span);
        }
        if name == "args" {
            if let Some(all) = self.all_arguments(span) {
                return all;
            }
            let message = format!("`args` does not exist in `{}` probes", self.facts.provider);
            let why = (self.resolved.provider.no_arguments)(self.cx.target, &self.resolved.attach, None);
            self.d.push(Diagnostic::error(Code::NotInProbe, span, message).help_opt(why));
            return broken(span);
        }
        if name == "config" {
            return self.config(span);
        }
        if name == "ctx"
            && let Some(ctx) = self.context(span) {
                return ctx;
            }
        if let Some(constant) = self.cx.records.constant(name, span) {
            let ty = Type::Enum(constant.ty.clone());
            let kind = if constant.ty.script {
                ExprKind::Int(constant.value)
            } else {
                ExprKind::KernelEnum { ty: constant.ty, variant: name.to_string(), value: constant.value }
            };
            return hir::Expr { kind, ty, span };
        }
        let known = btc_builtins::ALL.iter().map(|f| f.name).chain(["args", "config"]);
        let help = did_you_mean(name, known).unwrap_or_else(|| {
            "variables begin with `$`, maps with `@`; constants of kernel headers must be \
             enumerators in BTF, or be defined with #define"
                .to_string()
        });
        let message = format!("`{name}` is neither a builtin nor a constant");
        self.d.push(Diagnostic::error(Code::UnknownName, span, message).help(help));
        broken(span)
    }

    /// `ctx` where the provider says which kernel struct it is.
    fn context(&mut self, span: Span) -> Option<hir::Expr> {
        let record = (self.resolved.provider.ctx_record)(&self.resolved.attach)?;
        let layout = self.cx.target.btf()?.record(&record, false)?;
        let ty = Type::pointer(Type::Record(layout.ty.clone()), btc_types::Space::Kernel);
        Some(hir::Expr { kind: ExprKind::Context, ty, span })
    }

    /// `probe` where a text is wanted: its name, where the compiler knows it.
    pub(super) fn spell_probe(&self, value: hir::Expr) -> hir::Expr {
        if value.ty != Type::ProbeName || self.is_named_late() {
            return value;
        }
        text_literal(self.resolved.name.clone().into_bytes(), value.span)
    }
}
