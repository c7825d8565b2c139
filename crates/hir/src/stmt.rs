//! Statements and what they consist of; which maps they may change.

use btc_builtins::ParamKind;

use crate::{Block, Expr, ExprKind, MapId, Probe, Stmt, StmtKind};

impl Expr {
    /// Whether its evaluation may change a map. A function that takes a map is taken for one that changes it.
    pub fn writes(&self, map: MapId) -> bool {
        let mut writes = false;
        self.each_write(&mut |written| writes |= written == map);
        writes
    }

    /// Visits the maps that its evaluation may change, each as often as it may.
    pub fn each_write(&self, visit: &mut dyn FnMut(MapId)) {
        match &self.kind {
            ExprKind::StepMap { map, .. } => visit(*map),
            ExprKind::Block { block, .. } => block.each_write(visit),
            ExprKind::Call { function, args, .. } => {
                for (param, arg) in function.params.iter().zip(args) {
                    if let (ParamKind::Map, ExprKind::MapRef(map)) = (param.kind, &arg.kind) {
                        visit(*map);
                    }
                }
            }
            _ => {}
        }
        self.children().into_iter().for_each(|e| e.each_write(visit));
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

impl Probe {
    /// Visits the maps that its program may change.
    pub fn each_write(&self, visit: &mut dyn FnMut(MapId)) {
        self.body.each_write(visit);
        if let Some(predicate) = &self.predicate {
            predicate.each_write(visit);
        }
    }
}

impl Block {
    /// Visits the maps that its statements may change.
    pub fn each_write(&self, visit: &mut dyn FnMut(MapId)) {
        self.stmts.iter().for_each(|stmt| stmt.each_write(visit));
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
    /// Visits the maps that it may change.
    fn each_write(&self, visit: &mut dyn FnMut(MapId)) {
        if let StmtKind::SetMap { map, .. } | StmtKind::UpdateMap { map, .. } | StmtKind::Aggregate { map, .. } = &self.kind {
            visit(*map);
        }
        let (exprs, blocks) = self.parts();
        exprs.into_iter().for_each(|e| e.each_write(visit));
        blocks.into_iter().for_each(|block| block.each_write(visit));
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
