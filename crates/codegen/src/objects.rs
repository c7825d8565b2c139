//! Stack objects that may lie in scratch memory instead, of which the verifier knows nothing.
//!
//! A number on the stack is one with what is loaded from there: each comparison of the one tells the verifier about the
//! other, for good. A variable whose address is taken, or a part of a tuple, that is compared with n numbers has n + 1 ways
//! (registers that do are [`crate::merges`]' business). So where these are too many, such objects go to scratch memory.
//!
//! Requires: valid IR. Keeps: what the function computes, and the blocks.

use std::collections::{BTreeSet, HashMap};

use btc_ir::{BinOp, Callee, Function, Module, Op, ScratchId, Terminator, Value, Width};

use crate::flow::{Flow, Origin};
use crate::live;

/// Helpers that want an object on the stack, for a callback: `bpf_for_each_map_elem`, `bpf_loop`.
const ON_STACK: &[u32] = &[164, 181];
/// Most bits that tell apart the ways to all words of the stack.
const MOST: f64 = 4.0;

/// A word of a stack object: the object, and the distance from its start.
type Word = (usize, i64);

/// Runs the pass.
pub fn run(func: &mut Function, module: &mut Module) {
    let mut told = told(func, module);
    let all: f64 = told.values().sum();
    if all <= MOST {
        return;
    }
    let free = movable(func, module);
    told.retain(|slot, _| free[*slot]);
    let mut order: Vec<(usize, f64)> = told.into_iter().collect();
    order.sort_by(|(a, m), (b, n)| n.total_cmp(m).then(a.cmp(b)));
    let (mut slots, mut left) = (Vec::new(), all);
    for (slot, bits) in order {
        if left <= MOST {
            break;
        }
        left -= bits;
        slots.push(slot);
    }
    if !slots.is_empty() {
        module.need_scratch();
        to_scratch(func, &slots);
    }
}

/// By stack object, the bits that tell apart the ways on which its words were compared.
fn told(func: &Function, module: &Module) -> HashMap<usize, f64> {
    let flow = Flow::new(func, module);
    let words = words(func, &flow);
    let mut times: HashMap<Word, u32> = HashMap::new();
    let mut see = |v: Value| words[v.index()].iter().for_each(|word| *times.entry(*word).or_default() += 1);
    for block in &func.blocks {
        for inst in &block.insts {
            if let Op::Cmp(..) | Op::UMin(..) = &inst.op {
                inst.op.for_each_operand(&mut see);
            }
        }
        if let Some(Terminator::Branch { left, right, .. }) = &block.terminator {
            see(*left);
            see(*right);
        }
    }
    let mut told: HashMap<usize, f64> = HashMap::new();
    // What one comparison tells decides nothing without a second.
    for ((slot, _), n) in times.into_iter().filter(|(_, n)| *n > 1) {
        *told.entry(slot).or_default() += f64::from(n + 1).log2();
    }
    told
}

/// By value, the words of the stack that the verifier knows as one number with it.
fn words(func: &Function, flow: &Flow<'_>) -> Vec<BTreeSet<Word>> {
    let places = flow.places();
    let mut words = vec![BTreeSet::new(); flow.len()];
    for inst in func.blocks.iter().flat_map(|b| &b.insts) {
        let (at, v) = match (&inst.op, &inst.result) {
            (Op::Load(_, at), Some(v)) | (Op::Store(Width::B8, at, v), _) => (at, v),
            _ => continue,
        };
        // What is the same always tells nothing.
        if matches!(flow.op(*v), Some(Op::Const(_) | Op::Late(_))) {
            continue;
        }
        if let Some((slot, start)) = places[at.base.index()] {
            words[v.index()].insert((slot, (start + i64::from(at.offset)) & !7));
        }
    }
    let mut changed = true;
    while std::mem::take(&mut changed) {
        for v in (0..flow.len() as u32).map(Value) {
            let is_copy = match flow.origin(v) {
                Origin::Param(..) | Origin::Inst(Op::SignExtend(..) | Op::ZeroExtend(..)) => true,
                Origin::Inst(Op::Bin(BinOp::Add | BinOp::Sub, _, b)) => matches!(flow.op(*b), Some(Op::Const(_))),
                _ => false,
            };
            if is_copy {
                let mut all = std::mem::take(&mut words[v.index()]);
                let before = all.len();
                flow.inputs(v, |input| all.extend(&words[input.index()]));
                changed |= all.len() > before;
                words[v.index()] = all;
            }
        }
    }
    words
}

/// Moves stack objects to scratch memory, which the module must have.
pub fn to_scratch(func: &mut Function, slots: &[usize]) {
    let mut places = HashMap::new();
    for slot in slots {
        func.scratch.push(std::mem::take(&mut func.slots[*slot]));
        places.insert(*slot, ScratchId(func.scratch.len() as u32 - 1));
    }
    for inst in func.blocks.iter_mut().flat_map(|b| &mut b.insts) {
        if let Op::SlotAddr(slot) = inst.op
            && let Some(place) = places.get(&slot.index())
        {
            inst.op = Op::ScratchAddr(*place);
        }
    }
}

/// Which stack objects may lie elsewhere: those that only numbers are kept in, and whose addresses go to helpers
/// that take any memory.
pub fn movable(func: &Function, module: &Module) -> Vec<bool> {
    let flow = Flow::new(func, module);
    let must_know = flow.must_know();
    let slot_of = flow.slots();
    let mut free = vec![true; func.slots.len()];
    for block in &func.blocks {
        live::for_each_use(block, |n, v| {
            let Some(slot) = slot_of[v.index()] else { return };
            free[slot] &= block.insts.get(n).is_some_and(|inst| match &inst.op {
                Op::Load(width, _) => *width != Width::B8 || !must_know[inst.result.map_or(0, |r| r.index())],
                Op::Store(_, _, stored) => {
                    let is_const = matches!(flow.op(*stored), Some(Op::Const(_)));
                    *stored != v && (is_const || !must_know[stored.index()])
                }
                Op::AtomicAdd(_, _, added) => *added != v,
                // An address behind a swap is a number, like any other.
                Op::Clear(..) | Op::Copy { .. } | Op::ByteSwap(..) => true,
                Op::Call(Callee::Helper(number), _) => !ON_STACK.contains(number),
                Op::Bin(..) => inst.result.is_some_and(|r| slot_of[r.index()].is_some()),
                _ => false,
            });
        });
    }
    free
}
