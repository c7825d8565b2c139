//! Removes operations without effect whose value nobody needs, unneeded block parameters
//! (also those that only feed each other round a loop), and unneeded stack objects.
//!
//! Requires: no unreachable blocks. Keeps: the blocks.

use btc_ir::{Cfg, Function, Jump, Op, Terminator, Value};

use crate::facts::is_removable;
use crate::mem2reg::keep_slots;
use crate::rewrite::{jumps, jumps_mut};

/// Where a value is defined.
#[derive(Clone, Copy)]
enum Def {
    None,
    Inst(u32, u32),
    Param(u32, u32),
}

/// Runs the pass.
pub fn run(func: &mut Function) -> bool {
    let live = live_values(func);
    let mut changed = false;
    for block in &mut func.blocks {
        let before = block.insts.len();
        block.insts.retain(|inst| has_effect(&inst.op) || inst.result.is_some_and(|v| live[v.index()]));
        changed |= block.insts.len() != before;
    }
    changed |= remove_params(func, &live);
    let mut used = vec![false; func.slots.len()];
    for inst in func.blocks.iter().flat_map(|b| &b.insts) {
        if let Op::SlotAddr(slot) = inst.op {
            used[slot.index()] = true;
        }
    }
    if used.contains(&false) {
        keep_slots(func, |slot| used[slot]);
        changed = true;
    }
    changed
}

fn has_effect(op: &Op) -> bool {
    match op {
        Op::Call(callee, _) => !is_removable(*callee),
        op => !op.is_pure(),
    }
}

/// Which values an effect, a branch or a return needs.
fn live_values(func: &Function) -> Vec<bool> {
    let mut defs = vec![Def::None; func.values as usize];
    let mut work = Vec::new();
    for (b, block) in func.blocks.iter().enumerate() {
        for (n, param) in block.params.iter().enumerate() {
            defs[param.index()] = Def::Param(b as u32, n as u32);
        }
        for (n, inst) in block.insts.iter().enumerate() {
            if let Some(result) = inst.result {
                defs[result.index()] = Def::Inst(b as u32, n as u32);
            }
            if has_effect(&inst.op) {
                inst.op.for_each_operand(|v| work.push(v));
            }
        }
        match &block.terminator {
            Some(Terminator::Branch { left, right, .. }) => work.extend([*left, *right]),
            Some(Terminator::Return(v)) => work.push(*v),
            Some(Terminator::Jump(_)) | None => {}
        }
    }
    let cfg = Cfg::new(func);
    let mut live = vec![false; func.values as usize];
    while let Some(v) = work.pop() {
        if std::mem::replace(&mut live[v.index()], true) {
            continue;
        }
        match defs[v.index()] {
            Def::Inst(b, n) => {
                func.blocks[b as usize].insts[n as usize].op.for_each_operand(|v| work.push(v))
            }
            Def::Param(b, n) => passed(func, &cfg, b, n, |v| work.push(v)),
            Def::None => {}
        }
    }
    live
}

/// Calls `f` for each value passed to a block parameter.
fn passed(func: &Function, cfg: &Cfg, block: u32, param: u32, mut f: impl FnMut(Value)) {
    for pred in &cfg.preds[block as usize] {
        for jump in func.block(*pred).terminator.iter().flat_map(jumps) {
            if jump.block.0 == block {
                f(jump.args[param as usize]);
            }
        }
    }
}

/// Removes the parameters that are not live, but for the function's own.
fn remove_params(func: &mut Function, live: &[bool]) -> bool {
    let dead = |v: &Value| !live[v.index()];
    let kept: Vec<Option<Vec<bool>>> = func
        .blocks
        .iter()
        .enumerate()
        .map(|(n, b)| {
            (n > 0 && b.params.iter().any(dead)).then(|| b.params.iter().map(|v| !dead(v)).collect())
        })
        .collect();
    if kept.iter().all(Option::is_none) {
        return false;
    }
    keep_params(func, &kept);
    true
}

/// Keeps the marked parameters of each block, and what is passed to them.
pub(crate) fn keep_params(func: &mut Function, kept: &[Option<Vec<bool>>]) {
    let keep = |values: &mut Vec<Value>, kept: &[bool]| {
        let mut kept = kept.iter();
        values.retain(|_| kept.next().copied().unwrap_or(true));
    };
    for (block, kept) in func.blocks.iter_mut().zip(kept) {
        if let Some(kept) = kept {
            keep(&mut block.params, kept);
        }
    }
    let all: Vec<&mut Jump> =
        func.blocks.iter_mut().filter_map(|b| b.terminator.as_mut()).flat_map(jumps_mut).collect();
    for jump in all {
        if let Some(kept) = &kept[jump.block.index()] {
            keep(&mut jump.args, kept);
        }
    }
}
