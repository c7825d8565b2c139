//! The natural loops of a function.

use std::collections::HashSet;

use btc_ir::{BinOp, Block, Cfg, Function, Op, Terminator, Value};

use crate::flow::{Flow, Origin};

/// A natural loop.
pub struct Loop {
    /// Where it begins.
    pub head: Block,
    /// Its blocks.
    pub blocks: HashSet<Block>,
}

/// The natural loops.
pub fn all(func: &Function, cfg: &Cfg) -> Vec<Loop> {
    let mut all: Vec<Loop> = Vec::new();
    for block in &cfg.order {
        for head in func.successors(*block).into_iter().filter(|head| cfg.dominates(*head, *block)) {
            let known = all.iter().position(|l| l.head == head);
            let n = known.unwrap_or_else(|| {
                all.push(Loop { head, blocks: HashSet::from([head]) });
                all.len() - 1
            });
            let mut work = vec![*block];
            while let Some(b) = work.pop() {
                if all[n].blocks.insert(b) {
                    work.extend(&cfg.preds[b.index()]);
                }
            }
        }
    }
    all
}

/// The counts of rounds, by which the verifier sees the ends of loops and whether there is an iterator.
pub fn counts(func: &Function, flow: &Flow<'_>, loops: &[Loop]) -> Vec<bool> {
    let mut marks = vec![false; flow.len()];
    for l in loops {
        let head = func.block(l.head);
        if let Some(Terminator::Branch { left, .. }) = &head.terminator
            && head.params.contains(left)
        {
            marks[left.index()] = true;
        }
    }
    let is_const = |v: Value| matches!(flow.op(v), Some(Op::Const(_)));
    let mut changed = true;
    while std::mem::take(&mut changed) {
        for v in (0..flow.len() as u32).map(Value) {
            if marks[v.index()] {
                continue;
            }
            let of_count = match flow.origin(v) {
                Origin::Param(block, n) => {
                    let all = flow.incoming(block, n);
                    all.iter().any(|(_, a)| marks[a.index()])
                        && all.iter().all(|(_, a)| marks[a.index()] || is_const(*a) || *a == v)
                }
                Origin::Inst(Op::Bin(BinOp::Add, a, b)) => marks[a.index()] && is_const(*b),
                _ => false,
            };
            changed |= of_count;
            marks[v.index()] |= of_count;
        }
    }
    marks
}
