//! `typeinfo(x)`: what the compiler knows of a type, as a record.

use btc_diagnostics::{Code, Span};
use btc_hir::{self as hir, ExprKind};
use btc_syntax::ast;
use btc_types::Type;

use super::{Checker, broken};

impl Checker<'_, '_> {
    /// `(btf_id=0, base_type="int", full_type="int8")`; the number is always 0, for objects have no types
    /// of the host's.
    pub(super) fn typeinfo(&mut self, args: &[ast::Expr], span: Span) -> hir::Expr {
        let [arg] = args else {
            self.error(Code::WrongCount, span, "typeinfo() takes a type or a value");
            return broken(span);
        };
        let ty = match &arg.kind {
            ast::ExprKind::Type(ty) => self.type_expr(ty),
            _ => self.type_of(arg),
        };
        if ty == Type::Unknown {
            return broken(span);
        }
        let text = |text: &str| hir::Expr {
            kind: ExprKind::Str(text.as_bytes().to_vec()),
            ty: Type::str(text.len() as u32 + 1),
            span,
        };
        let id = hir::Expr { kind: ExprKind::Int(0), ty: Type::int(1, true), span };
        let parts = vec![id, text(base(&ty)), text(&ty.to_string())];
        let names = ["btf_id", "base_type", "full_type"].map(str::to_string);
        let ty = Type::Named(names.into_iter().zip(parts.iter().map(|p| p.ty.clone())).collect());
        hir::Expr { kind: ExprKind::Tuple(parts), ty, span }
    }
}

/// The family of a type.
fn base(ty: &Type) -> &'static str {
    match ty {
        Type::Int { .. } | Type::Enum(_) => "int",
        Type::Bool => "bool",
        Type::Str { .. } => "string",
        Type::Buffer { .. } => "buffer",
        Type::Pointer { .. } => "pointer",
        Type::Array { .. } => "array",
        Type::Record(_) => "c_type",
        Type::Tuple(_) => "tuple",
        Type::Named(_) => "record",
        Type::Inet => "inet",
        Type::Mac => "mac_address",
        Type::Timestamp { .. } => "timestamp",
        Type::KernelSymbol => "ksym",
        Type::UserSymbol => "usym",
        Type::KernelStack(_) => "kstack",
        Type::UserStack(_) => "ustack",
        Type::Username => "username",
        Type::CgroupPath { .. } => "cgroup_path",
        Type::Aggregation(_) => "aggregation",
        Type::ProbeName | Type::ProbeFunction | Type::ErrorText | Type::SignalName | Type::SyscallName => "string",
        Type::Unknown | Type::None | Type::Meta(_) => "none",
    }
}
