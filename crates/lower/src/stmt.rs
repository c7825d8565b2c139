//! Statements.

use btc_hir::{self as hir, StmtKind};
use btc_ir::{BinOp, Block, Cond, Terminator, Width};

use crate::function::FnLower;

/// Most iterations of a loop whose number the verifier cannot see; more end the loop.
const MAX_ITERATIONS: i64 = 1 << 13;
/// Fewest of them: a body so long that the verifier cannot follow these is refused.
const MIN_ITERATIONS: i64 = 1 << 8;
/// Branches and instructions that the verifier follows in all rounds of such a loop: it gives
/// up at 8192 branches whose other side is still to be looked at, and at a million instructions.
const MAX_BRANCHES: i64 = 8000;
const MAX_INSTS: i64 = 400_000;

impl FnLower<'_, '_, '_> {
    pub fn block(&mut self, block: &hir::Block) {
        for stmt in &block.stmts {
            self.with_temporaries(|f| f.stmt(stmt));
        }
    }

    fn stmt(&mut self, stmt: &hir::Stmt) {
        self.b.span = stmt.span;
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
                if let Some((_, out)) = self.loops.last().copied() {
                    self.go(out);
                }
            }
            StmtKind::Continue => {
                if let Some((next, _)) = self.loops.last().copied() {
                    self.go(next);
                }
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

    /// Jumps; what follows is unreachable.
    fn go(&mut self, block: Block) {
        self.b.jump(block, &[]);
        let unreachable = self.b.block(0);
        self.b.switch_to(unreachable);
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
            self.loops.push((next, out));
            self.block(body);
            self.loops.pop();
            self.b.jump(next, &[]);
            self.b.switch_to(next);
        }
        self.b.jump(out, &[]);
        self.b.switch_to(out);
    }

    /// Rounds of the loop from `head` to here that the verifier can follow.
    fn rounds(&self, head: Block) -> i64 {
        let blocks = &self.b.func.blocks[head.index()..];
        let forks = blocks.iter().filter(|b| matches!(b.terminator, Some(Terminator::Branch { .. }))).count();
        let insts: usize = blocks.iter().map(|b| b.insts.len() + 1).sum();
        let branches = if forks > 1 { MAX_BRANCHES / forks as i64 } else { MAX_ITERATIONS };
        branches.min(MAX_INSTS / insts as i64).clamp(MIN_ITERATIONS, MAX_ITERATIONS)
    }

    /// A loop that counts its rounds, so that the verifier sees its end.
    fn while_loop(&mut self, condition: &hir::Expr, body: &hir::Block) {
        let rounds = self.b.slot(8);
        let rounds = self.b.slot_addr(rounds);
        let zero = self.b.iconst(0);
        self.b.store(Width::B8, rounds, 0, zero);
        let (head, test, inner, out) =
            (self.b.block(0), self.b.block(0), self.b.block(0), self.b.block(0));
        self.b.jump(head, &[]);
        self.b.switch_to(head);
        let n = self.b.load(Width::B8, rounds, 0);
        let next = self.b.add_imm(n, 1);
        self.b.store(Width::B8, rounds, 0, next);
        let bound = self.b.current();
        self.b.switch_to(test);
        self.condition(condition, inner, out);
        self.b.switch_to(inner);
        self.loops.push((head, out));
        self.block(body);
        self.loops.pop();
        self.b.jump(head, &[]);
        let most = self.rounds(head);
        self.b.switch_to(bound);
        self.b.branch_imm(Cond::ULt, n, most, test, out);
        self.b.switch_to(out);
    }

    fn for_range(&mut self, var: hir::VarId, start: &hir::Expr, end: &hir::Expr, body: &hir::Block) {
        // The counter is not the variable: the body may change that one.
        let slot = self.b.slot(8);
        let counter = self.b.slot_addr(slot);
        let known = [start, end].iter().all(|e| matches!(e.kind, hir::ExprKind::Int(_)));
        let first = self.scalar(start);
        let end = self.scalar(end);
        let distance = self.b.bin(BinOp::Sub, end, first);
        let zero = self.b.iconst(0);
        self.b.store(Width::B8, counter, 0, zero);
        let (head, test, inner, next, out) =
            (self.b.block(0), self.b.block(0), self.b.block(0), self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::SGt, distance, 0, head, out);
        self.b.switch_to(head);
        let n = self.b.load(Width::B8, counter, 0);
        self.b.branch(Cond::ULt, n, distance, test, out);
        self.b.switch_to(inner);
        let value = self.b.bin(BinOp::Add, first, n);
        let memory = self.vars[&var];
        self.b.store(Width::B8, memory.base, memory.offset, value);
        self.loops.push((next, out));
        self.block(body);
        self.loops.pop();
        self.b.jump(next, &[]);
        self.b.switch_to(next);
        let old = self.b.load(Width::B8, counter, 0);
        let new = self.b.add_imm(old, 1);
        self.b.store(Width::B8, counter, 0, new);
        self.b.jump(head, &[]);
        // Bounds the loop for the verifier where the distance is not constant.
        let most = if known { MAX_ITERATIONS } else { self.rounds(head) };
        self.b.switch_to(test);
        self.b.branch_imm(Cond::ULt, n, most, inner, out);
        self.b.switch_to(out);
    }
}
