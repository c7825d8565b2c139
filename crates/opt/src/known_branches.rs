//! Branches whose outcome a dominating branch told already: `v == 0` asked twice.
//!
//! Requires: nothing. Keeps: the blocks, which may become unreachable.

use std::collections::HashMap;

use btc_ir::{Block, Cfg, Cond, Function, Jump, Terminator, Value};

/// Two values that are equal, or are not.
type Pair = (Value, Value);

/// Runs the pass.
pub fn run(func: &mut Function) -> bool {
    let mut changed = false;
    // A way less into a block may tell more of what holds there.
    while walk(func) {
        changed = true;
    }
    changed
}

fn walk(func: &mut Function) -> bool {
    let cfg = Cfg::new(func);
    let mut known: HashMap<Pair, bool> = HashMap::new();
    // What each block on the way from the entry added.
    let mut added: Vec<Option<Pair>> = Vec::new();
    let mut changed = false;
    for (block, enter) in cfg.walk() {
        if !enter {
            if let Some(pair) = added.pop().flatten() {
                known.remove(&pair);
            }
            continue;
        }
        let new = learnt(func, &cfg, block).filter(|(pair, _)| !known.contains_key(pair));
        added.push(new.map(|(pair, _)| pair));
        known.extend(new);
        let Some(terminator) = &mut func.blocks[block.index()].terminator else { continue };
        let Some((pair, then, otherwise)) = question(terminator) else { continue };
        if let Some(equal) = known.get(&pair) {
            *terminator = Terminator::Jump(if *equal { then.clone() } else { otherwise.clone() });
            changed = true;
        }
    }
    changed
}

/// The values that a branch compares, and where it goes when they are equal and when not.
fn question(terminator: &Terminator) -> Option<(Pair, &Jump, &Jump)> {
    match terminator {
        Terminator::Branch { cond: Cond::Eq, left, right, then, otherwise } => Some(((*left, *right), then, otherwise)),
        Terminator::Branch { cond: Cond::Ne, left, right, then, otherwise } => Some(((*left, *right), otherwise, then)),
        _ => None,
    }
}

/// What holds in a block since there is one way into it.
fn learnt(func: &Function, cfg: &Cfg, block: Block) -> Option<(Pair, bool)> {
    let [pred] = cfg.preds[block.index()].as_slice() else { return None };
    let (pair, then, _) = question(func.block(*pred).terminator.as_ref()?)?;
    Some((pair, then.block == block))
}
