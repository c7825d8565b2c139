//! Keeps zeros on the stack from keeping ways apart for the verifier.
//!
//! Of less than 8 bytes that are written to the stack at once, the verifier remembers one thing, whether they are zero (kernel:
//! `STACK_ZERO`). A key or value of twenty small numbers, each of which is 0 on one way, as where a map has no such entry, would be
//! a million ways. So where there are many, they are written as what nobody knows.
//!
//! Requires: valid IR. Keeps: what the function computes, and the blocks.

use btc_ir::{BinOp, Function, InstData, Memory, Module, Op, Value, Width};

use crate::flow::{Flow, Origin};

/// So many may be told apart.
const MOST: usize = 3;

/// Runs the pass.
pub fn run(func: &mut Function, module: &mut Module) {
    let found = told(func, module);
    if found.iter().flatten().count() <= MOST {
        return;
    }
    let zero = module.unknown_zero();
    for (block, places) in found.into_iter().enumerate().filter(|(_, places)| !places.is_empty()) {
        let (base, unknown) = (func.new_value(), func.new_value());
        let mut out = Vec::new();
        for (at, mut inst) in std::mem::take(&mut func.blocks[block].insts).into_iter().enumerate() {
            let span = inst.span;
            if places.first() == Some(&at) {
                out.push(InstData { result: Some(base), op: Op::GlobalAddr(zero), span });
                out.push(InstData { result: Some(unknown), op: Op::Load(Width::B8, Memory { base, offset: 0 }), span });
            }
            if let (true, Op::Store(_, _, stored)) = (places.contains(&at), &mut inst.op) {
                let hidden = func.new_value();
                out.push(InstData { result: Some(hidden), op: Op::Bin(BinOp::Xor, *stored, unknown), span });
                *stored = hidden;
            }
            out.push(inst);
        }
        func.blocks[block].insts = out;
    }
}

/// By block, where what may be a zero on one way only is written to the stack.
fn told(func: &Function, module: &Module) -> Vec<Vec<usize>> {
    let flow = Flow::new(func, module);
    let (slot_of, opaque, must_know) = (flow.slots(), opaque(&flow), flow.must_know());
    let is_told = |op: &Op| match op {
        Op::Store(width, m, v) => {
            let is_same = matches!(flow.op(*v), Some(Op::Const(_)));
            *width != Width::B8 && slot_of[m.base.index()].is_some() && !is_same && !opaque[v.index()] && !must_know[v.index()]
        }
        _ => false,
    };
    let places = |insts: &[InstData]| insts.iter().enumerate().filter(|(_, i)| is_told(&i.op)).map(|(at, _)| at).collect();
    func.blocks.iter().map(|b| places(&b.insts)).collect()
}

/// Values that the verifier never knows to be 0.
fn opaque(flow: &Flow<'_>) -> Vec<bool> {
    let values = || (0..flow.len() as u32).map(Value);
    let remembered = remembered(flow);
    let mut marks: Vec<bool> = values()
        .map(|v| match flow.op(v) {
            Some(Op::Const(_) | Op::Cmp(..)) => false,
            Some(Op::Load(_, m)) => !remembered[m.base.index()],
            _ => true,
        })
        .collect();
    let mut changed = true;
    while std::mem::take(&mut changed) {
        for v in values() {
            // What is loaded or comes from a call is not computed from anything.
            let (mut all, mut any, mut is_computed) = (true, false, false);
            flow.inputs(v, |input| {
                (all, any, is_computed) = (all && marks[input.index()], any || marks[input.index()], true);
            });
            let still = match flow.origin(v) {
                _ if !is_computed => marks[v.index()],
                Origin::Inst(Op::Bin(BinOp::Add | BinOp::Sub | BinOp::Xor | BinOp::Or | BinOp::Shl | BinOp::And | BinOp::LShr, ..)) => any,
                _ => all,
            };
            let next = marks[v.index()] && still;
            changed |= std::mem::replace(&mut marks[v.index()], next) != next;
        }
    }
    marks
}

/// Addresses of what the verifier may know the bytes of: the stack, and constants.
fn remembered(flow: &Flow<'_>) -> Vec<bool> {
    let values = || (0..flow.len() as u32).map(Value);
    let mut marks: Vec<bool> = values().map(|v| matches!(flow.op(v), Some(Op::SlotAddr(_))) || flow.is_frozen(v)).collect();
    let mut changed = true;
    while std::mem::take(&mut changed) {
        for v in values().filter(|v| !matches!(flow.op(*v), Some(Op::Cmp(..)))) {
            let mut any = marks[v.index()];
            flow.inputs(v, |input| any |= marks[input.index()]);
            changed |= std::mem::replace(&mut marks[v.index()], any) != any;
        }
    }
    marks
}
