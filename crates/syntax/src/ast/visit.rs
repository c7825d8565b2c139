//! Walks a tree and changes it in place.

use super::{Block, Expr, ExprKind, Ident, Stmt, StmtKind, TypeExpr, TypeExprKind};

/// What is done at each node. The defaults go on to the children.
pub trait Rewriter: Sized {
    /// A block: a scope of variables.
    fn block(&mut self, block: &mut Block) {
        walk_block(self, block);
    }

    /// A statement.
    fn stmt(&mut self, stmt: &mut Stmt) {
        walk_stmt(self, stmt);
    }

    /// An expression.
    fn expr(&mut self, expr: &mut Expr) {
        walk_expr(self, expr);
    }

    /// A type.
    fn ty(&mut self, ty: &mut TypeExpr) {
        walk_type(self, ty);
    }

    /// The name of a variable where it is defined by a loop or `let`.
    fn var(&mut self, _var: &mut Ident) {}

    /// The name of a map that a loop goes over.
    fn map(&mut self, _map: &mut Ident) {}
}

/// Goes on to the statements of a block.
pub fn walk_block(r: &mut impl Rewriter, block: &mut Block) {
    block.stmts.iter_mut().for_each(|s| r.stmt(s));
    if let Some(value) = &mut block.value {
        r.expr(value);
    }
}

/// Goes on to the parts of a statement.
pub fn walk_stmt(r: &mut impl Rewriter, stmt: &mut Stmt) {
    match &mut stmt.kind {
        StmtKind::Expr(e) | StmtKind::Discard(e) | StmtKind::Return(Some(e)) => r.expr(e),
        StmtKind::Assign { target, value, .. } => {
            r.expr(target);
            r.expr(value);
        }
        StmtKind::Let { var, ty, value } => {
            value.iter_mut().for_each(|v| r.expr(v));
            ty.iter_mut().for_each(|t| r.ty(t));
            r.var(var);
        }
        StmtKind::If { condition, then, otherwise, .. } => {
            r.expr(condition);
            r.block(then);
            otherwise.iter_mut().for_each(|b| r.block(b));
        }
        StmtKind::While { condition, body } => {
            r.expr(condition);
            r.block(body);
        }
        StmtKind::ForRange { var, start, end, body } => {
            r.expr(start);
            r.expr(end);
            r.var(var);
            r.block(body);
        }
        StmtKind::ForMap { var, map, body } => {
            r.map(map);
            r.var(var);
            r.block(body);
        }
        StmtKind::Unroll { count, body } => {
            r.expr(count);
            r.block(body);
        }
        StmtKind::Block(block) => r.block(block),
        StmtKind::Break | StmtKind::Continue | StmtKind::Return(None) => {}
    }
}

/// Goes on to the parts of an expression.
pub fn walk_expr(r: &mut impl Rewriter, expr: &mut Expr) {
    match &mut expr.kind {
        ExprKind::Int(_)
        | ExprKind::CInt(_)
        | ExprKind::Str(_)
        | ExprKind::Bool(_)
        | ExprKind::Ident(_)
        | ExprKind::Var(_)
        | ExprKind::Positional(_)
        | ExprKind::PositionalCount
        | ExprKind::Map(_) => {}
        ExprKind::Index { base, index } => {
            r.expr(base);
            index.iter_mut().for_each(|i| r.expr(i));
        }
        ExprKind::Member { base, .. } | ExprKind::TupleIndex { base, .. } => r.expr(base),
        ExprKind::Call { args, .. } => args.iter_mut().for_each(|a| r.expr(a)),
        ExprKind::Unary { operand, .. } => r.expr(operand),
        ExprKind::Step { target, .. } => r.expr(target),
        ExprKind::Binary { left, right, .. } => {
            r.expr(left);
            r.expr(right);
        }
        ExprKind::Ternary { condition, then, otherwise } => {
            r.expr(condition);
            r.expr(then);
            r.expr(otherwise);
        }
        ExprKind::Cast { ty, operand } => {
            r.ty(ty);
            r.expr(operand);
        }
        ExprKind::Tuple(parts) => parts.iter_mut().for_each(|p| r.expr(p)),
        ExprKind::Record(parts) => parts.iter_mut().for_each(|(_, p)| r.expr(p)),
        ExprKind::Block(block) => r.block(block),
        ExprKind::Comptime(inner) => r.expr(inner),
        ExprKind::Type(ty) => r.ty(ty),
    }
}

/// Goes on to the parts of a type.
pub fn walk_type(r: &mut impl Rewriter, ty: &mut TypeExpr) {
    match &mut ty.kind {
        TypeExprKind::Pointer(inner) | TypeExprKind::Array(inner, _) => r.ty(inner),
        TypeExprKind::Tuple(parts) => parts.iter_mut().for_each(|p| r.ty(p)),
        TypeExprKind::Typeof(e) => r.expr(e),
        TypeExprKind::Name(_)
        | TypeExprKind::Struct(_)
        | TypeExprKind::Union(_)
        | TypeExprKind::Enum(_)
        | TypeExprKind::Sized(..) => {}
    }
}
