//! Keeps the ways through a function few for the verifier.
//!
//! Where two ways meet, the verifier goes on with one of them if what it knows there of the values that will decide
//! something is the same. Where it is not, it follows both: twenty such values are a million ways. Nor may
//! it know the numbers that a loop adds up in some rounds and in others not. Such values are kept in scratch memory
//! ([`crate::demote`]), of which the verifier knows nothing; not those by which it sees where a loop ends.

use std::collections::{BTreeSet, HashMap, HashSet};

use btc_ir::{BinOp, Block, BlockData, Cfg, Function, Jump, Module, Op, Terminator, Value};

use crate::demote::{self, Reads};
use crate::flow::{Flow, Origin};
use crate::live::Live;
use crate::loops::{self, Loop};

/// What all ways together may be to follow, in instructions.
const BUDGET: usize = 100_000;
/// Most bits that tell apart the ways to all values that are needed at the same time, outside of loops and in them.
const MOST: f64 = 10.0;
const MOST_IN_LOOP: f64 = 4.0;
/// Most values whose ways are told apart of one that depends on them: a handful is too many already.
const SOURCES: usize = 20;
/// Longest chain of additions that is looked at.
const CHAIN: u32 = 64;

/// Runs the pass.
pub fn run(func: &mut Function, module: &mut Module) {
    let whole = split(func);
    let values = Ways::new(func, module).choose();
    if !values.is_empty() {
        module.need_scratch();
        demote::run(func, &values, Reads::OnceABlock);
    } else if let Some(whole) = whole {
        *func = whole;
    }
}

/// Ends blocks behind comparisons of what they compare again, for two ways meet there. Yields the function as it was.
fn split(func: &mut Function) -> Option<Function> {
    let mut whole = None;
    for block in 0..func.blocks.len() {
        let mut times: HashMap<Value, u32> = HashMap::new();
        for inst in &func.blocks[block].insts {
            if let Op::Cmp(..) = &inst.op {
                inst.op.for_each_operand(|v| *times.entry(v).or_default() += 1);
            }
        }
        let again = |op: &Op| {
            let mut found = false;
            op.for_each_operand(|v| found |= times.get(&v).is_some_and(|n| *n > 1));
            matches!(op, Op::Cmp(..)) && found
        };
        let ends: Vec<usize> = (0..func.blocks[block].insts.len()).filter(|n| again(&func.blocks[block].insts[*n].op)).collect();
        if ends.is_empty() {
            continue;
        }
        whole.get_or_insert_with(|| func.clone());
        for end in ends.into_iter().rev() {
            let next = Jump { block: Block(func.blocks.len() as u32), args: Vec::new() };
            let data = &mut func.blocks[block];
            let insts = data.insts.split_off(end + 1);
            let terminator = data.terminator.replace(Terminator::Jump(next));
            let span = data.span;
            func.blocks.push(BlockData { params: Vec::new(), insts, terminator, span });
        }
    }
    whole
}

/// What is known of a function.
struct Ways<'f> {
    func: &'f Function,
    flow: Flow<'f>,
    cfg: Cfg,
    loops: Vec<Loop>,
    known: Vec<bool>,
    /// Values that may be kept in memory, and those of them that decide something.
    movable: Vec<bool>,
    candidates: Vec<bool>,
    /// Those that are to be.
    kept: Vec<bool>,
}

/// Values of which a comparison tells something that is asked for again.
struct Again {
    marks: Vec<bool>,
    /// Of those that are compared once what that yields, which has the same ways.
    answers: HashMap<Value, Value>,
}

impl<'f> Ways<'f> {
    fn new(func: &'f Function, module: &'f Module) -> Ways<'f> {
        let (flow, cfg) = (Flow::new(func, module), Cfg::new(func));
        let (loops, fixed) = (loops::all(func, &cfg), flow.fixed(&cfg));
        let (known, decides) = (flow.known(), flow.decides());
        let movable: Vec<bool> = fixed
            .iter()
            .enumerate()
            .map(|(v, fixed)| match flow.origin(Value(v as u32)) {
                Origin::Outside => false,
                Origin::Param(..) => !fixed,
                // Known anyway, and made anew at each use.
                Origin::Inst(op) => !fixed && !matches!(op, Op::Const(_) | Op::UMin(..) | Op::Late(_) | Op::KfuncAddr(_)),
            })
            .collect();
        let candidates = movable.iter().zip(&decides).map(|(m, d)| *m && *d).collect();
        let kept = vec![false; flow.len()];
        Ways { func, flow, cfg, loops, known, movable, candidates, kept }
    }

    /// The values to keep in memory.
    fn choose(mut self) -> Vec<Value> {
        self.carried();
        self.met();
        (0..self.kept.len() as u32).map(Value).filter(|v| self.kept[v.index()]).collect()
    }

    /// What loops with several ways through them carry from round to round: what decides something, and all of it
    /// where the kernel's iterator counts the rounds, for there the verifier compares whatever is needed later.
    fn carried(&mut self) {
        let fresh = self.fresh();
        let mut carried = Vec::new();
        for l in self.loops.iter().filter(|l| self.has_ways(l)) {
            let marks = if self.is_iterated(l) { &self.movable } else { &self.candidates };
            let params = self.func.block(l.head).params.iter().enumerate();
            let path_dependent = params.filter(|(n, p)| marks[p.index()] && !fresh[p.index()] && !self.is_counter(l, *n, **p));
            carried.extend(path_dependent.map(|(_, p)| *p));
        }
        carried.iter().for_each(|p| self.kept[p.index()] = true);
    }

    /// Whether an iterator of the kernel counts the rounds.
    fn is_iterated(&self, l: &Loop) -> bool {
        l.blocks.iter().flat_map(|b| &self.func.block(*b).insts).any(|i| self.flow.is_next(&i.op))
    }

    /// Values that were read or come from calls, and nothing was done to them; but from the address of a struct that
    /// of what contains it may be computed.
    fn fresh(&self) -> Vec<bool> {
        let values = || (0..self.flow.len() as u32).map(Value);
        let is_late = |v: Value| matches!(self.flow.op(v), Some(Op::Late(_)));
        let follows = |v: &Value| match self.flow.origin(*v) {
            Origin::Param(..) => true,
            Origin::Inst(Op::Bin(BinOp::Add | BinOp::Sub, _, b)) => is_late(*b),
            _ => false,
        };
        let mut marks: Vec<bool> = values().map(|v| follows(&v) || self.flow.is_unknown(v)).collect();
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for v in values().filter(follows) {
                let mut all = marks[v.index()];
                self.flow.inputs(v, |input| all &= marks[input.index()] || is_late(input));
                changed |= std::mem::replace(&mut marks[v.index()], all) != all;
            }
        }
        marks
    }

    /// Whether there is more than one way through a round.
    fn has_ways(&self, l: &Loop) -> bool {
        l.blocks.iter().any(|b| match &self.func.block(*b).terminator {
            Some(Terminator::Branch { left, right, then, otherwise, .. }) => {
                let open = !self.known[left.index()] || !self.known[right.index()];
                open && l.blocks.contains(&then.block) && l.blocks.contains(&otherwise.block)
            }
            _ => false,
        })
    }

    /// Whether each round adds the same to a number: that ends loops, and is the same on all ways.
    fn is_counter(&self, l: &Loop, n: usize, param: Value) -> bool {
        let again = self.flow.incoming(l.head, n).iter().filter(|(from, _)| l.blocks.contains(from));
        let mut steps = again.map(|(_, v)| self.step(*v, param, CHAIN));
        match steps.next() {
            Some(Some(first)) => steps.all(|s| s == Some(first)),
            _ => false,
        }
    }

    /// What is added to `base` to make `v`, when that is the same on all ways.
    fn step(&self, v: Value, base: Value, chain: u32) -> Option<i64> {
        if v == base {
            return Some(0);
        }
        let chain = chain.checked_sub(1)?;
        match self.flow.origin(v) {
            Origin::Outside => None,
            Origin::Param(block, n) => {
                let mut all = self.flow.incoming(block, n).iter().map(|(_, v)| self.step(*v, base, chain));
                let first = all.next()??;
                all.all(|s| s == Some(first)).then_some(first)
            }
            Origin::Inst(op) => match op {
                Op::Bin(op @ (BinOp::Add | BinOp::Sub), a, b) => {
                    let Some(Op::Const(n)) = self.flow.op(*b) else { return None };
                    let n = if *op == BinOp::Add { *n } else { n.wrapping_neg() };
                    Some(self.step(*a, base, chain)?.wrapping_add(n))
                }
                // Lowering makes the verifier forget a number so.
                Op::Bin(BinOp::Xor, a, b) if matches!(self.flow.op(*b), Some(Op::Load(..))) => {
                    self.step(*a, base, chain)
                }
                _ => None,
            },
        }
    }

    /// What differs by the way on which the verifier came, where too much of it is needed at the same time.
    fn met(&mut self) {
        let compared = self.compared();
        let unknown = self.unknown(&compared);
        let again = Again { marks: self.compared_again(&compared), answers: self.answers(&compared) };
        let size: usize = self.func.blocks.iter().map(|b| b.insts.len() + 1).sum();
        let most = ((BUDGET / size.max(1)).max(2) as f64).log2().min(MOST);
        let in_loop: HashSet<Block> = self.loops.iter().flat_map(|l| l.blocks.iter().copied()).collect();
        let mut ways: HashMap<Value, BTreeSet<u32>> = HashMap::new();
        let values = (0..self.flow.len() as u32).map(Value).filter(|v| self.candidates[v.index()]);
        let live = Live::new(self.func, &self.cfg, values.collect());
        for block in self.cfg.order.clone() {
            for param in &self.func.block(block).params {
                self.ways_of(*param, &unknown, &again, &mut ways);
            }
            let most = if in_loop.contains(&block) { MOST_IN_LOOP.min(most) } else { most };
            self.relieve(block, most, &live, &compared, &mut ways);
            for inst in &self.func.block(block).insts {
                if let Some(v) = inst.result {
                    self.ways_of(v, &unknown, &again, &mut ways);
                }
            }
        }
    }

    /// Values of which the verifier knows nothing, on whatever way, when they are made.
    fn unknown(&self, compared: &[u32]) -> Vec<bool> {
        let values = || (0..self.flow.len() as u32).map(Value);
        let mut marks: Vec<bool> = values()
            .map(|v| match self.flow.origin(v) {
                Origin::Param(..) | Origin::Inst(Op::Bin(..) | Op::ByteSwap(64, _)) => true,
                _ => self.flow.is_unknown(v),
            })
            .collect();
        let mut changed = true;
        while std::mem::take(&mut changed) {
            // A comparison tells of a value, which then is known by what it is computed into.
            let still_unknown = |v: Value, marks: &[bool]| marks[v.index()] && compared[v.index()] == 0;
            for v in values().filter(|v| !self.kept[v.index()]) {
                let still = match self.flow.origin(v) {
                    Origin::Param(block, n) => self.flow.incoming(block, n).iter().all(|(_, v)| still_unknown(*v, &marks)),
                    Origin::Inst(Op::Bin(op, a, b)) => {
                        use BinOp::{Add, Mul, Or, Shl, Sub, Xor};
                        let keeps = matches!(op, Add | Sub | Mul | Xor | Or | Shl);
                        keeps && (still_unknown(*a, &marks) || still_unknown(*b, &marks))
                    }
                    Origin::Inst(Op::ByteSwap(64, a)) => still_unknown(*a, &marks),
                    _ => marks[v.index()],
                };
                changed |= std::mem::replace(&mut marks[v.index()], still) != still;
            }
        }
        marks
    }

    /// How often each value is compared: what the first comparison tells the verifier decides the second, and n with
    /// different numbers are n + 1 ways.
    fn compared(&self) -> Vec<u32> {
        let mut times = vec![0; self.flow.len()];
        let mut see = |v: Value| times[v.index()] += 1;
        for block in &self.cfg.order {
            let data = self.func.block(*block);
            for inst in &data.insts {
                if let Op::Cmp(..) | Op::UMin(..) = &inst.op {
                    inst.op.for_each_operand(&mut see);
                }
            }
            if let Some(Terminator::Branch { left, right, .. }) = &data.terminator {
                see(*left);
                see(*right);
            }
        }
        times
    }

    /// By value that is compared once, what that yields: the ways to it are those to the value.
    fn answers(&self, compared: &[u32]) -> HashMap<Value, Value> {
        let mut answers = HashMap::new();
        for inst in self.func.blocks.iter().flat_map(|b| &b.insts) {
            if let (Op::Cmp(..), Some(answer)) = (&inst.op, inst.result) {
                inst.op.for_each_operand(|v| {
                    if compared[v.index()] == 1 {
                        answers.insert(v, answer);
                    }
                });
            }
        }
        answers
    }

    /// Values of which a comparison tells something that is asked for again: of them, or of what is computed from them.
    fn compared_again(&self, compared: &[u32]) -> Vec<bool> {
        let answers = |v: Value| matches!(self.flow.op(v), Some(Op::Cmp(..) | Op::UMin(..)));
        let mut asked: Vec<bool> = compared.iter().map(|times| *times > 0).collect();
        self.flow.spread(&mut asked, |v| !answers(v));
        let mut again: Vec<bool> = compared.iter().map(|times| *times > 1).collect();
        for v in (0..self.flow.len() as u32).map(Value).filter(|v| asked[v.index()] && !answers(*v)) {
            self.flow.inputs(v, |input| again[input.index()] |= compared[input.index()] > 0);
        }
        again
    }

    /// Finds by what merges the verifier's knowledge of a value differs.
    fn ways_of(&self, v: Value, unknown: &[bool], again: &Again, ways: &mut HashMap<Value, BTreeSet<u32>>) {
        if !self.candidates[v.index()] || self.kept[v.index()] {
            return;
        }
        let mut own = BTreeSet::new();
        if !unknown[v.index()] && !self.is_masked(v) {
            self.flow.inputs(v, |input| own.extend(ways.get(&input).into_iter().flatten().take(SOURCES)));
            let differs = match self.flow.origin(v) {
                Origin::Param(block, _) => !self.loops.iter().any(|l| l.head == block),
                Origin::Inst(op) => matches!(op, Op::Cmp(..)),
                Origin::Outside => false,
            };
            if differs {
                own.insert(v.0);
            }
        }
        if again.marks[v.index()] {
            own.insert(again.answers.get(&v).unwrap_or(&v).0);
        }
        if !own.is_empty() {
            ways.insert(v, own);
        }
    }

    /// Whether a value is one or 0, as a comparison says: it is asked for once, and is 0 where all ends.
    fn is_masked(&self, v: Value) -> bool {
        let Some(Op::Bin(BinOp::And, a, b)) = self.flow.op(v) else { return false };
        [a, b].iter().any(|m| match self.flow.op(**m) {
            Some(Op::Bin(BinOp::Sub, zero, bit)) => {
                matches!(self.flow.op(*zero), Some(Op::Const(0))) && matches!(self.flow.op(*bit), Some(Op::Cmp(..)))
            }
            _ => false,
        })
    }

    /// Keeps values in memory until few ways are left to tell apart at the start of a block.
    fn relieve(&mut self, block: Block, most: f64, live: &Live, compared: &[u32], ways: &mut HashMap<Value, BTreeSet<u32>>) {
        let ends_by_comparison = |b: &Block| matches!(self.func.block(*b).insts.last().map(|i| &i.op), Some(Op::Cmp(..)));
        let preds = &self.cfg.preds[block.index()];
        if preds.len() < 2 && !preds.iter().all(ends_by_comparison) {
            return;
        }
        let bits = |sources: &BTreeSet<u32>| -> f64 {
            sources.iter().map(|v| f64::from(compared[*v as usize].max(1) + 1).log2()).sum()
        };
        let mut here: Vec<Value> = live.at(block).filter(|v| ways.contains_key(v)).collect();
        loop {
            let all: BTreeSet<u32> = here.iter().filter_map(|v| ways.get(v)).flatten().copied().collect();
            if bits(&all) <= most {
                return;
            }
            let weight = |n: &usize| ways.get(&here[*n]).map_or(0.0, bits);
            let Some(worst) = (0..here.len()).max_by(|a, b| weight(a).total_cmp(&weight(b))) else { return };
            let v = here.swap_remove(worst);
            self.kept[v.index()] = true;
            ways.remove(&v);
        }
    }
}
