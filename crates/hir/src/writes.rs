//! Which maps a part of the tree may change.

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
}

impl Block {
    /// Whether a statement may change a map.
    pub fn writes(&self, map: MapId) -> bool {
        self.stmts.iter().any(|stmt| stmt.writes(map))
    }
}

impl Stmt {
    /// Whether it may change a map.
    pub fn writes(&self, map: MapId) -> bool {
        let key_writes = |key: &Option<Expr>| key.as_ref().is_some_and(|key| key.writes(map));
        match &self.kind {
            StmtKind::SetMap { map: of, key, value }
            | StmtKind::UpdateMap { map: of, key, value, .. }
            | StmtKind::Aggregate { map: of, key, call: value } => *of == map || key_writes(key) || value.writes(map),
            StmtKind::Expr(e) | StmtKind::SetVar { value: e, .. } | StmtKind::Return(Some(e)) => e.writes(map),
            StmtKind::If { condition, then, otherwise } => {
                condition.writes(map) || then.writes(map) || otherwise.writes(map)
            }
            StmtKind::While { condition, body } => condition.writes(map) || body.writes(map),
            StmtKind::ForRange { start, end, body, .. } => start.writes(map) || end.writes(map) || body.writes(map),
            StmtKind::ForMap { body, .. } | StmtKind::Unroll { body, .. } | StmtKind::Block(body) => body.writes(map),
            StmtKind::ZeroVar { .. } | StmtKind::Break | StmtKind::Continue | StmtKind::Return(None) => false,
        }
    }
}
