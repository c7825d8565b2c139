//! Within a block, a load of a stack object yields what was just stored there.
//!
//! Requires: nothing. Keeps: the blocks and all stores. Only whole accesses of the same
//! place and width count; any write through another pointer, and any call that gets the
//! object's address or may know it from elsewhere, forgets what is known.

use std::collections::HashMap;

use btc_ir::{Function, Op, Slot, Value, Width};

use crate::rewrite::{Rewrites, count_uses, for_each_use_mut};

/// The values in each stack object: offset, width, value.
type Known = HashMap<Slot, Vec<(i32, Width, Value)>>;

/// Runs the pass.
pub fn run(func: &mut Function) -> bool {
    let slots = private_slots(func);
    if slots.iter().all(Option::is_none) {
        return false;
    }
    let mut rewrites = Rewrites::new(func);
    for block in &mut func.blocks {
        let mut known = Known::new();
        block.insts.retain_mut(|inst| {
            inst.op.for_each_operand_mut(|v| *v = rewrites.get(*v));
            match (&inst.op, inst.result) {
                (Op::Store(width, m, v), _) => {
                    if let Some(slot) = slots[m.base.index()] {
                        forget(&mut known, slot, m.offset, width.bytes());
                        known.entry(slot).or_default().push((m.offset, *width, *v));
                    }
                }
                (Op::Load(width, m), Some(result)) => {
                    let places = slots[m.base.index()].and_then(|slot| known.get(&slot));
                    // A narrow store cuts its value off, so it is of no use.
                    let wanted = (m.offset, *width);
                    let found = places.into_iter().flatten().find(|p| (p.0, p.1) == wanted);
                    if let Some((_, Width::B8, v)) = found {
                        rewrites.replace(result, *v);
                        return false;
                    }
                }
                (Op::Clear(m, len) | Op::Copy { to: m, len, .. }, _) => {
                    if let Some(slot) = slots[m.base.index()] {
                        forget(&mut known, slot, m.offset, *len);
                    }
                }
                (Op::AtomicAdd(width, m, _), _) => {
                    if let Some(slot) = slots[m.base.index()] {
                        forget(&mut known, slot, m.offset, width.bytes());
                    }
                }
                (Op::Call(_, args), _) => {
                    for slot in args.iter().filter_map(|v| slots[v.index()]) {
                        known.remove(&slot);
                    }
                }
                _ => {}
            }
            true
        });
        if let Some(terminator) = &mut block.terminator {
            for_each_use_mut(terminator, |v| *v = rewrites.get(*v));
        }
    }
    rewrites.apply(func);
    rewrites.any()
}

/// Forgets the places that a write of `len` bytes may touch.
fn forget(known: &mut Known, slot: Slot, offset: i32, len: u32) {
    let (start, end) = (i64::from(offset), i64::from(offset) + i64::from(len));
    if let Some(places) = known.get_mut(&slot) {
        places.retain(|(at, width, _)| {
            let at = i64::from(*at);
            at >= end || at + i64::from(width.bytes()) <= start
        });
    }
}

/// For each address of a stack object, the object, when its address is known to be used in
/// direct accesses and as an argument of calls only: no other value can point there.
fn private_slots(func: &Function) -> Vec<Option<Slot>> {
    let mut slot_of = vec![None; func.values as usize];
    let mut uses = count_uses(func);
    for inst in func.blocks.iter().flat_map(|b| &b.insts) {
        if let (Op::SlotAddr(slot), Some(result)) = (&inst.op, inst.result) {
            slot_of[result.index()] = Some(*slot);
        }
    }
    // What remains of the counts are other uses.
    for inst in func.blocks.iter().flat_map(|b| &b.insts) {
        match &inst.op {
            Op::Load(_, m) | Op::Clear(m, _) | Op::Store(_, m, _) | Op::AtomicAdd(_, m, _) => {
                uses[m.base.index()] -= 1;
            }
            Op::Copy { to, from, .. } => {
                uses[to.base.index()] -= 1;
                uses[from.base.index()] -= 1;
            }
            Op::Call(_, args) => args.iter().for_each(|v| uses[v.index()] -= 1),
            _ => {}
        }
    }
    let mut leaks = vec![false; func.slots.len()];
    for (v, slot) in slot_of.iter().enumerate() {
        if let Some(slot) = slot.filter(|_| uses[v] > 0) {
            leaks[slot.index()] = true;
        }
    }
    slot_of.into_iter().map(|s| s.filter(|s| !leaks[s.index()])).collect()
}
