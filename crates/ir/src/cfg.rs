//! Control-flow graph and dominator tree of a function.
//!
//! Requires: blocks that jumps name exist. Unreachable blocks have no place in it.

use crate::{Block, Function, Terminator};

/// Predecessors, order and dominators.
#[derive(Clone, Debug)]
pub struct Cfg {
    /// Predecessors of each block, reachable ones only; twice where a branch goes there twice.
    pub preds: Vec<Vec<Block>>,
    /// Reachable blocks in reverse postorder.
    pub order: Vec<Block>,
    /// Immediate dominator of each reachable block but the entry.
    pub idom: Vec<Option<Block>>,
    /// Blocks that each block dominates immediately, in reverse postorder.
    pub children: Vec<Vec<Block>>,
    /// Place in `order`; `u32::MAX` where unreachable.
    number: Vec<u32>,
    /// First and last visit in a walk of the dominator tree.
    interval: Vec<(u32, u32)>,
}

/// Calls `f` for each block that a terminator names.
fn targets(func: &Function, block: usize, mut f: impl FnMut(Block)) {
    match &func.blocks[block].terminator {
        Some(Terminator::Jump(j)) => f(j.block),
        Some(Terminator::Branch { then, otherwise, .. }) => {
            f(then.block);
            f(otherwise.block);
        }
        Some(Terminator::Return(_)) | None => {}
    }
}

impl Cfg {
    /// The graph of a function with at least one block.
    pub fn new(func: &Function) -> Cfg {
        let len = func.blocks.len();
        let mut cfg = Cfg {
            preds: vec![Vec::new(); len],
            order: postorder(func),
            idom: vec![None; len],
            children: vec![Vec::new(); len],
            number: vec![u32::MAX; len],
            interval: vec![(0, 0); len],
        };
        cfg.order.reverse();
        for (n, block) in cfg.order.iter().enumerate() {
            cfg.number[block.index()] = n as u32;
            let preds = &mut cfg.preds;
            targets(func, block.index(), |to| preds[to.index()].push(*block));
        }
        cfg.dominators();
        cfg.intervals();
        cfg
    }

    /// Whether control can come to `block`.
    pub fn is_reachable(&self, block: Block) -> bool {
        self.number.get(block.index()).is_some_and(|n| *n != u32::MAX)
    }

    /// Whether every way to `b` leads through `a`; both reachable.
    pub fn dominates(&self, a: Block, b: Block) -> bool {
        let (first, last) = self.interval[a.index()];
        let (at, _) = self.interval[b.index()];
        first <= at && at <= last
    }

    /// The algorithm of Cooper, Harvey and Kennedy.
    fn dominators(&mut self) {
        let mut changed = true;
        while changed {
            changed = false;
            for n in 1..self.order.len() {
                let block = self.order[n].index();
                let mut new: Option<Block> = None;
                for pred in &self.preds[block] {
                    if self.number[pred.index()] != 0 && self.idom[pred.index()].is_none() {
                        continue;
                    }
                    new = Some(new.map_or(*pred, |old| self.meet(old, *pred)));
                }
                if new != self.idom[block] {
                    self.idom[block] = new;
                    changed = true;
                }
            }
        }
    }

    fn meet(&self, mut a: Block, mut b: Block) -> Block {
        while a != b {
            let later = if self.number[a.index()] > self.number[b.index()] { &mut a } else { &mut b };
            match self.idom[later.index()] {
                Some(up) => *later = up,
                None => return *later,
            }
        }
        a
    }

    fn intervals(&mut self) {
        for block in &self.order {
            if let Some(up) = self.idom[block.index()] {
                self.children[up.index()].push(*block);
            }
        }
        let mut clock = 0;
        for (block, enter) in self.walk() {
            if enter {
                self.interval[block.index()].0 = clock;
                clock += 1;
            } else {
                self.interval[block.index()].1 = clock - 1;
            }
        }
    }

    /// A walk of the dominator tree: each block when entered (`true`) and when left.
    pub fn walk(&self) -> Vec<(Block, bool)> {
        let mut events = Vec::with_capacity(2 * self.order.len());
        let mut stack: Vec<(Block, bool)> = self.order.first().map(|b| (*b, true)).into_iter().collect();
        while let Some((block, enter)) = stack.pop() {
            events.push((block, enter));
            if enter {
                stack.push((block, false));
                stack.extend(self.children[block.index()].iter().rev().map(|b| (*b, true)));
            }
        }
        events
    }
}

/// Reachable blocks, each after those that it goes to, but for loops.
fn postorder(func: &Function) -> Vec<Block> {
    let mut seen = vec![false; func.blocks.len()];
    let mut order = Vec::with_capacity(func.blocks.len());
    let mut stack = Vec::new();
    if !func.blocks.is_empty() {
        seen[0] = true;
        stack.push((0, 0));
    }
    while let Some((block, next)) = stack.last_mut() {
        let mut edges = [None, None];
        let mut n = 0;
        targets(func, *block, |to| {
            edges[n] = Some(to);
            n += 1;
        });
        match edges.get(*next).copied().flatten() {
            Some(to) => {
                *next += 1;
                if !std::mem::replace(&mut seen[to.index()], true) {
                    stack.push((to.index(), 0));
                }
            }
            None => {
                order.push(Block(*block as u32));
                stack.pop();
            }
        }
    }
    order
}
