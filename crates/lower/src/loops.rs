//! Loops: how often each may go round, and by what the verifier sees its end.
//!
//! The first rounds of every loop are native ones, which a counter bounds: they cost next to nothing
//! when they run, and the verifier follows each. Where these are not all, the kernel's iterator over
//! numbers (Linux 6.4) counts the further ones, and the verifier follows one of them for all; it
//! is created when the native rounds are over, so that short loops do not pay for it. On older kernels the
//! loop goes on natively, to the bound of what the verifier can follow, and one that is cut short there is
//! counted as a loss. All of this is one loop with one body:
//!
//! ```text
//! head:     out unless the count is below the number of rounds, where there is one
//!           count < native           -> go
//!           no iterators             -> fallback
//!           count == native          -> create the iterator, once; count = native + 1
//!           next(iterator) == NULL   -> drained, else the body
//! fallback: count < bound            -> go, else the loop is cut
//! go:       count += 1               -> the body
//! out:      destroy the iterator if the count is above native
//! ```
//!
//! Where that is too much for the verifier, the runtime has the count begin behind the native rounds ([`btc_abi::ITERATE`]), and the
//! iterator gives the numbers of all.
//!
//! The count is a number that the verifier knows in each round, so it sees whether the iterator is
//! there. Of the script's variables that the loop sets it must know nothing when the iterator begins: else no two
//! rounds are alike, and it follows them all. The same holds behind the loop.

use std::collections::BTreeSet;

use btc_abi::{ITERATORS, LossKind};
use btc_diagnostics::Span;
use btc_hir::{self as hir, StmtKind};
use btc_ir::{BinOp, Block, Callee, Cond, Op, Slot, Terminator, Value, Width};

use crate::function::FnLower;

/// Most rounds of the kernel's iterator (`BPF_MAX_LOOPS`).
const ITERATOR: i64 = 1 << 23;
/// Most rounds that are done natively where the kernel has iterators, and on older kernels.
const NATIVE: Work = Work { insts: 1 << 15, forks: 1 << 9 };
const FALLBACK: Work = Work { insts: 400_000, forks: 8000 };
/// What a search may take of the latter: there may be several in a statement.
const SEARCH: Work = Work { insts: 1 << 17, forks: 8000 };
/// Most native rounds of a loop.
const MOST: i64 = 1 << 13;
/// What a loop goes round natively where the kernel has no iterators, whatever it costs. A search has an end at each round, so it
/// need not have that many.
const FEWEST_OLD: i64 = 8;
/// How often the verifier walks a round of the iterator, until it sees that it is like the one before. A loop of one round more is
/// no cheaper with the iterator.
const ITERATED: i64 = 3;

/// What a call costs that has a callback, beside the callback: the verifier follows ways with and without rounds.
const CALLBACK: Work = Work { insts: 1 << 11, forks: 1 << 4 };
/// How often it follows a callback.
const CALLBACK_ROUNDS: i64 = 8;

/// What the verifier walks: it gives up at a million instructions, and at 8192 branches whose
/// other side is still to be looked at.
#[derive(Clone, Copy, Default)]
pub(crate) struct Work {
    insts: i64,
    forks: i64,
}

impl Work {
    fn times(self, n: i64) -> Work {
        Work { insts: self.insts.saturating_mul(n), forks: self.forks.saturating_mul(n) }
    }

    fn min(self, other: Work) -> Work {
        Work { insts: self.insts.min(other.insts), forks: self.forks.min(other.forks) }
    }

    fn plus(self, other: Work) -> Work {
        Work { insts: self.insts.saturating_add(other.insts), forks: self.forks.saturating_add(other.forks) }
    }
}

/// How often a loop goes round.
#[derive(Clone, Copy)]
pub(crate) enum Rounds {
    /// Until its body leaves it.
    Unknown,
    /// So often.
    Known(i64),
    /// So often, in a builtin that goes over texts.
    Search(i64),
    /// As a value says, which is above 0.
    Counted(Value),
}

/// A loop around what is being lowered.
#[derive(Clone, Copy)]
pub(crate) struct Enclosing {
    /// Where `continue` goes.
    pub next: Block,
    /// Where `break` goes.
    pub out: Block,
    /// Where the end of the function goes, with its result; `None` when the loop does not mind.
    pub leave: Option<Block>,
    /// How often the verifier walks the body, when that is known.
    pub walks: Option<i64>,
}

/// A loop being lowered.
pub(crate) struct Loop {
    /// Number of the round, from 0.
    pub index: Value,
    /// Where the loop goes on with the next round.
    pub next: Block,
    /// Where it ends.
    pub out: Block,
    enter: Block,
    head: Block,
    body: Block,
    leave: Block,
    rounds: Rounds,
    count: Slot,
    /// The first slot of the body.
    temporaries: usize,
    /// Work in loops before this one.
    before: [Work; 2],
    span: Span,
}

/// What a loop looks like.
struct Form {
    /// Rounds that are native ones everywhere.
    native: i64,
    /// Bound of those where the kernel has no iterators; `None` when the loop needs neither.
    bound: Option<i64>,
}

impl FnLower<'_, '_, '_> {
    /// Begins a loop; the builder stands in its body, which ends with [`FnLower::end_loop`].
    pub fn begin_loop(&mut self, rounds: Rounds) -> Loop {
        let count = self.b.slot(8);
        let (out, leave, enter) = (self.b.block(0), self.b.block(1), self.b.block(0));
        let (head, body, next) = (self.b.block(0), self.b.block(1), self.b.block(0));
        self.b.jump(enter, &[]);
        self.b.switch_to(body);
        let walks = match rounds {
            Rounds::Known(n) | Rounds::Search(n) => Some(n.max(1)),
            Rounds::Unknown | Rounds::Counted(_) => None,
        };
        self.loops.push(Enclosing { next, out, leave: Some(leave), walks });
        let index = self.b.block_param(body, 0);
        let (before, span, temporaries) = (self.work, self.b.span, self.b.func.slots.len());
        Loop { index, next, out, enter, head, body, leave, rounds, count, temporaries, before, span }
    }

    /// Ends the body of a loop; the builder stands behind it.
    pub fn end_loop(&mut self, l: &Loop) {
        self.b.span = l.span;
        self.b.jump(l.next, &[]);
        self.loops.pop();
        let form = self.form(l);
        let vars = if form.bound.is_some() { self.variables_set(l.head) } else { Vec::new() };
        let temporaries = if form.bound.is_some() { l.temporaries..self.b.func.slots.len() } else { 0..0 };
        let iterator = form.bound.map(|_| self.b.slot(8));
        let limit = self.begin(l, &form);
        self.head(l, &form, iterator, limit, &vars);
        self.b.switch_to(l.next);
        self.clear_temporaries(temporaries);
        self.b.jump(l.head, &[]);
        self.b.switch_to(l.leave);
        let result = self.b.block_param(l.leave, 0);
        self.destroy(l, &form, iterator);
        self.ret(result);
        self.b.switch_to(l.out);
        self.destroy(l, &form, iterator);
        self.forget(&vars);
    }

    /// Whether this is in a loop that the verifier follows from round to round.
    pub fn in_loop(&self) -> bool {
        self.loops.iter().any(|l| l.leave.is_some())
    }

    /// Ends the function with a result, by way of the loops around.
    pub fn ret(&mut self, result: Value) {
        match self.loops.iter().rev().find_map(|l| l.leave) {
            Some(leave) => self.b.jump(leave, &[result]),
            None => self.b.ret(result),
        }
    }

    /// The same number, of which the verifier knows nothing.
    pub fn opaque(&mut self, value: Value) -> Value {
        let zero = self.b.module.unknown_zero();
        let zero = self.b.global_addr(zero);
        let zero = self.b.load(Width::B8, zero, 0);
        self.b.bin(BinOp::Xor, value, zero)
    }

    /// Decides how the loop is done, and counts what the verifier walks for it.
    fn form(&mut self, l: &Loop) -> Form {
        let [native, mut fallback] = self.shares;
        if matches!(l.rounds, Rounds::Search(_)) {
            fallback = fallback.min(SEARCH);
        }
        let known = match l.rounds {
            Rounds::Known(n) | Rounds::Search(n) => n,
            Rounds::Unknown | Rounds::Counted(_) => i64::MAX,
        };
        let [now, old] = self.walked(l);
        let fewest = if known <= ITERATED + 1 { known } else { 1 };
        let native = self.rounds(native, now).max(fewest).min(known);
        let fewest = if matches!(l.rounds, Rounds::Search(_)) { 1 } else { FEWEST_OLD };
        let bound = self.rounds(fallback, old).max(fewest).max(native).min(known);
        let again = if native < known { ITERATED } else { 0 };
        self.work = [l.before[0].plus(now.times(native + again)), l.before[1].plus(old.times(bound))];
        Form { native, bound: (native < known).then_some(bound) }
    }

    /// What the verifier walks in a round, with and without iterators.
    fn walked(&self, l: &Loop) -> [Work; 2] {
        let blocks = &self.b.func.blocks[l.head.index()..];
        let insts: usize = blocks.iter().map(|b| b.insts.len() + 1).sum();
        let forks = blocks.iter().filter(|b| matches!(b.terminator, Some(Terminator::Branch { .. }))).count();
        let own = Work { insts: insts as i64, forks: forks as i64 };
        [0, 1].map(|n| {
            let (all, before) = (self.work[n], l.before[n]);
            own.plus(Work { insts: all.insts - before.insts, forks: all.forks - before.forks })
        })
    }

    /// Counts what the verifier walks for a call with a callback.
    pub fn walk_callback(&mut self, callback: btc_ir::FuncId) {
        let blocks = &self.b.module.functions[callback.index()].blocks;
        let insts: usize = blocks.iter().map(|b| b.insts.len() + 1).sum();
        let own = Work { insts: insts as i64, forks: blocks.len() as i64 }.times(CALLBACK_ROUNDS);
        self.work = self.work.map(|w| w.plus(CALLBACK).plus(own));
    }

    /// Rounds of so much work each. Loops around that are walked a known number of times leave half of
    /// that part, for what else they do; the others go round as often as this one.
    fn rounds(&self, share: Work, round: Work) -> i64 {
        let few = |walks: Option<i64>| walks.filter(|n| *n <= NATIVE.forks);
        let times = self.loops.iter().filter_map(|l| few(l.walks)).filter(|n| *n > 1);
        let times = times.fold(1i64, |all, n| all.saturating_mul(2 * n));
        let unknown = self.loops.iter().filter(|l| few(l.walks).is_none()).count() as u32;
        let fit = |most: i64, each: i64| root(most / times.saturating_mul(each.max(1)), unknown + 1);
        fit(share.insts, round.insts).min(fit(share.forks, round.forks)).clamp(1, MOST)
    }

    /// Scalar variables that are set from block `from` on. Pointers stay: the verifier does not follow their values.
    fn variables_set(&self, from: Block) -> Vec<hir::VarId> {
        let insts = self.b.func.blocks[from.index()..].iter().flat_map(|b| &b.insts);
        let base = |op: &Op| if let Op::Store(_, m, _) = op { Some(m.base) } else { None };
        let bases: BTreeSet<Value> = insts.filter_map(|i| base(&i.op)).collect();
        let (Some(first), Some(last)) = (bases.first(), bases.last()) else { return Vec::new() };
        // Of many variables few are set in one loop.
        let near = self.vars.iter().filter(|(_, memory)| (*first..=*last).contains(&memory.base));
        let mut vars: Vec<hir::VarId> = near.filter(|(_, memory)| bases.contains(&memory.base)).map(|(var, _)| *var).collect();
        vars.retain(|var| {
            let declared = &self.probe.vars[var.0 as usize];
            declared.ty.is_scalar() && !declared.ty.is_pointer() && !declared.shared
        });
        vars.sort_unstable();
        vars
    }

    /// Clears what the body has on the stack: it holds nothing from one round to the next. What one way through a round left there
    /// and another did not would keep the ways apart for the verifier, in all rounds that follow.
    fn clear_temporaries(&mut self, slots: std::ops::Range<usize>) {
        for slot in slots.map(|n| Slot(n as u32)) {
            let (at, size) = (self.b.slot_addr(slot), self.b.func.slots[slot.index()]);
            self.b.clear(at, 0, size.next_multiple_of(8));
        }
    }

    /// Makes the verifier forget what it knows of variables.
    fn forget(&mut self, vars: &[hir::VarId]) {
        for var in vars {
            let at = self.vars[var];
            let value = self.b.load(Width::B8, at.base, at.offset);
            let value = self.opaque(value);
            self.b.store(Width::B8, at.base, at.offset, value);
        }
    }

    /// All bits set where the iterator does all rounds, else 0.
    fn iterates(&mut self) -> Value {
        let all = self.shared.iterate(self.b.module);
        let all = self.b.global_addr(all);
        self.b.load(Width::B8, all, 0)
    }

    /// Begins with a count of 0, or of all native rounds. Yields what the count must be below as long as rounds are native, if
    /// that is no constant. (The verifier must know the count on each way, so it is computed and no way is chosen.)
    fn begin(&mut self, l: &Loop, form: &Form) -> Option<Value> {
        self.b.switch_to(l.enter);
        let iterates = if form.bound.is_some() { self.iterates() } else { self.b.iconst(0) };
        let count = self.b.bin_imm(BinOp::And, iterates, form.native);
        self.set_count(l, count);
        let limit = match l.rounds {
            Rounds::Counted(rounds) => Some(self.b.bin(BinOp::Or, rounds, iterates)),
            _ => None,
        };
        self.b.jump(l.head, &[]);
        limit
    }

    fn count(&mut self, l: &Loop) -> Value {
        let at = self.b.slot_addr(l.count);
        self.b.load(Width::B8, at, 0)
    }

    fn set_count(&mut self, l: &Loop, count: Value) {
        let at = self.b.slot_addr(l.count);
        self.b.store(Width::B8, at, 0, count);
    }

    /// The head: whether there is another round.
    fn head(&mut self, l: &Loop, form: &Form, iterator: Option<Slot>, limit: Option<Value>, vars: &[hir::VarId]) {
        self.b.switch_to(l.head);
        let n = self.count(l);
        if let Some(limit) = limit {
            let more = self.b.block(0);
            self.b.branch(Cond::ULt, n, limit, more, l.out);
            self.b.switch_to(more);
        }
        let go = self.b.block(0);
        match (form.bound, iterator) {
            (Some(bound), Some(iterator)) => {
                let (beyond, old, new) = (self.b.block(0), self.b.block(0), self.b.block(0));
                self.b.branch_imm(Cond::ULt, n, form.native, go, beyond);
                self.b.switch_to(beyond);
                self.branch_on_iterators(new, old);
                self.b.switch_to(old);
                let end = self.cut_short(l, bound);
                self.b.branch_imm(Cond::ULt, n, bound, go, end);
                self.b.switch_to(new);
                self.iterate(l, form, iterator, n, vars);
            }
            _ => self.b.branch_imm(Cond::ULt, n, form.native, go, l.out),
        }
        // Where all rounds are native ones, the next one is counted when this one is over: that takes no copy.
        let counted = if iterator.is_some() { go } else { l.next };
        self.b.switch_to(counted);
        let done = self.count(l);
        let next = self.b.add_imm(done, 1);
        self.set_count(l, next);
        self.b.switch_to(go);
        self.b.jump(l.body, &[n]);
    }

    /// Takes the next number from the iterator, which is made at the first time.
    fn iterate(&mut self, l: &Loop, form: &Form, iterator: Slot, n: Value, vars: &[hir::VarId]) {
        let (create, ask, got) = (self.b.block(0), self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Eq, n, form.native, create, ask);
        self.b.switch_to(create);
        self.forget(vars);
        // 0 where it does all rounds.
        let (native, iterates) = (self.b.iconst(form.native), self.iterates());
        let others = self.b.bin_imm(BinOp::Xor, iterates, -1);
        let first = self.b.bin(BinOp::And, native, others);
        let last = match l.rounds {
            Rounds::Known(n) | Rounds::Search(n) => self.b.iconst(n.min(ITERATOR)),
            Rounds::Counted(n) => self.b.push(Op::UMin(n, ITERATOR as u64)),
            Rounds::Unknown => self.b.iconst(ITERATOR),
        };
        self.call_iterator(ITERATORS, iterator, &[first, last]);
        let created = self.b.iconst(form.native + 1);
        self.set_count(l, created);
        self.b.jump(ask, &[]);
        self.b.switch_to(ask);
        let number = self.call_iterator("bpf_iter_num_next", iterator, &[]);
        let drained = self.b.block(0);
        self.b.branch_imm(Cond::Eq, number, 0, drained, got);
        self.b.switch_to(drained);
        let end = self.cut_short(l, ITERATOR);
        match l.rounds {
            Rounds::Known(n) | Rounds::Search(n) if n < ITERATOR => self.b.jump(l.out, &[]),
            Rounds::Counted(rounds) => self.b.branch_imm(Cond::UGt, rounds, ITERATOR, end, l.out),
            _ => self.b.jump(end, &[]),
        }
        self.b.switch_to(got);
        let index = self.b.load(Width::B4, number, 0);
        self.b.jump(l.body, &[index]);
    }

    /// Where a loop goes that has done `rounds` and is not done: a loss, unless these are all.
    fn cut_short(&mut self, l: &Loop, rounds: i64) -> Block {
        if matches!(l.rounds, Rounds::Known(n) | Rounds::Search(n) if n == rounds) {
            return l.out;
        }
        let (from, block) = (self.b.current(), self.b.block(0));
        self.b.switch_to(block);
        let loss = self.shared.loss(LossKind::Loop, &rounds.to_string(), l.span);
        self.count_loss(loss);
        self.b.jump(l.out, &[]);
        self.b.switch_to(from);
        block
    }

    /// Destroys the iterator where it was created.
    fn destroy(&mut self, l: &Loop, form: &Form, iterator: Option<Slot>) {
        let Some(iterator) = iterator else { return };
        let (beyond, created, done) = (self.b.block(0), self.b.block(0), self.b.block(0));
        let n = self.count(l);
        self.b.branch_imm(Cond::UGt, n, form.native, beyond, done);
        self.b.switch_to(beyond);
        self.branch_on_iterators(created, done);
        self.b.switch_to(created);
        self.call_iterator("bpf_iter_num_destroy", iterator, &[]);
        self.b.jump(done, &[]);
        self.b.switch_to(done);
    }

    fn branch_on_iterators(&mut self, yes: Block, no: Block) {
        let new = self.b.module.kfunc(ITERATORS, 3);
        let present = self.b.push(Op::KfuncAddr(new));
        self.b.branch_imm(Cond::Ne, present, 0, yes, no);
    }

    fn call_iterator(&mut self, name: &str, iterator: Slot, range: &[Value]) -> Value {
        let kfunc = self.b.module.kfunc(name, 1 + range.len() as u8);
        let mut args = vec![self.b.slot_addr(iterator)];
        args.extend(range);
        self.b.call(Callee::Kfunc(kfunc), &args)
    }
}

/// What a program's loops may take of the verifier's budget, each: with and without iterators.
pub(crate) fn shares(probe: &hir::Probe) -> [Work; 2] {
    let loops = i64::from(outermost(&probe.body).max(1));
    let old = Work { insts: FALLBACK.insts / loops, forks: FALLBACK.forks / loops };
    [old.min(NATIVE), old]
}

/// What one loop may take that is verified alone.
pub(crate) fn whole() -> [Work; 2] {
    [NATIVE, FALLBACK]
}

/// Loops of a block that are in no other loop.
pub(crate) fn outermost(block: &hir::Block) -> u32 {
    let each = block.stmts.iter().map(|stmt| match &stmt.kind {
        StmtKind::While { .. } | StmtKind::ForRange { .. } => 1,
        StmtKind::If { then, otherwise, .. } => outermost(then).saturating_add(outermost(otherwise)),
        StmtKind::Unroll { count, body } => outermost(body).saturating_mul(*count),
        StmtKind::Block(block) => outermost(block),
        _ => 0,
    });
    each.fold(0, u32::saturating_add)
}

/// The largest number whose `n`th power is no more than `of`.
fn root(of: i64, n: u32) -> i64 {
    let (mut low, mut high) = (0i64, MOST + 1);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if middle.saturating_pow(n) <= of { low = middle } else { high = middle }
    }
    low
}
