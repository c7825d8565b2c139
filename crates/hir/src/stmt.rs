//! Statements and what they consist of; which maps they may change.

use btc_builtins::ParamKind;

use crate::{Block, Expr, ExprKind, MapId, Stmt, StmtKind};

impl Expr {
    /// Whether its evaluation may change a map. A function that takes a map is taken for one that changes it.
    pub fn writes(&self, map: MapId) -> bool {
        let own = match &self.kind {
            ExprKind::StepMap { map: stepped, .. } => *stepped == map,
            ExprKind::Block { block, .. } => block.writes(map),
            ExprKind::Call { function, args, .. } => {
                let is_it = |arg: &Expr| matches!(arg.kind, ExprKind::MapRef(of) if of == map);
                function.params.iter().zip(args).any(|(p, arg)| p.kind == ParamKind::Map && is_it(arg))
            }
            _ => false,
        };
        own || self.children().into_iter().any(|e| e.writes(map))
    }

    /// Visits it and all expressions in it.
    pub fn each<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        visit(self);
        if let ExprKind::Block { block, .. } = &self.kind {
            block.each(visit);
        }
        self.children().into_iter().for_each(|e| e.each(visit));
    }
}

impl Block {
    /// Whether a statement may change a map.
    pub fn writes(&self, map: MapId) -> bool {
        self.stmts.iter().any(|stmt| stmt.writes(map))
    }

    /// Visits all expressions in it.
    pub fn each<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        for stmt in &self.stmts {
            let (exprs, blocks) = stmt.parts();
            exprs.into_iter().for_each(|e| e.each(visit));
            blocks.into_iter().for_each(|block| block.each(visit));
        }
    }
}

impl Stmt {
    /// Whether it may change a map.
    pub fn writes(&self, map: MapId) -> bool {
        let own = match &self.kind {
            StmtKind::SetMap { map: of, .. } | StmtKind::UpdateMap { map: of, .. } | StmtKind::Aggregate { map: of, .. } => *of == map,
            _ => false,
        };
        let (exprs, blocks) = self.parts();
        own || exprs.into_iter().any(|e| e.writes(map)) || blocks.into_iter().any(|block| block.writes(map))
    }

    /// The expressions and the blocks that it consists of.
    fn parts(&self) -> (Vec<&Expr>, Vec<&Block>) {
        match &self.kind {
            StmtKind::SetMap { key, value, .. } | StmtKind::UpdateMap { key, value, .. } | StmtKind::Aggregate { key, call: value, .. } => {
                (key.iter().chain([value]).collect(), Vec::new())
            }
            StmtKind::Expr(e) | StmtKind::SetVar { value: e, .. } | StmtKind::Return(Some(e)) => (vec![e], Vec::new()),
            StmtKind::If { condition, then, otherwise } => (vec![condition], vec![then, otherwise]),
            StmtKind::While { condition, body } => (vec![condition], vec![body]),
            StmtKind::ForRange { start, end, body, .. } => (vec![start, end], vec![body]),
            StmtKind::ForMap { body, .. } | StmtKind::Unroll { body, .. } | StmtKind::Block(body) => (Vec::new(), vec![body]),
            StmtKind::ZeroVar { .. } | StmtKind::Break | StmtKind::Continue | StmtKind::Return(None) => (Vec::new(), Vec::new()),
        }
    }
}
