//! Aggregations: their updates, and how a program reads one as a number.
//!
//! A `min`, `max` or `avg` that a program reads is spread: it has a part for each CPU, side by side in memory that all
//! reach ([`MapKind::is_spread`]). Only that CPU changes its part, so nothing is lost; who reads goes over all parts. (The
//! atomic instructions that could keep a greatest number in one word came with Linux 5.12, and older kernels refuse
//! programs that hold them anywhere.)

use btc_abi::{GlobalValue, LossKind, MOST_CPUS, TAKING};
use btc_builtins::helpers::{GET_SMP_PROCESSOR_ID, KTIME_GET_NS};
use btc_hir as hir;
use btc_ir::{BinOp, Block, Cond, Memory, Op, Value, Width};
use btc_types::{Aggregation, Type};

use crate::encode::reduce;
use crate::function::FnLower;
use crate::loops::Rounds;

/// Where the words of a spread average's part are, see [`btc_abi::Reduce::Avg`].
const COUNT: i32 = 0;
const TOTAL: i32 = 8;
const BEGUN: i32 = 16;
const BEFORE: i32 = 24;

/// How often a part is read until its total and its count belong together.
const TRIES: i64 = 8;

impl FnLower<'_, '_, '_> {
    /// `@m[k] = count()`
    pub fn aggregate(&mut self, map: hir::MapId, key: Option<&hir::Expr>, call: &hir::Expr) {
        let kind = self.kind(map);
        let atomic = !kind.is_per_cpu() || kind.is_spread() || self.shared.interrupted.contains(&map);
        // The type of the map tells the sign that all uses agreed on.
        let ty = self.hir_map(map).value.clone();
        let keeps_total = kind.is_spread() && matches!(ty, Type::Aggregation(Aggregation::Avg { .. }));
        let value = self.first_argument(call);
        self.with_entry(map, key, |f, at| {
            f.alone(map, |f| {
                if keeps_total {
                    let total = f.b.load(Width::B8, at.base, at.offset + TOTAL);
                    f.b.store(Width::B8, at.base, at.offset + BEFORE, total);
                }
                f.update_aggregate(call, &ty, at, atomic, value);
            });
        });
    }

    /// The number that the parts of an aggregation stand for.
    pub fn aggregate_number(&mut self, map: hir::MapId, parts: Value) -> Value {
        let Type::Aggregation(a) = self.hir_map(map).value.clone() else { return self.b.load(Width::B8, parts, 0) };
        match a {
            Aggregation::Avg { signed } => self.average(map, parts, signed),
            Aggregation::Min { .. } | Aggregation::Max { .. } => self.extreme(map, parts, &a),
            _ => self.b.load(Width::B8, parts, 0),
        }
    }

    /// The greatest of all parts, as it was before the order was put on it; 0 where there is none.
    fn extreme(&mut self, map: hir::MapId, parts: Value, a: &Aggregation) -> Value {
        let [best, any] = [(); 2].map(|()| self.zeroed());
        self.each_part(map, parts, |f, part| {
            let mark = f.b.load(Width::B8, part, 8);
            f.or_to(any, mark);
            let n = f.b.load(Width::B8, part, 0);
            f.or_to(any, n);
            let so_far = f.b.load(Width::B8, best, 0);
            let (take, keep) = (f.b.block(0), f.b.block(0));
            f.b.branch(Cond::UGt, n, so_far, take, keep);
            f.b.switch_to(take);
            f.b.store(Width::B8, best, 0, n);
            f.b.jump(keep, &[]);
            f.b.switch_to(keep);
        });
        let order = reduce(&Type::Aggregation(a.clone())).order();
        let (some, done) = (self.b.block(0), self.b.block(1));
        let any = self.b.load(Width::B8, any, 0);
        let zero = self.b.iconst(0);
        let none = self.b.block(0);
        self.b.branch_imm(Cond::Ne, any, 0, some, none);
        self.b.switch_to(none);
        self.b.jump(done, &[zero]);
        self.b.switch_to(some);
        let best = self.b.load(Width::B8, best, 0);
        let best = self.b.bin_imm(BinOp::Xor, best, order as i64);
        self.b.jump(done, &[best]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// The total of all parts by their count; 0 where that is 0.
    fn average(&mut self, map: hir::MapId, parts: Value, signed: bool) -> Value {
        let [total, count] = [(); 2].map(|()| self.zeroed());
        let [part_total, part_count] = [(); 2].map(|()| self.zeroed());
        self.each_part(map, parts, |f, part| {
            // Where no moment is seen, the part counts for nothing.
            let zero = f.b.iconst(0);
            for at in [part_total, part_count] {
                f.b.store(Width::B8, at, 0, zero);
            }
            f.read_average(part, part_total, part_count);
            for (all, one) in [(total, part_total), (count, part_count)] {
                let (all_so_far, one) = (f.b.load(Width::B8, all, 0), f.b.load(Width::B8, one, 0));
                let sum = f.b.bin(BinOp::Add, all_so_far, one);
                f.b.store(Width::B8, all, 0, sum);
            }
        });
        let (total, count) = (self.b.load(Width::B8, total, 0), self.b.load(Width::B8, count, 0));
        let (some, none, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        self.b.branch_imm(Cond::Ne, count, 0, some, none);
        self.b.switch_to(some);
        let quotient = self.binary(hir::BinaryOp::Div { signed }, total, count, None);
        self.b.jump(done, &[quotient]);
        self.b.switch_to(none);
        let zero = self.b.iconst(0);
        self.b.jump(done, &[zero]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// Reads total and count of a part that its CPU may be changing. What tells of changes is read before and behind all
    /// else; only where it is the same, what lies between is of one moment. If no change is going on, that is the total;
    /// else the one of before the change, and a call of a helper gives the CPU the time to finish: a program that was
    /// stopped in the middle has left that total for good.
    fn read_average(&mut self, part: Value, total: Value, count: Value) {
        let round = self.begin_loop(Rounds::Search(TRIES));
        let begun = self.b.load(Width::B8, part, BEGUN);
        let counted = self.b.load(Width::B8, part, COUNT);
        let sum = self.b.load(Width::B8, part, TOTAL);
        let saved = self.b.load(Width::B8, part, BEFORE);
        let still_counted = self.b.load(Width::B8, part, COUNT);
        let still_begun = self.b.load(Width::B8, part, BEGUN);
        let (same, of_one_moment, quiet, open) = (self.b.block(0), self.b.block(0), self.b.block(0), self.b.block(0));
        self.b.branch(Cond::Eq, begun, still_begun, same, round.next);
        self.b.switch_to(same);
        self.b.branch(Cond::Eq, counted, still_counted, of_one_moment, round.next);
        self.b.switch_to(of_one_moment);
        // More were counted than have begun where the memory was another entry's, which was deleted, when they did.
        self.b.branch(Cond::UGe, counted, begun, quiet, open);
        self.b.switch_to(quiet);
        self.b.store(Width::B8, total, 0, sum);
        self.b.store(Width::B8, count, 0, counted);
        self.b.jump(round.out, &[]);
        self.b.switch_to(open);
        // While somebody takes what is there, it counts as taken.
        let taking = self.b.bin_imm(BinOp::LShr, begun, i64::from(TAKING.trailing_zeros()));
        let none = self.b.iconst(0);
        let free = self.b.cmp(Cond::Eq, taking, none);
        for (value, at) in [(saved, total), (counted, count)] {
            let value = self.b.bin(BinOp::Mul, value, free);
            self.b.store(Width::B8, at, 0, value);
        }
        self.b.helper(KTIME_GET_NS, &[]);
        self.end_loop(&round);
    }

    /// Runs `write` on this CPU's part of a spread aggregation.
    pub fn with_own_part(&mut self, map: hir::MapId, parts: Value, write: impl FnOnce(&mut Self, Memory)) {
        let cpu = self.b.helper(GET_SMP_PROCESSOR_ID, &[]);
        let (beyond, done) = (self.b.block(0), self.b.block(0));
        let base = self.part_of_cpu(map, parts, cpu, beyond);
        write(self, Memory { base, offset: 0 });
        self.b.jump(done, &[]);
        self.b.switch_to(beyond);
        let name = &self.hir_map(map).name;
        let loss = self.shared.loss(LossKind::MapFull, name, self.b.span);
        self.count_loss(loss);
        self.b.jump(done, &[]);
        self.b.switch_to(done);
    }

    /// Takes from a spread variable what it holds, and its marks: 0 when it was assigned, else 1.
    pub fn unassign_parts(&mut self, map: hir::MapId, parts: Value) -> Value {
        let size = self.stored_size(map);
        let average = matches!(self.hir_map(map).value, Type::Aggregation(Aggregation::Avg { .. }));
        let marks = self.zeroed();
        self.each_part(map, parts, |f, part| {
            let mark = f.b.load(Width::B8, part, size as i32);
            f.or_to(marks, mark);
            if average {
                f.take_average(part);
                f.b.clear(part, size as i32, 8);
            } else {
                f.b.clear(part, 0, size + 8);
            }
        });
        let marks = self.b.load(Width::B8, marks, 0);
        let zero = self.b.iconst(0);
        self.b.cmp(Cond::Eq, marks, zero)
    }

    /// Subtracts from a part what it holds: what its CPU adds meanwhile stays. Others that do the same wait, for all
    /// see who was first, and who reads sees that the two counts differ.
    fn take_average(&mut self, part: Value) {
        let round = self.begin_loop(Rounds::Search(2 * TRIES));
        self.add_to(part, BEGUN, TAKING as i64);
        let count = self.b.load(Width::B8, part, COUNT);
        let total = self.b.load(Width::B8, part, TOTAL);
        let begun = self.b.load(Width::B8, part, BEGUN);
        let begun = self.b.bin_imm(BinOp::Sub, begun, TAKING as i64);
        let (take, again) = (self.b.block(0), self.b.block(0));
        self.b.branch(Cond::Eq, begun, count, take, again);
        self.b.switch_to(take);
        let zero = self.b.iconst(0);
        for (value, offset) in [(total, TOTAL), (count, COUNT)] {
            let negative = self.b.bin(BinOp::Sub, zero, value);
            self.b.push(Op::AtomicAdd(Width::B8, Memory { base: part, offset }, negative));
        }
        let end = self.b.bin_imm(BinOp::Add, count, TAKING as i64);
        let end = self.b.bin(BinOp::Sub, zero, end);
        self.b.push(Op::AtomicAdd(Width::B8, Memory { base: part, offset: BEGUN }, end));
        self.b.jump(round.out, &[]);
        self.b.switch_to(again);
        self.add_to(part, BEGUN, -(TAKING as i64));
        self.b.helper(KTIME_GET_NS, &[]);
        self.end_loop(&round);
    }

    fn add_to(&mut self, part: Value, offset: i32, n: i64) {
        let n = self.b.iconst(n);
        self.b.push(Op::AtomicAdd(Width::B8, Memory { base: part, offset }, n));
    }

    /// Runs `body` on the address of each part.
    fn each_part(&mut self, map: hir::MapId, parts: Value, body: impl FnOnce(&mut Self, Value)) {
        let cpus = self.cpus();
        let round = self.begin_loop(Rounds::Counted(cpus));
        let part = self.part_of_cpu(map, parts, round.index, round.out);
        body(self, part);
        self.end_loop(&round);
    }

    /// The part of a CPU; goes to `beyond` where there is none.
    fn part_of_cpu(&mut self, map: hir::MapId, parts: Value, cpu: Value, beyond: Block) -> Value {
        let size = self.shared.manifest.maps[map.0 as usize].value_size;
        let cpus = self.cpus();
        let (known, within) = (self.b.block(0), self.b.block(0));
        self.b.branch(Cond::ULt, cpu, cpus, known, beyond);
        self.b.switch_to(known);
        // The verifier may know nothing of a number that is read again: from scratch memory or, by old kernels, from the stack.
        // So a value of its own is compared once more, and used at once. Elsewhere the verifier sees only one way here.
        let cpu = self.b.bin_imm(BinOp::And, cpu, i64::from(MOST_CPUS) - 1);
        self.b.branch(Cond::ULt, cpu, cpus, within, beyond);
        self.b.switch_to(within);
        let offset = self.b.bin_imm(BinOp::Mul, cpu, i64::from(size));
        self.b.bin(BinOp::Add, parts, offset)
    }

    /// How many CPUs have parts: a number that the verifier knows, for the runtime sets it before it loads.
    fn cpus(&mut self) -> Value {
        let cpus = self.global(GlobalValue::Cpus);
        self.b.push(Op::UMin(cpus, u64::from(MOST_CPUS)))
    }

    /// A word on the stack that is 0.
    pub fn zeroed(&mut self) -> Value {
        let slot = self.b.slot(8);
        let at = self.b.slot_addr(slot);
        let zero = self.b.iconst(0);
        self.b.store(Width::B8, at, 0, zero);
        at
    }

    fn or_to(&mut self, at: Value, value: Value) {
        let old = self.b.load(Width::B8, at, 0);
        let new = self.b.bin(BinOp::Or, old, value);
        self.b.store(Width::B8, at, 0, new);
    }
}
