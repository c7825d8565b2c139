//! Makes a function take less of the stack, of which there are 512 bytes: what does not fit goes to scratch memory.
//!
//! Stack objects go first, where nothing wants them on the stack; then numbers that would be spilled, those first
//! that are needed longest and touched least.

use std::collections::HashMap;

use btc_ir::{Cfg, Function, Module, Op, Value};

use crate::demote::{self, Reads};
use crate::flow::{Flow, Origin};
use crate::live::{self, Live};
use crate::objects;
use crate::share;

/// Numbers that are needed for fewer instructions than this take no lasting room.
const SHORT: usize = 4;
/// Numbers that are moved at once, beside those that must be: others take their registers.
const MORE: usize = 4;

/// Frees `excess` bytes or some of them; whether there was anything to free.
pub fn run(func: &mut Function, module: &mut Module, excess: u32) -> bool {
    if share::worth(func) {
        share::run(func);
    }
    let moved = objects(func, module, excess);
    let left = excess.saturating_sub(moved);
    let values = if left > 0 { values(func, module, left.div_ceil(8) as usize + MORE) } else { Vec::new() };
    if moved == 0 && values.is_empty() {
        return false;
    }
    module.need_scratch();
    demote::run(func, &values, Reads::AtEachUse);
    true
}

/// Moves stack objects to scratch memory, large ones first. Yields the bytes that were freed.
fn objects(func: &mut Function, module: &Module, excess: u32) -> u32 {
    let free = objects::movable(func, module);
    let mut order: Vec<usize> = (0..func.slots.len()).filter(|n| free[*n] && func.slots[*n] > 0).collect();
    order.sort_by_key(|n| std::cmp::Reverse(func.slots[*n]));
    let (mut slots, mut bytes) = (Vec::new(), 0);
    for slot in order {
        if bytes >= excess {
            break;
        }
        bytes += func.slots[slot].next_multiple_of(8);
        slots.push(slot);
    }
    objects::to_scratch(func, &slots);
    bytes
}

/// Numbers to keep in scratch memory.
fn values(func: &Function, module: &Module, count: usize) -> Vec<Value> {
    let (flow, cfg) = (Flow::new(func, module), Cfg::new(func));
    let fixed = flow.fixed(&cfg);
    let candidate = |v: &Value| {
        let made = match flow.origin(*v) {
            Origin::Outside => false,
            Origin::Param(..) => true,
            Origin::Inst(op) => !matches!(
                op,
                Op::Const(_) | Op::Late(_) | Op::SlotAddr(_) | Op::ScratchAddr(_) | Op::MapAddr(_) | Op::GlobalAddr(_)
                    | Op::FuncAddr(_) | Op::KfuncAddr(_)
            ),
        };
        made && !fixed[v.index()]
    };
    let all: Vec<Value> = (0..flow.len() as u32).map(Value).filter(candidate).collect();
    let (mut lives, mut uses) = (vec![0; flow.len()], vec![1; flow.len()]);
    let live = Live::new(func, &cfg, all.clone());
    for block in &cfg.order {
        let data = func.block(*block);
        live.at(*block).for_each(|v| lives[v.index()] += data.insts.len() + 1);
        let mut last: HashMap<Value, usize> = HashMap::new();
        live::for_each_use(data, |n, v| {
            uses[v.index()] += 1;
            last.insert(v, n);
        });
        for (n, v) in data.insts.iter().enumerate().filter_map(|(n, i)| Some((n, i.result?))) {
            lives[v.index()] += last.get(&v).map_or(0, |last| last - n);
        }
    }
    let mut order: Vec<Value> = all.into_iter().filter(|v| lives[v.index()] >= SHORT).collect();
    order.sort_by_key(|v| std::cmp::Reverse((lives[v.index()] * 16 / uses[v.index()], v.0)));
    order.truncate(count);
    order
}
