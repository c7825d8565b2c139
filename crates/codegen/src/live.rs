//! Which of some values are needed at the start of each block.

use std::collections::{HashMap, HashSet};

use btc_ir::{Block, BlockData, Cfg, Function, Terminator, Value};

use crate::bits::Bits;

/// The values by block.
pub struct Live {
    values: Vec<Value>,
    bits: Bits,
}

impl Live {
    /// Looks at `values`. A parameter counts as needed at the start of its own block.
    pub fn new(func: &Function, cfg: &Cfg, values: Vec<Value>) -> Live {
        let rows: HashMap<Value, usize> = values.iter().enumerate().map(|(n, v)| (*v, n)).collect();
        let mut bits = Bits::new(func.blocks.len(), values.len());
        let uses: Vec<Vec<usize>> = func.blocks.iter().map(|b| uses(b, &rows)).collect();
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for block in cfg.order.iter().rev() {
                let data = func.block(*block);
                let mut row = Bits::new(1, values.len());
                for next in func.successors(*block) {
                    let mut there = Bits::new(1, values.len());
                    there.add(0, bits.row(next.index()));
                    let params = func.block(next).params.iter().filter_map(|p| rows.get(p));
                    params.for_each(|n| there.unset(0, *n));
                    row.add(0, there.row(0));
                }
                let made = data.insts.iter().filter_map(|i| rows.get(&i.result?));
                made.for_each(|n| row.unset(0, *n));
                uses[block.index()].iter().for_each(|n| row.set(0, *n));
                data.params.iter().filter_map(|p| rows.get(p)).for_each(|n| row.set(0, *n));
                changed |= bits.add(block.index(), row.row(0));
            }
        }
        Live { values, bits }
    }

    /// Those needed at the start of a block.
    pub fn at(&self, block: Block) -> impl Iterator<Item = Value> {
        self.bits.ones(block.index()).map(|n| self.values[n])
    }
}

/// Calls `f` for all that a block uses, with the place in it.
pub fn for_each_use(block: &BlockData, mut f: impl FnMut(usize, Value)) {
    for (n, inst) in block.insts.iter().enumerate() {
        inst.op.for_each_operand(|v| f(n, v));
    }
    let end = block.insts.len();
    match &block.terminator {
        Some(Terminator::Jump(j)) => j.args.iter().for_each(|v| f(end, *v)),
        Some(Terminator::Branch { left, right, then, otherwise, .. }) => {
            [left, right].into_iter().chain(&then.args).chain(&otherwise.args).for_each(|v| f(end, *v));
        }
        Some(Terminator::Return(v)) => f(end, *v),
        None => {}
    }
}

/// The values that a block uses and does not make.
fn uses(block: &BlockData, rows: &HashMap<Value, usize>) -> Vec<usize> {
    let made: HashSet<Value> = block.insts.iter().filter_map(|i| i.result).chain(block.params.iter().copied()).collect();
    let mut all = Vec::new();
    for_each_use(block, |_, v| all.extend(rows.get(&v).filter(|_| !made.contains(&v))));
    all
}
