//! Control flow: constant branches, jumps through blocks that only pass on, chains of
//! blocks, unreachable blocks.
//!
//! Requires: nothing. Keeps: instructions in their order, and every branch whose operands
//! are not plain constants, so also the guards of kernel functions and of late constants.

use std::collections::HashMap;

use btc_ir::interp::holds;
use btc_ir::{Block, Cfg, Function, Jump, Op, Terminator, Value};

use crate::rewrite::{Rewrites, count_uses, for_each_use, jumps_mut};

/// Most blocks that one jump is led through.
const MAX_HOPS: usize = 8;

/// Runs the pass.
pub fn run(func: &mut Function) -> bool {
    let mut changed = fold_branches(func);
    changed |= thread(func);
    changed |= fold_branches(func);
    changed |= merge(func);
    changed | remove_unreachable(func)
}

/// Numbers of all constants.
fn constants(func: &Function) -> HashMap<Value, i64> {
    let insts = func.blocks.iter().flat_map(|b| &b.insts);
    insts
        .filter_map(|i| if let (Op::Const(n), Some(v)) = (&i.op, i.result) { Some((v, *n)) } else { None })
        .collect()
}

/// Turns branches with a known outcome, or with one target, into jumps.
fn fold_branches(func: &mut Function) -> bool {
    let constants = constants(func);
    let mut changed = false;
    for block in &mut func.blocks {
        let Some(Terminator::Branch { cond, left, right, then, otherwise }) = &block.terminator else {
            continue;
        };
        let taken = match (constants.get(left), constants.get(right)) {
            (Some(a), Some(b)) if holds(*cond, *a as u64, *b as u64) => then,
            (Some(_), Some(_)) => otherwise,
            _ if then == otherwise => then,
            _ => continue,
        };
        block.terminator = Some(Terminator::Jump(taken.clone()));
        changed = true;
    }
    changed
}

/// What a block without instructions does with its parameters.
struct Forward {
    params: Vec<Value>,
    end: Terminator,
}

/// Leads jumps to blocks that only jump or branch on to where those would go. Branches
/// count when the jump passes constants that decide them.
fn thread(func: &mut Function) -> bool {
    let forwards = forwards(func);
    let constants = constants(func);
    let mut changed = false;
    for block in &mut func.blocks {
        for jump in block.terminator.iter_mut().flat_map(jumps_mut) {
            for _ in 0..MAX_HOPS {
                let Some(next) = forwards[jump.block.index()].as_ref().and_then(|f| hop(f, jump, &constants))
                else {
                    break;
                };
                if next == *jump {
                    break;
                }
                *jump = next;
                changed = true;
            }
        }
    }
    changed
}

/// The blocks without instructions whose parameters nothing else uses.
fn forwards(func: &Function) -> Vec<Option<Forward>> {
    let uses = count_uses(func);
    let forward = |(n, block): (usize, &btc_ir::BlockData)| {
        let end = block.terminator.as_ref()?;
        if n == 0 || !block.insts.is_empty() || matches!(end, Terminator::Return(_)) {
            return None;
        }
        let mut own: HashMap<Value, u32> = block.params.iter().map(|v| (*v, 0)).collect();
        for_each_use(end, |v| {
            if let Some(count) = own.get_mut(&v) {
                *count += 1;
            }
        });
        let private = own.iter().all(|(v, count)| uses[v.index()] == *count);
        private.then(|| Forward { params: block.params.clone(), end: end.clone() })
    };
    func.blocks.iter().enumerate().map(forward).collect()
}

/// Where `jump` goes when it skips the block that it names.
fn hop(forward: &Forward, jump: &Jump, constants: &HashMap<Value, i64>) -> Option<Jump> {
    let passed = |v: &Value| {
        let at = forward.params.iter().position(|p| p == v);
        at.and_then(|at| jump.args.get(at)).copied().unwrap_or(*v)
    };
    let next = match &forward.end {
        Terminator::Jump(next) => next,
        Terminator::Branch { cond, left, right, then, otherwise } => {
            let a = *constants.get(&passed(left))?;
            let b = *constants.get(&passed(right))?;
            if holds(*cond, a as u64, b as u64) { then } else { otherwise }
        }
        Terminator::Return(_) => return None,
    };
    Some(Jump { block: next.block, args: next.args.iter().map(passed).collect() })
}

/// Appends blocks to the only block that jumps to them.
fn merge(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let mut rewrites = Rewrites::new(func);
    let mut gone = vec![false; func.blocks.len()];
    for block in &cfg.order {
        let b = block.index();
        if gone[b] {
            continue;
        }
        while let Some(Terminator::Jump(jump)) = &func.blocks[b].terminator {
            let n = jump.block.index();
            if n == 0 || n == b || cfg.preds[n].len() != 1 {
                break;
            }
            let args = jump.args.clone();
            let next = &mut func.blocks[n];
            let (params, insts) = (std::mem::take(&mut next.params), std::mem::take(&mut next.insts));
            let (end, span) = (next.terminator.take(), next.span);
            for (param, arg) in params.iter().zip(args) {
                rewrites.replace(*param, arg);
            }
            let data = &mut func.blocks[b];
            data.insts.extend(insts);
            data.terminator = end;
            data.span = span;
            gone[n] = true;
        }
    }
    rewrites.apply(func);
    gone.contains(&true)
}

/// Drops the blocks that control cannot come to, and counts the others anew.
fn remove_unreachable(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    if cfg.order.len() == func.blocks.len() {
        return false;
    }
    let mut new = vec![Block(0); func.blocks.len()];
    let mut blocks = Vec::with_capacity(cfg.order.len());
    for (n, block) in std::mem::take(&mut func.blocks).into_iter().enumerate() {
        if cfg.is_reachable(Block(n as u32)) {
            new[n] = Block(blocks.len() as u32);
            blocks.push(block);
        }
    }
    func.blocks = blocks;
    for jump in func.blocks.iter_mut().filter_map(|b| b.terminator.as_mut()).flat_map(jumps_mut) {
        jump.block = new[jump.block.index()];
    }
    true
}
