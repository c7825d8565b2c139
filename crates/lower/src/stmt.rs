//! Statements.

use btc_hir::{self as hir, StmtKind};
use btc_ir::{BinOp, Cond, Width};

use crate::constant::number;
use crate::function::FnLower;
use crate::loops::{Enclosing, Rounds};

impl FnLower<'_, '_, '_> {
    pub fn block(&mut self, block: &hir::Block) {
        for stmt in &block.stmts {
            if self.b.is_full() {
                return;
            }
            self.with_temporaries(|f| f.stmt(stmt));
        }
    }

    fn stmt(&mut self, stmt: &hir::Stmt) {
        self.enter(stmt.span);
        match &stmt.kind {
            StmtKind::Expr(e) => self.effect(e),
            StmtKind::SetVar { var, value } => self.set_var(*var, value),
            StmtKind::ZeroVar { var } => self.zero_var(*var),
            StmtKind::SetMap { map, key, value } => self.set_map(*map, key.as_ref(), value),
            StmtKind::UpdateMap { map, key, op, value } => {
                self.update_map(*map, key.as_ref(), *op, value);
            }
            StmtKind::Aggregate { map, key, call } => self.aggregate(*map, key.as_ref(), call),
            StmtKind::If { condition, then, otherwise } => {
                let (yes, no, done) = (self.b.block(0), self.b.block(0), self.b.block(0));
                self.condition(condition, yes, no);
                self.b.switch_to(yes);
                self.block(then);
                self.b.jump(done, &[]);
                self.b.switch_to(no);
                self.block(otherwise);
                self.b.jump(done, &[]);
                self.b.switch_to(done);
            }
            StmtKind::While { condition, body } => self.while_loop(condition, body),
            StmtKind::ForRange { var, start, end, body } => self.for_range(*var, start, end, body),
            StmtKind::ForMap { var, map, body } => self.for_map(*var, *map, body),
            StmtKind::Unroll { count, body } => self.unroll(*count, body),
            StmtKind::Break => {
                let out = self.loop_around().out;
                self.b.leave(out);
            }
            StmtKind::Continue => {
                let next = self.loop_around().next;
                self.b.leave(next);
            }
            StmtKind::Return(value) => {
                match value {
                    Some(value) if value.ty.is_scalar() => {
                        let value = self.scalar(value);
                        self.leave_with(value);
                    }
                    Some(value) => {
                        self.effect(value);
                        self.leave();
                    }
                    None => self.leave(),
                }
            }
            StmtKind::Block(block) => self.block(block),
        }
    }

    fn loop_around(&self) -> Enclosing {
        *self.loops.last().expect("`break` and `continue` stand in loops")
    }

    fn set_var(&mut self, var: hir::VarId, value: &hir::Expr) {
        let ty = &self.probe.vars[var.0 as usize].ty;
        let memory = self.vars[&var];
        if ty.is_scalar() {
            let value = self.scalar(value);
            self.b.store(Width::B8, memory.base, memory.offset, value);
        } else {
            self.write_with_overlap(value, memory, ty);
        }
    }

    fn unroll(&mut self, count: u32, body: &hir::Block) {
        let out = self.b.block(0);
        for _ in 0..count {
            let next = self.b.block(0);
            self.loops.push(Enclosing { next, out, leave: None, walks: Some(1) });
            self.block(body);
            self.loops.pop();
            self.b.jump(next, &[]);
            self.b.switch_to(next);
        }
        self.b.jump(out, &[]);
        self.b.switch_to(out);
    }

    fn while_loop(&mut self, condition: &hir::Expr, body: &hir::Block) {
        self.b.span.end = condition.span.end;
        let l = self.begin_loop(Rounds::Unknown);
        let inner = self.b.block(0);
        self.condition(condition, inner, l.out);
        self.b.switch_to(inner);
        self.block(body);
        self.end_loop(&l);
    }

    fn for_range(&mut self, var: hir::VarId, start: &hir::Expr, end: &hir::Expr, body: &hir::Block) {
        self.b.span.end = end.span.end;
        let first = self.scalar(start);
        let behind = self.scalar(end);
        let (begin, done) = (self.b.block(0), self.b.block(0));
        let signed = self.probe.vars[var.0 as usize].ty.is_signed();
        let rounds = match (number(start), number(end)) {
            (Some(start), Some(end)) => {
                let wide = |n: i64| if signed { i128::from(n) } else { i128::from(n as u64) };
                let distance = wide(end) - wide(start);
                self.b.jump(begin, &[]);
                self.b.switch_to(begin);
                Rounds::Known(i64::try_from(distance.max(0)).unwrap_or(i64::MAX))
            }
            _ => {
                // Not by the sign of the distance: that may be any number of 64 bits.
                let cond = if signed { Cond::SLt } else { Cond::ULt };
                self.b.branch(cond, first, behind, begin, done);
                self.b.switch_to(begin);
                Rounds::Counted(self.b.bin(BinOp::Sub, behind, first))
            }
        };
        // The counter is not the variable: the body may change that one.
        let l = self.begin_loop(rounds);
        let value = self.b.bin(BinOp::Add, first, l.index);
        let memory = self.vars[&var];
        self.b.store(Width::B8, memory.base, memory.offset, value);
        self.block(body);
        self.end_loop(&l);
        self.b.jump(done, &[]);
        self.b.switch_to(done);
    }
}
