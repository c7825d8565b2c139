//! Makes the verifier forget what a loop's comparisons have told it.
//!
//! The verifier follows each round that it can count, and what is behind the loop once for each end. What a round compares with a
//! number of its own is another number at each end: needed later, it would keep apart all ends, and those of a second
//! loop each of those. So behind the loop it is made unknown, but for a bound that it has without comparisons. And what a round
//! compares, but for the end of the loop, is a copy: it would be known better on each way through the round, and on no two alike.
//!
//! Requires: valid IR. Keeps: what the function computes, and the blocks.

use std::collections::HashSet;

use btc_ir::{BinOp, Block, Cfg, Function, GlobalId, InstData, Memory, Module, Op, Terminator, Value, Width};

use crate::flow::{Flow, Origin};
use crate::live::{self, Live};
use crate::loops::{self, Loop};

/// Most values that are made unknown in a function: each is a search through all of it.
const MOST: usize = 64;

/// Runs the pass.
pub fn run(func: &mut Function, module: &mut Module) {
    let cfg = Cfg::new(func);
    copy(func, &cfg, module);
    let found = outlasting(func, &cfg, module);
    if found.is_empty() {
        return;
    }
    let zero = module.unknown_zero();
    // Where a value has got another name, and which.
    let mut names: Vec<(Block, Value, Value)> = Vec::new();
    for (end, value, bound) in found {
        let known = names.iter().rev().find(|(at, of, _)| *of == value && cfg.dominates(*at, end));
        let old = known.map_or(value, |(.., name)| *name);
        let new = forget(func, &cfg, end, old, bound, zero);
        names.push((end, value, new));
    }
}

/// Lets a loop compare a copy of what comes from outside of it, but where it ends.
fn copy(func: &mut Function, cfg: &Cfg, module: &Module) {
    // From the last on, for what is put in moves what is behind it.
    for (block, at, old) in inner(func, cfg, module).into_iter().rev() {
        let (all, new) = (func.new_value(), func.new_value());
        let rename = |v: &mut Value| *v = if *v == old { new } else { *v };
        let data = &mut func.blocks[block.index()];
        match (data.insts.get_mut(at), &mut data.terminator) {
            (Some(inst), _) => inst.op.for_each_operand_mut(rename),
            (None, Some(Terminator::Branch { left, right, .. })) => [left, right].into_iter().for_each(rename),
            (None, _) => {}
        }
        // The verifier knows a copy and what it is of as one number; what was computed from it, it does not.
        let span = data.insts.get(at).map_or(data.span, |inst| inst.span);
        let computed = [(all, Op::Const(-1)), (new, Op::Bin(BinOp::And, old, all))];
        data.insts.splice(at..at, computed.map(|(v, op)| InstData { result: Some(v), op, span }));
    }
}

/// What loops compare inside with numbers of their own and comes from outside: the block, the place in it and the value, in order.
fn inner(func: &Function, cfg: &Cfg, module: &Module) -> Vec<(Block, usize, Value)> {
    let loops = loops::all(func, cfg);
    if loops.is_empty() {
        return Vec::new();
    }
    let flow = Flow::new(func, module);
    let (fixed, known, addresses) = (flow.fixed(cfg), flow.known(), flow.found());
    let mut found = Vec::new();
    for l in &loops {
        for_each_told(func, &flow, l, |block, at, v| {
            let is_end = at == func.block(block).insts.len() && func.successors(block).iter().any(|next| !l.blocks.contains(next));
            if !is_end && !fixed[v.index()] && !known[v.index()] && !addresses[v.index()] {
                found.push((block, at, v));
            }
        });
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// What loops compare with numbers of their own and is needed behind them, where that is, and a mask that it fits; in the order of
/// the loops.
fn outlasting(func: &Function, cfg: &Cfg, module: &Module) -> Vec<(Block, Value, Option<u64>)> {
    let loops = loops::all(func, cfg);
    if loops.is_empty() {
        return Vec::new();
    }
    let flow = Flow::new(func, module);
    // What the verifier knows exactly on each way, comparisons do not tell; and what loops make may be what ends an outer one.
    let (fixed, known) = (flow.fixed(cfg), flow.known());
    let made: HashSet<Value> = loops.iter().flat_map(|l| made(func, l)).collect();
    let may = |v: &Value| !fixed[v.index()] && !known[v.index()] && !made.contains(v);
    let compared: Vec<Vec<Value>> =
        loops.iter().map(|l| compared(func, &flow, l).into_iter().filter(may).collect()).collect();
    let live = Live::new(func, cfg, compared.iter().flatten().copied().collect());
    let mut found = Vec::new();
    for (l, compared) in loops.iter().zip(compared).filter(|(_, compared)| !compared.is_empty()) {
        if found.len() >= MOST {
            break;
        }
        let ends: HashSet<Block> =
            l.blocks.iter().flat_map(|b| func.successors(*b)).filter(|b| !l.blocks.contains(b)).collect();
        for block in behind(cfg, ends, l) {
            let needed: HashSet<Value> = live.at(block).collect();
            let values = compared.iter().filter(|v| needed.contains(v) && is_used(func, cfg, block, **v));
            found.extend(values.map(|v| (block, *v, mask(&flow, *v))));
        }
    }
    // Several loops may end at one place.
    found.sort_by_key(|(end, value, _)| (cfg.order.iter().position(|b| b == end), *value));
    found.dedup_by_key(|(end, value, _)| (*end, *value));
    found.truncate(MOST);
    found
}

/// The ends of a loop, and where ways from them meet others: each use behind the loop is dominated by one of these.
fn behind(cfg: &Cfg, ends: HashSet<Block>, l: &Loop) -> HashSet<Block> {
    let mut all = ends.clone();
    let mut work: Vec<Block> = ends.into_iter().collect();
    while let Some(end) = work.pop() {
        let meets = |block: &Block| {
            let comes = cfg.preds[block.index()].iter().any(|pred| cfg.dominates(end, *pred));
            comes && (!cfg.dominates(end, *block) || *block == end) && *block != l.head
        };
        let frontier: Vec<Block> = cfg.order.iter().copied().filter(meets).collect();
        work.extend(frontier.into_iter().filter(|block| all.insert(*block)));
    }
    all
}

/// Whether a block or one that it dominates uses a value.
fn is_used(func: &Function, cfg: &Cfg, at: Block, value: Value) -> bool {
    let mut used = false;
    for block in cfg.order.iter().filter(|block| cfg.dominates(at, **block)) {
        live::for_each_use(func.block(*block), |_, v| used |= v == value);
    }
    used
}

/// What comes from outside of a loop and is compared with what comes from inside.
fn compared(func: &Function, flow: &Flow<'_>, l: &Loop) -> Vec<Value> {
    let mut all = Vec::new();
    for_each_compared(func, flow, l, |_, _, v| all.push(v));
    all.sort_unstable();
    all.dedup();
    all
}

/// Calls `f` for each of these, with its block and its place in it; that of the terminator is behind all others.
fn for_each_compared(func: &Function, flow: &Flow<'_>, l: &Loop, mut f: impl FnMut(Block, usize, Value)) {
    let inside = made(func, l);
    for_each_comparison(func, l, |block, at, v, other| {
        if is_outer(flow, &inside, v) && inside.contains(&other) {
            f(block, at, v);
        }
    });
}

/// Calls `f` for what a loop compares and a round does not make: values from outside and what lies on the stack, which the verifier
/// knows as one number with what is loaded from there.
fn for_each_told(func: &Function, flow: &Flow<'_>, l: &Loop, mut f: impl FnMut(Block, usize, Value)) {
    let inside = made(func, l);
    let is_on_stack = |v: Value| match flow.op(v) {
        Some(Op::Load(Width::B8, m)) => matches!(flow.op(m.base), Some(Op::SlotAddr(_))),
        _ => false,
    };
    for_each_comparison(func, l, |block, at, v, _| {
        if is_on_stack(v) || is_outer(flow, &inside, v) {
            f(block, at, v);
        }
    });
}

/// Calls `f` for each operand of a loop's comparisons, with its block, its place in it, and the other operand; a
/// terminator is behind all else.
fn for_each_comparison(func: &Function, l: &Loop, mut f: impl FnMut(Block, usize, Value, Value)) {
    for block in &l.blocks {
        let data = func.block(*block);
        let comparisons = data.insts.iter().enumerate().filter_map(|(n, inst)| match inst.op {
            Op::Cmp(_, left, right) => Some((n, left, right)),
            _ => None,
        });
        let last = match data.terminator {
            Some(Terminator::Branch { left, right, .. }) => Some((data.insts.len(), left, right)),
            _ => None,
        };
        for (n, left, right) in comparisons.chain(last) {
            for (v, other) in [(left, right), (right, left)] {
                f(*block, n, v, other);
            }
        }
    }
}

/// Whether a value comes from outside of a loop that makes those `inside`, and is not the same number always.
fn is_outer(flow: &Flow<'_>, inside: &HashSet<Value>, v: Value) -> bool {
    let is_same = match flow.origin(v) {
        Origin::Outside => true,
        Origin::Param(..) => false,
        Origin::Inst(op) => matches!(op, Op::Const(_) | Op::Late(_) | Op::KfuncAddr(_)),
    };
    !is_same && !inside.contains(&v)
}

/// The values that a loop's blocks make.
fn made(func: &Function, l: &Loop) -> HashSet<Value> {
    let blocks = l.blocks.iter().map(|block| func.block(*block));
    blocks.flat_map(|data| data.params.iter().copied().chain(data.insts.iter().filter_map(|i| i.result))).collect()
}

/// The bits that a value may have set whatever it is computed from, if not all.
fn mask(flow: &Flow<'_>, v: Value) -> Option<u64> {
    let constant = |v: Value| match flow.op(v) {
        Some(Op::Const(n)) => Some(*n as u64),
        _ => None,
    };
    match flow.op(v)? {
        Op::Bin(BinOp::And, a, b) => constant(*a).or(constant(*b)),
        Op::Bin(BinOp::LShr, _, n) => constant(*n).map(|n| u64::MAX >> (n & 63)),
        Op::ZeroExtend(bits, _) => Some(u64::MAX >> (64 - bits)),
        Op::Load(width, _) if *width != Width::B8 => Some(u64::MAX >> (64 - 8 * width.bytes())),
        Op::Cmp(..) => Some(1),
        _ => None,
    }
}

/// Gives a value another name at the begin of a block and in all that the block dominates, of which the verifier knows but the mask.
fn forget(func: &mut Function, cfg: &Cfg, at: Block, old: Value, mask: Option<u64>, zero: GlobalId) -> Value {
    let span = func.block(at).span;
    let mut insts = Vec::new();
    let mut push = |func: &mut Function, op: Op| {
        let result = func.new_value();
        insts.push(InstData { result: Some(result), op, span });
        result
    };
    let base = push(func, Op::GlobalAddr(zero));
    let unknown = push(func, Op::Load(Width::B8, Memory { base, offset: 0 }));
    let mut new = push(func, Op::Bin(BinOp::Xor, old, unknown));
    if let Some(mask) = mask.filter(|mask| *mask != u64::MAX) {
        let mask = push(func, Op::Const(mask as i64));
        new = push(func, Op::Bin(BinOp::And, new, mask));
    }
    let rename = |v: &mut Value| *v = if *v == old { new } else { *v };
    for block in cfg.order.iter().filter(|block| cfg.dominates(at, **block)) {
        let data = &mut func.blocks[block.index()];
        data.insts.iter_mut().for_each(|inst| inst.op.for_each_operand_mut(rename));
        match &mut data.terminator {
            Some(Terminator::Jump(jump)) => jump.args.iter_mut().for_each(rename),
            Some(Terminator::Branch { left, right, then, otherwise, .. }) => {
                [left, right].into_iter().chain(&mut then.args).chain(&mut otherwise.args).for_each(rename);
            }
            Some(Terminator::Return(v)) => rename(v),
            None => {}
        }
    }
    func.blocks[at.index()].insts.splice(..0, insts);
    new
}
