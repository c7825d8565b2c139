//! That every value has a type: what later phases take for granted.

use btc_diagnostics::Span;
use btc_types::Type;

use crate::{Block, Expr, ExprKind, Program, Stmt, StmtKind};

impl Program {
    /// The place of a value that has no type, or one with a part that has none. There is none in a checked script.
    pub fn untyped(&self) -> Option<Span> {
        let probes = self.probes.iter().find_map(|probe| {
            let vars = probe.vars.iter().find(|var| !is_known(&var.ty)).map(|_| probe.span);
            probe.predicate.as_ref().and_then(value).or_else(|| block(&probe.body)).or(vars)
        });
        let no_type = |ty: &Type| !is_known(ty) || *ty == Type::None;
        let maps = || self.maps.iter().find(|map| map.key.as_ref().is_some_and(no_type) || no_type(&map.value));
        probes.or_else(|| maps().map(|map| map.span))
    }
}

fn block(block: &Block) -> Option<Span> {
    block.stmts.iter().find_map(stmt)
}

fn stmt(stmt: &Stmt) -> Option<Span> {
    let key_and = |key: &Option<Expr>, then: &Expr| key.as_ref().and_then(value).or_else(|| value(then));
    match &stmt.kind {
        StmtKind::Expr(e) | StmtKind::Return(Some(e)) => expr(e),
        StmtKind::SetVar { value: e, .. } => value(e),
        StmtKind::SetMap { key, value, .. }
        | StmtKind::UpdateMap { key, value, .. }
        | StmtKind::Aggregate { key, call: value, .. } => key_and(key, value),
        StmtKind::If { condition, then, otherwise } => value(condition).or_else(|| block(then)).or_else(|| block(otherwise)),
        StmtKind::While { condition, body } => value(condition).or_else(|| block(body)),
        StmtKind::ForRange { start, end, body, .. } => value(start).or_else(|| value(end)).or_else(|| block(body)),
        StmtKind::ForMap { body, .. } | StmtKind::Unroll { body, .. } | StmtKind::Block(body) => block(body),
        StmtKind::ZeroVar { .. } | StmtKind::Break | StmtKind::Continue | StmtKind::Return(None) => None,
    }
}

/// An expression whose value something takes: it has one.
fn value(e: &Expr) -> Option<Span> {
    if e.ty == Type::None { Some(e.span) } else { expr(e) }
}

/// An expression that may be there for its effect alone, as the call of a function without a result.
fn expr(e: &Expr) -> Option<Span> {
    match &e.kind {
        // What it holds is a matter of the map.
        ExprKind::MapRef(_) => return None,
        _ if !is_known(&e.ty) => return Some(e.span),
        _ => {}
    }
    match &e.kind {
        ExprKind::Block { block: stmts, value: last } => block(stmts).or_else(|| last.as_deref().and_then(expr)),
        ExprKind::Ternary { condition, then, otherwise } => value(condition).or_else(|| expr(then)).or_else(|| expr(otherwise)),
        _ => e.children().into_iter().find_map(value),
    }
}

/// Whether all of a type is known.
fn is_known(ty: &Type) -> bool {
    match ty {
        Type::Unknown => false,
        Type::Array { element, .. } => is_known(element) && **element != Type::None,
        Type::Pointer { to, .. } | Type::Meta(to) => is_known(to),
        Type::Tuple(parts) => parts.iter().all(|part| is_known(part) && *part != Type::None),
        Type::Named(parts) => parts.iter().all(|(_, part)| is_known(part) && *part != Type::None),
        _ => true,
    }
}
