//! Map lookups: an action that asks a map several times for one key looks it up once.
//!
//! Requires: nothing. Keeps: the blocks. Keys that hold the same values become one stack
//! object first. Then a lookup goes when another one of that key dominates it, and on no way between them
//! this program changes the map: an update, a deletion, a callback, a subprogram. What other
//! CPUs do meanwhile may be seen or not, as between any two instructions.

use std::collections::{HashMap, HashSet};

use btc_ir::{Block, Callee, Cfg, Function, Op, Slot, Value};

use crate::rewrite::{Rewrites, for_each_use};

/// `bpf_map_lookup_elem`
const LOOKUP: u32 = 1;
/// `bpf_map_update_elem`
const UPDATE: u32 = 2;
/// `bpf_map_delete_elem`
const DELETE: u32 = 3;

/// An instruction: its block and its number there.
type At = (Block, usize);

/// Runs the pass.
pub fn run(func: &mut Function) -> bool {
    let asks = |op: &Op| matches!(op, Op::Call(Callee::Helper(LOOKUP), _));
    if !func.blocks.iter().flat_map(|b| &b.insts).any(|i| asks(&i.op)) {
        return false;
    }
    let cfg = Cfg::new(func);
    let merged = merge_keys(func, &cfg);
    merge_lookups(func, &cfg) || merged
}

/// What is written where: displacement, bytes, value. A cleared range has no value.
type Content = Vec<(i32, u32, Option<Value>)>;

/// What happens to a stack object.
#[derive(Clone, Default)]
struct Object {
    writes: Vec<At>,
    content: Content,
    /// Where it is the key of a map helper.
    uses: Vec<At>,
    /// Whether it is used in any other way.
    other: bool,
}

impl Object {
    /// Whether it is a key that is complete before its first use, and then stays as it is.
    fn is_key(&self, cfg: &Cfg) -> bool {
        let (Some((block, _)), Some((_, last))) = (self.writes.first(), self.writes.last()) else { return false };
        let follows = |(b, at): &At| if b == block { at > last } else { cfg.dominates(*block, *b) };
        !self.other && self.writes.iter().all(|(b, _)| b == block) && self.uses.iter().all(follows)
    }
}

/// By value, the operation that yields an address or a map.
fn addresses(func: &Function) -> HashMap<Value, Op> {
    let all = func.blocks.iter().flat_map(|b| &b.insts);
    let known = all.filter(|i| matches!(i.op, Op::SlotAddr(_) | Op::MapAddr(_) | Op::FuncAddr(_)));
    known.filter_map(|i| Some((i.result?, i.op.clone()))).collect()
}

fn objects(func: &Function, cfg: &Cfg, addresses: &HashMap<Value, Op>) -> Vec<Object> {
    let slot = |v: &Value| match addresses.get(v) {
        Some(Op::SlotAddr(slot)) => Some(slot.index()),
        _ => None,
    };
    let mut objects = vec![Object::default(); func.slots.len()];
    for block in &cfg.order {
        let data = func.block(*block);
        for (n, inst) in data.insts.iter().enumerate() {
            let mut rest = Vec::new();
            let written = match &inst.op {
                Op::Store(width, m, v) => {
                    rest.push(*v);
                    Some((m, width.bytes(), Some(*v)))
                }
                Op::Clear(m, len) => Some((m, *len, None)),
                Op::Call(Callee::Helper(LOOKUP | UPDATE | DELETE), args) => {
                    for (arg, v) in args.iter().enumerate() {
                        match slot(v) {
                            Some(key) if arg == 1 => objects[key].uses.push((*block, n)),
                            _ => rest.push(*v),
                        }
                    }
                    None
                }
                op => {
                    op.for_each_operand(|v| rest.push(v));
                    None
                }
            };
            if let Some((m, bytes, value)) = written
                && let Some(object) = slot(&m.base)
            {
                objects[object].writes.push((*block, n));
                objects[object].content.push((m.offset, bytes, value));
            }
            rest.iter().filter_map(slot).for_each(|object| objects[object].other = true);
        }
        if let Some(terminator) = &data.terminator {
            for_each_use(terminator, |v| {
                if let Some(object) = slot(&v) {
                    objects[object].other = true;
                }
            });
        }
    }
    objects
}

/// Gives keys with the same content one stack object.
fn merge_keys(func: &mut Function, cfg: &Cfg) -> bool {
    let objects = objects(func, cfg, &addresses(func));
    let mut first: HashMap<(u32, &Content), Vec<usize>> = HashMap::new();
    let mut stands_for: HashMap<Slot, Slot> = HashMap::new();
    let mut gone: HashSet<At> = HashSet::new();
    let mut keys: Vec<usize> = (0..objects.len()).filter(|n| objects[*n].is_key(cfg)).collect();
    keys.sort_by_key(|n| objects[*n].writes[0]);
    for key in keys {
        let object = &objects[key];
        let same = first.entry((func.slots[key], &object.content)).or_default();
        let begins = object.writes[0];
        let earlier = same.iter().find(|n| {
            let (block, last) = objects[**n].writes[objects[**n].writes.len() - 1];
            if block == begins.0 { last < begins.1 } else { cfg.dominates(block, begins.0) }
        });
        match earlier {
            Some(n) => {
                stands_for.insert(Slot(key as u32), Slot(*n as u32));
                gone.extend(&object.writes);
            }
            None => same.push(key),
        }
    }
    if stands_for.is_empty() {
        return false;
    }
    for (b, block) in func.blocks.iter_mut().enumerate() {
        let mut n = 0;
        block.insts.retain_mut(|inst| {
            n += 1;
            if let Op::SlotAddr(slot) = &mut inst.op {
                *slot = stands_for.get(slot).copied().unwrap_or(*slot);
            }
            !gone.contains(&(Block(b as u32), n - 1))
        });
    }
    true
}

/// Replaces lookups by earlier ones.
fn merge_lookups(func: &mut Function, cfg: &Cfg) -> bool {
    let addresses = addresses(func);
    let keys: Vec<bool> = objects(func, cfg, &addresses).iter().map(|o| o.is_key(cfg)).collect();
    let asked = |op: &Op| match op {
        Op::Call(Callee::Helper(LOOKUP), args) => match (addresses.get(args.first()?), addresses.get(args.get(1)?)) {
            (Some(Op::MapAddr(map)), Some(Op::SlotAddr(key))) if keys[key.index()] => Some((*map, *key)),
            _ => None,
        },
        _ => None,
    };
    let mut rewrites = Rewrites::new(func);
    let mut gone: HashSet<At> = HashSet::new();
    let mut known: HashMap<_, Vec<(At, Value)>> = HashMap::new();
    let mut added = Vec::new();
    for (block, enter) in cfg.walk() {
        if !enter {
            for question in added.pop().unwrap_or_else(Vec::new) {
                known.get_mut(&question).and_then(Vec::pop);
            }
            continue;
        }
        let mut new = Vec::new();
        for (n, inst) in func.block(block).insts.iter().enumerate() {
            let (Some(question), Some(result)) = (asked(&inst.op), inst.result) else { continue };
            let answers = known.entry(question).or_default();
            let changes = |op: &Op| changes(op, question.0, &addresses);
            match answers.last() {
                Some((at, answer)) if !may_pass(func, cfg, *at, (block, n), changes) => {
                    rewrites.replace(result, *answer);
                    gone.insert((block, n));
                }
                _ => {
                    answers.push(((block, n), result));
                    new.push(question);
                }
            }
        }
        added.push(new);
    }
    for (b, block) in func.blocks.iter_mut().enumerate() {
        let mut n = 0;
        block.insts.retain(|_| {
            n += 1;
            !gone.contains(&(Block(b as u32), n - 1))
        });
    }
    rewrites.apply(func);
    rewrites.any()
}

/// Whether an operation may change which entries a map has.
fn changes(op: &Op, map: btc_ir::MapId, addresses: &HashMap<Value, Op>) -> bool {
    match op {
        Op::Call(Callee::Function(_), _) => true,
        Op::Call(Callee::Helper(LOOKUP) | Callee::Kfunc(_), _) => false,
        Op::Call(Callee::Helper(_), args) => args.iter().any(|v| match addresses.get(v) {
            Some(Op::MapAddr(m)) => *m == map,
            Some(Op::FuncAddr(_)) => true,
            _ => false,
        }),
        _ => false,
    }
}

/// Whether some way from `from` to `to`, which it dominates, passes an operation that `is_bad`.
fn may_pass(func: &Function, cfg: &Cfg, from: At, to: At, is_bad: impl Fn(&Op) -> bool) -> bool {
    let bad = |block: Block, range: std::ops::Range<usize>| func.block(block).insts[range].iter().any(|i| is_bad(&i.op));
    if from.0 == to.0 {
        return bad(to.0, from.1 + 1..to.1);
    }
    let mut seen = HashSet::new();
    let mut work: Vec<Block> = cfg.preds[to.0.index()].clone();
    let mut found = bad(to.0, 0..to.1);
    while let Some(block) = work.pop() {
        if found || !seen.insert(block) {
            continue;
        }
        let start = if block == from.0 { from.1 + 1 } else { 0 };
        found = bad(block, start..func.block(block).insts.len());
        if block != from.0 {
            work.extend(&cfg.preds[block.index()]);
        }
    }
    found
}
