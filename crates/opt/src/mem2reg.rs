//! Turns stack objects that are only loaded and stored as one 8-byte number into values.
//!
//! Requires: no unreachable blocks. Keeps: the blocks; they get parameters (pruned, at
//! iterated dominance frontiers). A load that no store precedes yields 0.

use btc_ir::{BlockData, Cfg, Function, InstData, Op, Slot, Value, Width};

use crate::constants::Constants;
use crate::rewrite::{Rewrites, for_each_use, for_each_use_mut, jumps_mut};

/// Runs the pass.
pub fn run(func: &mut Function) -> bool {
    let variables = Variables::find(func);
    if variables.count == 0 {
        return false;
    }
    let cfg = Cfg::new(func);
    if cfg.order.len() < func.blocks.len() {
        return false;
    }
    let phis = place(func, &cfg, &variables);
    rename(func, &cfg, &variables, &phis);
    remove_slots(func, &variables);
    true
}

/// The stack objects that become values.
struct Variables {
    /// The number of the variable that an address value stands for.
    by_address: Vec<Option<u32>>,
    /// The number of the variable of a stack object.
    by_slot: Vec<Option<u32>>,
    count: u32,
}

/// What an instruction does to a variable.
enum Access {
    Load(u32, Value),
    Store(u32, Value),
    Clear(u32),
    Address,
}

impl Variables {
    fn find(func: &Function) -> Variables {
        let slot_of = addresses(func);
        let mut good = vec![true; func.slots.len()];
        let refuse = |v: Value, good: &mut Vec<bool>| {
            if let Some(slot) = slot_of[v.index()] {
                good[slot.index()] = false;
            }
        };
        for block in &func.blocks {
            for inst in &block.insts {
                match &inst.op {
                    Op::Load(Width::B8, m) if m.offset == 0 => {}
                    Op::Store(Width::B8, m, v) if m.offset == 0 => refuse(*v, &mut good),
                    Op::Clear(m, 8) if m.offset == 0 => {}
                    op => op.for_each_operand(|v| refuse(v, &mut good)),
                }
            }
            if let Some(terminator) = &block.terminator {
                for_each_use(terminator, |v| refuse(v, &mut good));
            }
        }
        let mut used = vec![false; func.slots.len()];
        slot_of.iter().flatten().for_each(|s| used[s.index()] = true);
        let mut count = 0;
        let number = |slot: usize| {
            (good[slot] && used[slot] && func.slots[slot] >= 8).then(|| {
                count += 1;
                count - 1
            })
        };
        let by_slot: Vec<Option<u32>> = (0..func.slots.len()).map(number).collect();
        let by_address = slot_of.iter().map(|s| s.and_then(|s| by_slot[s.index()])).collect();
        Variables { by_address, by_slot, count }
    }

    fn access(&self, inst: &InstData) -> Option<Access> {
        let variable = |v: Value| self.by_address.get(v.index()).copied().flatten();
        match (&inst.op, inst.result) {
            (Op::SlotAddr(_), Some(result)) => variable(result).map(|_| Access::Address),
            (Op::Load(_, m), Some(result)) => variable(m.base).map(|n| Access::Load(n, result)),
            (Op::Store(_, m, v), _) => variable(m.base).map(|n| Access::Store(n, *v)),
            (Op::Clear(m, _), _) => variable(m.base).map(Access::Clear),
            _ => None,
        }
    }
}

/// The stack object that each value is the address of.
fn addresses(func: &Function) -> Vec<Option<Slot>> {
    let mut slot_of = vec![None; func.values as usize];
    for inst in func.blocks.iter().flat_map(|b| &b.insts) {
        if let (Op::SlotAddr(slot), Some(result)) = (&inst.op, inst.result) {
            slot_of[result.index()] = Some(*slot);
        }
    }
    slot_of
}

/// Which variables get a parameter in each block.
fn place(func: &Function, cfg: &Cfg, variables: &Variables) -> Vec<Vec<u32>> {
    let count = variables.count as usize;
    let mut stores: Vec<Vec<usize>> = vec![Vec::new(); count];
    // Blocks that load what they did not store.
    let mut loads: Vec<Vec<usize>> = vec![Vec::new(); count];
    for block in &cfg.order {
        let b = block.index();
        for access in func.blocks[b].insts.iter().filter_map(|i| variables.access(i)) {
            match access {
                Access::Load(n, _) => {
                    let (n, stored) = (n as usize, stores[n as usize].last() == Some(&b));
                    if !stored && loads[n].last() != Some(&b) {
                        loads[n].push(b);
                    }
                }
                Access::Store(n, _) | Access::Clear(n) => {
                    if stores[n as usize].last() != Some(&b) {
                        stores[n as usize].push(b);
                    }
                }
                Access::Address => {}
            }
        }
    }
    let frontiers = frontiers(cfg);
    let mut phis = vec![Vec::new(); func.blocks.len()];
    // The last variable that was live into, stored in, or placed at each block.
    let none = u32::MAX;
    let (mut live, mut stored, mut placed) =
        (vec![none; phis.len()], vec![none; phis.len()], vec![none; phis.len()]);
    for n in 0..variables.count {
        let mut work = std::mem::take(&mut loads[n as usize]);
        stores[n as usize].iter().for_each(|b| stored[*b] = n);
        work.iter().for_each(|b| live[*b] = n);
        while let Some(b) = work.pop() {
            for pred in &cfg.preds[b] {
                let p = pred.index();
                if stored[p] != n && live[p] != n {
                    live[p] = n;
                    work.push(p);
                }
            }
        }
        let mut work = std::mem::take(&mut stores[n as usize]);
        while let Some(b) = work.pop() {
            for &f in &frontiers[b] {
                if live[f] == n && placed[f] != n {
                    placed[f] = n;
                    phis[f].push(n);
                    work.push(f);
                }
            }
        }
    }
    phis
}

/// The dominance frontier of each block.
fn frontiers(cfg: &Cfg) -> Vec<Vec<usize>> {
    let mut frontiers: Vec<Vec<usize>> = vec![Vec::new(); cfg.preds.len()];
    for block in &cfg.order {
        let preds = &cfg.preds[block.index()];
        if preds.len() < 2 {
            continue;
        }
        for pred in preds {
            let mut at = Some(*pred);
            while let Some(b) = at.filter(|b| cfg.idom[block.index()] != Some(*b)) {
                if frontiers[b.index()].last() != Some(&block.index()) {
                    frontiers[b.index()].push(block.index());
                }
                at = cfg.idom[b.index()];
            }
        }
    }
    frontiers
}

/// Replaces loads by values and removes the accesses.
fn rename(func: &mut Function, cfg: &Cfg, variables: &Variables, phis: &[Vec<u32>]) {
    let mut constants = Constants::collect(func);
    let zero = constants.value(func, 0);
    for (block, phis) in phis.iter().enumerate() {
        let params: Vec<Value> = phis.iter().map(|_| func.new_value()).collect();
        func.blocks[block].params.extend(params);
    }
    let mut rewrites = Rewrites::new(func);
    let mut current = vec![zero; variables.count as usize];
    // What to restore when a block of the dominator tree is left, and where each began.
    let mut undo: Vec<(u32, Value)> = Vec::new();
    let mut marks = Vec::new();
    for (block, enter) in cfg.walk() {
        if !enter {
            let mark = marks.pop().unwrap_or(0);
            while undo.len() > mark {
                if let Some((n, v)) = undo.pop() {
                    current[n as usize] = v;
                }
            }
            continue;
        }
        marks.push(undo.len());
        let mut set = |current: &mut [Value], n: u32, v: Value| {
            undo.push((n, std::mem::replace(&mut current[n as usize], v)));
        };
        let data = &mut func.blocks[block.index()];
        let first = data.params.len() - phis[block.index()].len();
        for (n, param) in phis[block.index()].iter().zip(&data.params[first..]) {
            set(&mut current, *n, *param);
        }
        data.insts.retain_mut(|inst| {
            inst.op.for_each_operand_mut(|v| *v = rewrites.get(*v));
            match variables.access(inst) {
                None => return true,
                Some(Access::Load(n, result)) => rewrites.replace(result, current[n as usize]),
                Some(Access::Store(n, v)) => set(&mut current, n, v),
                Some(Access::Clear(n)) => set(&mut current, n, zero),
                Some(Access::Address) => {}
            }
            false
        });
        end(data, phis, &current, &mut rewrites);
    }
    constants.finish(func);
}

fn end(data: &mut BlockData, phis: &[Vec<u32>], current: &[Value], rewrites: &mut Rewrites) {
    let Some(terminator) = &mut data.terminator else { return };
    for_each_use_mut(terminator, |v| *v = rewrites.get(*v));
    for jump in jumps_mut(terminator) {
        let args = phis[jump.block.index()].iter().map(|n| current[*n as usize]);
        jump.args.extend(args);
    }
}

/// Removes the stack objects that became values, and counts the others anew.
fn remove_slots(func: &mut Function, variables: &Variables) {
    let gone: Vec<bool> = variables.by_slot.iter().map(Option::is_some).collect();
    keep_slots(func, |slot| !gone[slot]);
}

/// Keeps some stack objects and counts them anew; nothing may name the others.
pub(crate) fn keep_slots(func: &mut Function, keep: impl Fn(usize) -> bool) {
    let mut new = vec![Slot(0); func.slots.len()];
    let mut sizes = Vec::new();
    for (slot, size) in func.slots.iter().enumerate() {
        new[slot] = Slot(sizes.len() as u32);
        if keep(slot) {
            sizes.push(*size);
        }
    }
    func.slots = sizes;
    for inst in func.blocks.iter_mut().flat_map(|b| &mut b.insts) {
        if let Op::SlotAddr(slot) = &mut inst.op {
            *slot = new[slot.index()];
        }
    }
}
