//! Lets stack objects that are never needed at the same time share their place.
//!
//! An object is taken as needed from its first access to its last on every way through the
//! function, but not before it is overwritten as a whole. Only objects whose address is used in direct accesses and as an argument of
//! calls take part; another use might let the address escape.
//!
//! The tables of what conflicts grow with the square of the number of objects. Where there are very many, those that live
//! within one block share first, by a walk that looks at no others; then those that were made one after the other.

use std::collections::HashMap;
use std::ops::Range;

use btc_ir::{Cfg, Function, Op, Slot, Terminator};

use crate::bits::Bits;

/// Most objects to make tables for.
const MOST: usize = 1024;

/// An object in a block: the first and the last instruction that access it.
type Accesses = Vec<(usize, usize, usize)>;

/// Whether there is anything to share.
pub fn worth(func: &Function) -> bool {
    func.slots.len() >= 2 && !func.blocks.is_empty()
}

/// Runs the pass.
pub fn run(func: &mut Function) {
    let (slot_of, escapes) = addresses(func);
    let accesses: Vec<Accesses> = func.blocks.iter().map(|b| accesses(b, &slot_of)).collect();
    if func.slots.len() <= MOST {
        let place = group_places(func, &escapes, &accesses, 0..func.slots.len());
        return apply(func, &place);
    }
    let place = local_places(func, &escapes, &accesses);
    apply(func, &place);
    share_in_groups(func);
}

/// Lets objects of a group share, until all are one group or groups do not help.
fn share_in_groups(func: &mut Function) {
    loop {
        let count = func.slots.len();
        let (slot_of, escapes) = addresses(func);
        let accesses: Vec<Accesses> = func.blocks.iter().map(|b| accesses(b, &slot_of)).collect();
        let (mut place, mut taken) = (Vec::new(), 0);
        for start in (0..count).step_by(MOST) {
            let group = group_places(func, &escapes, &accesses, start..count.min(start + MOST));
            let used = group.iter().map(|p| p + 1).max().unwrap_or(0);
            place.extend(group.into_iter().map(|p| p + taken));
            taken += used;
        }
        apply(func, &place);
        if count <= MOST || func.slots.len() == count {
            return;
        }
    }
}

/// Places for the objects of a group, counted from 0, whatever the others do.
fn group_places(func: &Function, escapes: &[bool], accesses: &[Accesses], group: Range<usize>) -> Vec<usize> {
    let inside = |of: &Accesses| -> Accesses {
        let own = of.iter().filter(|(slot, ..)| group.contains(slot));
        own.map(|(slot, first, last)| (slot - group.start, *first, *last)).collect()
    };
    let accesses: Vec<Accesses> = accesses.iter().map(inside).collect();
    let sizes = &func.slots[group.clone()];
    places(sizes, &escapes[group], &conflicts(func, sizes, &accesses))
}

/// A place for each object, shared by those that live within one block.
fn local_places(func: &Function, escapes: &[bool], accesses: &[Accesses]) -> Vec<usize> {
    let mut blocks = vec![0u32; func.slots.len()];
    accesses.iter().flatten().for_each(|(slot, ..)| blocks[*slot] += 1);
    let mut place = vec![None; func.slots.len()];
    let mut count = 0;
    // Places by size, with the block and instruction of the last access to each.
    let mut pools: HashMap<u32, Vec<(usize, usize, usize)>> = HashMap::new();
    for (block, objects) in accesses.iter().enumerate() {
        for (slot, first, last) in objects {
            let overwritten = overwrites(func, block, func.slots[*slot], *first);
            if blocks[*slot] != 1 || escapes[*slot] || !overwritten {
                continue;
            }
            let pool = pools.entry(func.slots[*slot]).or_default();
            let free = pool.iter_mut().find(|(_, b, end)| *b != block || end < first);
            let (at, b, end) = match free {
                Some(free) => free,
                None => {
                    pool.push((count, block, *last));
                    count += 1;
                    let last = pool.len() - 1;
                    &mut pool[last]
                }
            };
            (*b, *end) = (block, *last);
            place[*slot] = Some(*at);
        }
    }
    let mut own = || {
        count += 1;
        count - 1
    };
    place.into_iter().map(|p| p.unwrap_or_else(&mut own)).collect()
}

/// Moves the objects to their places.
fn apply(func: &mut Function, place: &[usize]) {
    let mut sizes = vec![0; place.iter().map(|p| p + 1).max().unwrap_or(0)];
    for (slot, place) in place.iter().enumerate() {
        sizes[*place] = func.slots[slot].max(sizes[*place]);
    }
    func.slots = sizes;
    for inst in func.blocks.iter_mut().flat_map(|b| &mut b.insts) {
        if let Op::SlotAddr(slot) = &mut inst.op {
            *slot = Slot(place[slot.index()] as u32);
        }
    }
}

/// The object that each value is the address of, and which objects' addresses escape.
fn addresses(func: &Function) -> (Vec<Option<usize>>, Vec<bool>) {
    let mut slot_of = vec![None; func.values as usize];
    for inst in func.blocks.iter().flat_map(|b| &b.insts) {
        if let (Op::SlotAddr(slot), Some(result)) = (&inst.op, inst.result) {
            slot_of[result.index()] = Some(slot.index());
        }
    }
    let mut escapes = vec![false; func.slots.len()];
    let mut escape = |v: btc_ir::Value| {
        if let Some(slot) = slot_of[v.index()] {
            escapes[slot] = true;
        }
    };
    for block in &func.blocks {
        for inst in &block.insts {
            match &inst.op {
                Op::Load(..) | Op::Clear(..) | Op::Copy { .. } | Op::Call(..) => {}
                // The address may be where is stored, not what.
                Op::Store(_, _, v) | Op::AtomicAdd(_, _, v) => escape(*v),
                op => op.for_each_operand(&mut escape),
            }
        }
        match &block.terminator {
            Some(Terminator::Jump(jump)) => jump.args.iter().for_each(|v| escape(*v)),
            Some(Terminator::Branch { left, right, then, otherwise, .. }) => {
                [left, right].into_iter().chain(&then.args).chain(&otherwise.args).for_each(|v| escape(*v));
            }
            Some(Terminator::Return(v)) => escape(*v),
            None => {}
        }
    }
    (slot_of, escapes)
}

/// Objects that a block accesses, with the first and the last place.
fn accesses(block: &btc_ir::BlockData, slot_of: &[Option<usize>]) -> Accesses {
    let mut all = Accesses::new();
    let mut known = HashMap::new();
    for (at, inst) in block.insts.iter().enumerate() {
        inst.op.for_each_operand(|v| {
            if let Some(slot) = slot_of[v.index()] {
                let n = *known.entry(slot).or_insert(all.len());
                match all.get_mut(n) {
                    Some(access) => access.2 = at,
                    None => all.push((slot, at, at)),
                }
            }
        });
    }
    all
}

/// Which objects are needed at the same time.
fn conflicts(func: &Function, sizes: &[u32], accesses: &[Accesses]) -> Bits {
    let (blocks, count) = (func.blocks.len(), sizes.len());
    let cfg = Cfg::new(func);
    // Accessed on some way to a block's end; accessed on some way from a block's start.
    let (mut before, mut after) = (Bits::new(blocks, count), Bits::new(blocks, count));
    for (block, accesses) in accesses.iter().enumerate() {
        for (slot, ..) in accesses {
            before.set(block, *slot);
            after.set(block, *slot);
        }
    }
    // What a block overwrites before it reads it is not needed at its start.
    let written = written(func, sizes, accesses);
    for block in 0..blocks {
        after.remove(block, written.row(block));
    }
    let mut changed = true;
    while changed {
        changed = false;
        for block in &cfg.order {
            for pred in &cfg.preds[block.index()] {
                let row = before.row(pred.index()).to_vec();
                changed |= before.add(block.index(), &row);
            }
        }
        for block in cfg.order.iter().rev() {
            for pred in &cfg.preds[block.index()] {
                let written = written.row(pred.index());
                let row: Vec<u64> = after.row(block.index()).iter().zip(written).map(|(a, w)| a & !w).collect();
                changed |= after.add(pred.index(), &row);
            }
        }
    }
    let mut conflicts = Bits::new(count, count);
    for block in &cfg.order {
        let (mut entering, mut leaving) = (Bits::new(1, count), Bits::new(1, count));
        for pred in &cfg.preds[block.index()] {
            entering.add(0, before.row(pred.index()));
        }
        for next in func.successors(*block) {
            leaving.add(0, after.row(next.index()));
        }
        entering.remove(0, written.row(block.index()));
        let needed = needed(&accesses[block.index()], &entering, &leaving, count);
        for (n, (a, first, last)) in needed.iter().enumerate() {
            for (b, other_first, other_last) in &needed[..n] {
                if first <= other_last && other_first <= last {
                    conflicts.set(*a, *b);
                    conflicts.set(*b, *a);
                }
            }
        }
    }
    conflicts
}

/// The objects that each block writes as a whole before anything else.
fn written(func: &Function, sizes: &[u32], accesses: &[Accesses]) -> Bits {
    let mut written = Bits::new(func.blocks.len(), sizes.len());
    for (block, accesses) in accesses.iter().enumerate() {
        for (slot, first, _) in accesses {
            if overwrites(func, block, sizes[*slot], *first) {
                written.set(block, *slot);
            }
        }
    }
    written
}

/// Whether an instruction writes an object of a size as a whole.
fn overwrites(func: &Function, block: usize, size: u32, inst: usize) -> bool {
    let (at, len) = match &func.blocks[block].insts[inst].op {
        Op::Store(width, m, _) => (m, width.bytes()),
        Op::Clear(m, len) => (m, *len),
        _ => return false,
    };
    at.offset == 0 && len >= size
}

/// From where to where a block needs each object.
fn needed(accesses: &Accesses, entering: &Bits, leaving: &Bits, count: usize) -> Accesses {
    let mut all: Accesses = accesses
        .iter()
        .map(|(slot, first, last)| {
            let first = if entering.get(0, *slot) { 0 } else { *first };
            let last = if leaving.get(0, *slot) { usize::MAX } else { *last };
            (*slot, first, last)
        })
        .collect();
    let mut here = Bits::new(1, count);
    accesses.iter().for_each(|(slot, ..)| here.set(0, *slot));
    let through = entering.ones(0).filter(|slot| leaving.get(0, *slot) && !here.get(0, *slot));
    all.extend(through.map(|slot| (slot, 0, usize::MAX)));
    all
}

/// A place for each object, large ones first.
fn places(sizes: &[u32], escapes: &[bool], conflicts: &Bits) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|slot| std::cmp::Reverse(sizes[*slot]));
    // The objects of each place; `None` where one lies whose address escapes.
    let mut taken: Vec<Option<Bits>> = Vec::new();
    let mut place = vec![0; sizes.len()];
    for slot in order {
        let row = conflicts.row(slot);
        let free = |there: &Bits| there.row(0).iter().zip(row).all(|(a, b)| a & b == 0);
        let found = taken.iter().position(|t| !escapes[slot] && t.as_ref().is_some_and(free));
        place[slot] = found.unwrap_or(taken.len());
        if found.is_none() {
            taken.push((!escapes[slot]).then(|| Bits::new(1, sizes.len())));
        }
        if let Some(there) = &mut taken[place[slot]] {
            there.set(0, slot);
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use btc_diagnostics::Span;
    use btc_ir::{Builder, Cond, FunctionKind, Module, Width};

    /// Sizes after the pass of a function that `f` builds.
    fn sizes(f: impl FnOnce(&mut Builder<'_>)) -> Vec<u32> {
        let mut module = Module::default();
        let kind = FunctionKind::Program { section: "raw_tp".into(), guard: None };
        let mut b = Builder::new(&mut module, "test", kind, 1, Span::default());
        f(&mut b);
        let mut func = b.finish();
        super::run(&mut func);
        func.slots
    }

    /// Gives a new object of `size` bytes to a helper.
    fn use_new(b: &mut Builder<'_>, size: u32) {
        let slot = b.slot(size);
        let at = b.slot_addr(slot);
        let one = b.iconst(1);
        b.store(Width::B8, at, 0, one);
        b.helper(1, &[at]);
    }

    #[test]
    fn one_after_the_other_shares() {
        let found = sizes(|b| {
            (1..=5).for_each(|n| use_new(b, 8 * n));
            let zero = b.iconst(0);
            b.ret(zero);
        });
        assert_eq!(found, [40]);
    }

    #[test]
    fn what_is_needed_around_a_loop_does_not_share() {
        let found = sizes(|b| {
            let (outer, body, end) = (b.slot(8), b.block(0), b.block(0));
            let at = b.slot_addr(outer);
            let input = b.param(0);
            b.store(Width::B8, at, 0, input);
            b.jump(body, &[]);
            b.switch_to(body);
            use_new(b, 8);
            use_new(b, 8);
            let n = b.helper(2, &[]);
            b.branch_imm(Cond::Ne, n, 0, body, end);
            b.switch_to(end);
            let n = b.load(Width::B8, at, 0);
            b.ret(n);
        });
        // The outer one is needed in the loop; of the inner ones each round writes its own.
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn very_many_share_too() {
        let found = sizes(|b| {
            let (outer, next) = (b.slot(8), b.block(0));
            let at = b.slot_addr(outer);
            let input = b.param(0);
            b.store(Width::B8, at, 0, input);
            (0..super::MOST).for_each(|_| use_new(b, 8));
            b.jump(next, &[]);
            b.switch_to(next);
            use_new(b, 16);
            let n = b.load(Width::B8, at, 0);
            b.ret(n);
        });
        // The outer one is needed all the time.
        assert_eq!(found.iter().sum::<u32>(), 24);
    }

    /// Objects of several blocks, as those of loops.
    #[test]
    fn very_many_over_blocks_share_too() {
        let found = sizes(|b| {
            for _ in 0..2 * super::MOST {
                let (slot, next) = (b.slot(8), b.block(0));
                let at = b.slot_addr(slot);
                let input = b.param(0);
                b.store(Width::B8, at, 0, input);
                b.jump(next, &[]);
                b.switch_to(next);
                b.helper(1, &[at]);
            }
            let zero = b.iconst(0);
            b.ret(zero);
        });
        assert_eq!(found, [8]);
    }

    #[test]
    fn an_address_that_escapes_keeps_its_place() {
        let found = sizes(|b| {
            let slot = b.slot(8);
            let at = b.slot_addr(slot);
            use_new(b, 8);
            use_new(b, 8);
            b.ret(at);
        });
        assert_eq!(found.len(), 2);
    }
}
