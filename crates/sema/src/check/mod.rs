//! One walk over a probe: types every expression and builds its HIR.

mod argument;
mod call;
mod cast;
mod expr;
mod map;
mod member;
mod name;
mod named;
mod ops;
mod stmt;
mod typeinfo;

pub(crate) use expr::signed_type;

use std::collections::HashMap;

use btc_builtins::ProbeFacts;
use btc_diagnostics::{Code, Diagnostic, Diagnostics, Span};
use btc_hir as hir;
use btc_providers::{Location, shape_of};
use btc_syntax::ast;
use btc_target::Target;
use btc_types::Type;

use crate::attach::Resolved;
use crate::config::{Options, Settings};
use crate::fold;
use crate::records::Records;
use crate::soft::{Soft, changes};
use crate::tables::Tables;

/// Copies of expressions that all `unroll` of a script make together.
const MAX_UNROLLED: u64 = 200_000;

/// What a walk reads and does not change.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub target: &'a Target<'a>,
    pub records: &'a Records<'a>,
    pub settings: &'a Settings,
    pub options: &'a Options,
}

/// Checks one attach point's probe.
pub(crate) fn probe(
    cx: &Context,
    tables: &mut Tables,
    d: &mut Diagnostics,
    index: usize,
    resolved: &Resolved,
) -> hir::Probe {
    let provider = resolved.provider;
    let pattern = btc_target::is_glob(&resolved.name);
    let facts = ProbeFacts {
        provider: provider.name,
        has_arguments: provider.has_registers,
        is_entry: provider.context != btc_providers::Context::Registers || resolved.attach.is_entry(),
        is_line: matches!(resolved.attach, btc_abi::Attach::SourceLine { .. }),
        has_registers: matches!(
            provider.context,
            btc_providers::Context::Registers
                | btc_providers::Context::Usdt
                | btc_providers::Context::PerfEvent
        ),
        // Behind the arguments, whose number a pattern leaves open.
        result: provider
            .result
            .filter(|_| !((pattern || resolved.attach.is_named_late()) && provider.context == btc_providers::Context::Slots))
            .map(|f| f(cx.target, &resolved.attach)),
        is_function: provider.is_function,
        is_pattern: pattern,
        is_user: provider.is_user,
    };
    let mut checker = Checker::new(*cx, tables, d, (index, resolved), facts);
    let predicate = resolved.ast.predicate.as_ref().map(|p| checker.condition(p));
    let predicate_vars = !checker.vars.is_empty();
    let body = checker.block(&resolved.ast.action);
    let dynamic_identity = checker.uses_identity && checker.is_named_late();
    let slots = provider.context == btc_providers::Context::Slots;
    let result = checker.facts.result.clone().filter(|_| slots).and_then(|ty| {
        let of = resolved.attach.typed()?;
        let location = Location::Named { of, name: String::new(), shape: shape_of(&ty), core: None };
        Some((location, ty))
    });
    let map_loops = checker.has_map_loops;
    if let Some((location, ty)) = result.as_ref().filter(|_| checker.uses_result) {
        let kind = hir::ExprKind::Argument { location: location.clone(), dynamic: None };
        checker.note_value(&hir::Expr { kind, ty: ty.clone(), span: resolved.span });
    }
    let (named, takes_all_arguments) = (checker.all_named(), checker.takes_all_arguments);
    let (mut vars, typed_by, decided) = (checker.vars, checker.typed_by, checker.decided);
    for (i, var) in vars.iter_mut().enumerate() {
        // One that is never used holds integers.
        var.ty = match tables.var(index, hir::VarId(i as u32)) {
            Type::Unknown => Type::INT64,
            known => known,
        };
    }
    hir::Probe {
        provider,
        attach: resolved.attach.clone(),
        name: resolved.name.clone(),
        missing: resolved.missing,
        dynamic_identity,
        result,
        predicate,
        predicate_vars,
        map_loops,
        typed_by,
        decided,
        named,
        takes_all_arguments,
        body,
        vars,
        span: resolved.span,
        whole: resolved.ast.span,
    }
}

/// The state of a walk.
struct Checker<'a, 'b> {
    cx: Context<'a>,
    tables: &'b mut Tables,
    d: &'b mut Diagnostics,
    /// Index of the probe.
    probe: usize,
    resolved: &'b Resolved<'b>,
    facts: ProbeFacts,
    /// Variables in scope, innermost last.
    scopes: Vec<HashMap<String, hir::VarId>>,
    /// All variables of the probe.
    vars: Vec<hir::Var>,
    /// Loops around the current statement.
    loops: u32,
    /// Copies that `unroll` makes of the current statement.
    copies: u64,
    /// Loops over maps around the place.
    map_loops: usize,
    /// Whether there was one.
    has_map_loops: bool,
    /// Functions that they are.
    callbacks: u64,
    /// Loops of the action so far that are none over maps, with copies.
    all_loops: u64,
    /// Whether `probe` or `func` is used.
    uses_identity: bool,
    /// Whether `retval` is.
    uses_result: bool,
    /// Whether the expression is asked for its type only.
    only_types: bool,
    /// Fields and arguments whose type is asked for.
    typed_by: Vec<hir::Expr>,
    /// What was decided by the kernel's sizes and places.
    decided: Vec<hir::Expr>,
    /// Whether `args` as a whole is.
    takes_all_arguments: bool,
    /// Those that are taken for values.
    named: Vec<named::Named>,
}

impl<'a, 'b> Checker<'a, 'b> {
    /// At the beginning of a probe.
    fn new(
        cx: Context<'a>,
        tables: &'b mut Tables,
        d: &'b mut Diagnostics,
        (probe, resolved): (usize, &'b Resolved<'b>),
        facts: ProbeFacts,
    ) -> Self {
        Checker {
            cx,
            tables,
            d,
            probe,
            resolved,
            facts,
            scopes: vec![HashMap::new()],
            vars: Vec::new(),
            loops: 0,
            copies: 1,
            map_loops: 0,
            has_map_loops: false,
            callbacks: 0,
            all_loops: 0,
            uses_identity: false,
            uses_result: false,
            only_types: false,
            typed_by: Vec::new(),
            decided: Vec::new(),
            takes_all_arguments: false,
            named: Vec::new(),
        }
    }
}

impl Checker<'_, '_> {
    /// Whether what `probe` and `func` say is known on the target only.
    fn is_named_late(&self) -> bool {
        self.facts.is_pattern || self.resolved.attach.is_named_late()
    }

    /// Counts a part of the script, which `unroll` around it copies; reports too many copies.
    fn count(&mut self, span: Span) {
        if self.copies == 1 {
            return;
        }
        let before = self.tables.unrolled;
        self.tables.unrolled = before.saturating_add(self.copies);
        if before < MAX_UNROLLED && self.tables.unrolled >= MAX_UNROLLED {
            let message = format!("`unroll` makes more than {MAX_UNROLLED} copies of the parts of this script");
            let help = "unroll fewer rounds, or write `for ($i : 0..n) { … }`, which is no longer with more of them";
            self.d.push(Diagnostic::error(Code::TooLarge, span, message).help(help));
        }
    }

    /// Reports an error.
    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.d.push(Diagnostic::error(code, span, message));
    }

    /// The variable of that name in scope.
    fn find_var(&mut self, name: &str) -> Option<hir::VarId> {
        let id = self.scopes.iter().rev().find_map(|s| s.get(name)).copied()?;
        self.vars[id.0 as usize].shared |= self.map_loops > 0;
        Some(id)
    }

    /// A new variable in the innermost scope.
    fn add_var(&mut self, name: &str) -> hir::VarId {
        let id = hir::VarId(self.vars.len() as u32);
        let shared = self.map_loops > 0;
        let name_of = name.to_string();
        self.vars.push(hir::Var { name: name_of, ty: Type::Unknown, addressed: false, shared, declared: false });
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_string(), id);
        }
        id
    }

    fn var_type(&mut self, var: hir::VarId) -> Type {
        self.tables.var(self.probe, var)
    }

    /// Widens a variable's type by a value; reports what does not fit.
    fn widen_var(&mut self, var: hir::VarId, name: &str, value: &hir::Expr, span: Span) {
        let old = self.var_type(var);
        if value.ty == Type::None {
            return self.error(Code::WrongType, value.span, "this has no value to assign");
        }
        if matches!(value.ty, Type::Aggregation(_)) {
            let message = "an aggregation can only be assigned to a map";
            return self.error(Code::BadAssignment, value.span, message);
        }
        if self.vars[var.0 as usize].declared {
            return self.check_fits(name, &old, value, span);
        }
        match self.tables.join_var(self.probe, var, value) {
            Some(ty) => {
                self.tell_change(value, &ty);
                self.tables.set_var(self.probe, var, ty);
            }
            None => {
                let message = format!("`{name}` is of type `{old}`, this value of type `{}`", value.ty);
                self.error(Code::WrongType, span, message);
            }
        }
    }

    /// Whether a value is of literals only.
    fn soft(&self, value: &hir::Expr) -> Soft {
        self.tables.soft_of(self.probe, value)
    }

    /// Warns of a number that is another one where it is kept, for what it met there may be negative.
    fn tell_change(&mut self, value: &hir::Expr, kept: &Type) {
        if changes(&value.ty, kept) {
            let message = format!("a `{}` is kept as `{kept}` here: from 2^63 on it becomes negative", value.ty);
            let help = "a cast on it, such as `(int64)`, says that this is meant";
            self.d.push(Diagnostic::warning(Code::WrongType, value.span, message).help(help));
        }
    }

    /// An expression for its truth.
    fn condition(&mut self, e: &ast::Expr) -> hir::Expr {
        let checked = self.expr(e);
        self.truth(checked)
    }

    /// The value of a constant expression, for who decides by it. Where it is the kernel's it must be the same on the target.
    fn decide(&mut self, e: &hir::Expr) -> Option<i64> {
        let value = fold::value(e)?;
        if fold::is_of_kernel(e) {
            let number = hir::Expr { kind: hir::ExprKind::Int(value), ..e.clone() };
            let kind = hir::ExprKind::Compare {
                op: hir::Logic::Eq,
                kind: hir::CompareKind::Scalar { signed: false },
                left: Box::new(e.clone()),
                right: Box::new(number),
            };
            self.decided.push(hir::Expr { kind, ty: Type::Bool, span: e.span });
        }
        Some(value)
    }

    /// The truth of a value: scalars are true when not 0, texts when not empty.
    fn truth(&mut self, e: hir::Expr) -> hir::Expr {
        match &e.ty {
            Type::Bool | Type::Unknown => e,
            ty if ty.is_scalar() => {
                let span = e.span;
                hir::Expr { kind: hir::ExprKind::Cast(Box::new(e)), ty: Type::Bool, span }
            }
            Type::Str { .. } => {
                let span = e.span;
                let empty = hir::Expr { kind: hir::ExprKind::Str(Vec::new()), ty: Type::str(1), span };
                let kind = hir::ExprKind::Compare {
                    op: hir::Logic::Ne,
                    kind: hir::CompareKind::Text,
                    left: Box::new(e),
                    right: Box::new(empty),
                };
                hir::Expr { kind, ty: Type::Bool, span }
            }
            ty => {
                let message = format!("a condition is a number or text, not `{ty}`");
                self.error(Code::WrongType, e.span, message);
                e
            }
        }
    }
}

/// An expression that stands for a mistake: its type silences follow-on errors.
fn broken(span: Span) -> hir::Expr {
    hir::Expr { kind: hir::ExprKind::Int(0), ty: Type::Unknown, span }
}
