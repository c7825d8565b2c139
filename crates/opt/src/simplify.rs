//! Algebra: replaces operations by cheaper ones or by a value that is already there.
//!
//! Requires: `const_fold` ran. Keeps: the blocks, calls, loads and every `umin`; a branch
//! keeps its place but may compare other values.

use btc_ir::{BinOp, Cfg, Cond, Function, Op, Terminator, Value};

use crate::constants::Constants;
use crate::rewrite::{Rewrites, for_each_use_mut};

/// Runs the pass.
pub fn run(func: &mut Function) -> bool {
    let mut s = Simplifier {
        constants: Constants::collect(func),
        rewrites: Rewrites::new(func),
        ops: vec![None; func.values as usize],
        changed: false,
    };
    for block in Cfg::new(func).order {
        let mut insts = std::mem::take(&mut func.blocks[block.index()].insts);
        insts.retain_mut(|inst| {
            inst.op.for_each_operand_mut(|v| *v = s.rewrites.get(*v));
            let Some(result) = inst.result else { return true };
            // A few steps settle an operation, such as a swap and then a shift for a product.
            for _ in 0..4 {
                match s.step(func, &inst.op) {
                    None => break,
                    Some(New::Value(v)) => {
                        s.rewrites.replace(result, v);
                        return false;
                    }
                    Some(New::Op(op)) => {
                        s.changed = true;
                        inst.op = op;
                    }
                }
            }
            s.remember(result, &inst.op);
            true
        });
        func.blocks[block.index()].insts = insts;
        if let Some(mut terminator) = func.blocks[block.index()].terminator.take() {
            for_each_use_mut(&mut terminator, |v| *v = s.rewrites.get(*v));
            s.branch(&mut terminator);
            func.blocks[block.index()].terminator = Some(terminator);
        }
    }
    let changed = s.changed | s.rewrites.any();
    s.rewrites.apply(func);
    s.constants.finish(func) | changed
}

/// What an operation becomes.
enum New {
    Value(Value),
    Op(Op),
}

struct Simplifier {
    constants: Constants,
    rewrites: Rewrites,
    /// Definitions met so far, of the kinds that rules look through.
    ops: Vec<Option<Op>>,
    changed: bool,
}

impl Simplifier {
    fn remember(&mut self, v: Value, op: &Op) {
        let wanted = matches!(
            op,
            Op::Bin(..)
                | Op::Cmp(..)
                | Op::SignExtend(..)
                | Op::ZeroExtend(..)
                | Op::UMin(..)
                | Op::Load(..)
                | Op::LoadLate(..)
                | Op::KfuncAddr(_)
        );
        if let (true, Some(slot)) = (wanted, self.ops.get_mut(v.index())) {
            *slot = Some(op.clone());
        }
    }

    fn op(&self, v: Value) -> Option<&Op> {
        self.ops.get(v.index())?.as_ref()
    }

    fn number(&self, v: Value) -> Option<i64> {
        self.constants.number(v)
    }

    fn constant(&mut self, func: &mut Function, n: i64) -> New {
        New::Value(self.constants.value(func, n))
    }

    fn with(&mut self, func: &mut Function, op: BinOp, a: Value, n: i64) -> New {
        New::Op(Op::Bin(op, a, self.constants.value(func, n)))
    }

    fn step(&mut self, func: &mut Function, op: &Op) -> Option<New> {
        match op {
            Op::Bin(op, a, b) => match self.number(*b) {
                Some(n) => self.with_number(func, *op, *a, n),
                None if commutes(*op) && self.number(*a).is_some() => Some(New::Op(Op::Bin(*op, *b, *a))),
                None if a == b => self.with_itself(func, *op, *a),
                None => None,
            },
            Op::Cmp(cond, a, b) => self.comparison(func, *cond, *a, *b),
            Op::ZeroExtend(bits, a) => self.zero_extension(*bits, *a),
            Op::SignExtend(bits, a) => self.sign_extension(*bits, *a),
            _ => None,
        }
    }

    /// `a op n`
    fn with_number(&mut self, func: &mut Function, op: BinOp, a: Value, n: i64) -> Option<New> {
        let un = n as u64;
        let power = un.is_power_of_two().then(|| i64::from(un.trailing_zeros()));
        match (op, n) {
            (BinOp::Add | BinOp::Sub | BinOp::Or | BinOp::Xor, 0) => return Some(New::Value(a)),
            (BinOp::Mul | BinOp::UDiv, 1) | (BinOp::And, -1) => return Some(New::Value(a)),
            (BinOp::UMod, 0) => return Some(New::Value(a)),
            (BinOp::Mul | BinOp::And | BinOp::UDiv, 0) | (BinOp::UMod, 1) => {
                return Some(self.constant(func, 0));
            }
            (BinOp::Or, -1) => return Some(self.constant(func, -1)),
            (BinOp::Shl | BinOp::LShr | BinOp::AShr, n) if n & 63 == 0 => return Some(New::Value(a)),
            _ => {}
        }
        match (op, power) {
            (BinOp::Mul, Some(p)) => return Some(self.with(func, BinOp::Shl, a, p)),
            (BinOp::UDiv, Some(p)) => return Some(self.with(func, BinOp::LShr, a, p)),
            (BinOp::Sub, _) => return Some(self.with(func, BinOp::Add, a, n.wrapping_neg())),
            (BinOp::UMod, Some(_)) => return Some(self.with(func, BinOp::And, a, n.wrapping_sub(1))),
            _ => {}
        }
        // Sums of sums, ands of ands, shifts of shifts.
        let Some(&Op::Bin(inner, x, m)) = self.op(a) else { return None };
        let m = self.number(m)?;
        match (op, inner) {
            (BinOp::Add, BinOp::Add) => Some(self.with(func, op, x, m.wrapping_add(n))),
            (BinOp::And, BinOp::And) if m & n != m => Some(self.with(func, op, x, m & n)),
            (BinOp::And, BinOp::And) => Some(New::Value(a)),
            (BinOp::Shl | BinOp::LShr, _) if op == inner && (m & 63) + (n & 63) < 64 => {
                Some(self.with(func, op, x, (m & 63) + (n & 63)))
            }
            _ => None,
        }
    }

    fn with_itself(&mut self, func: &mut Function, op: BinOp, a: Value) -> Option<New> {
        match op {
            BinOp::Sub | BinOp::Xor => Some(self.constant(func, 0)),
            BinOp::And | BinOp::Or => Some(New::Value(a)),
            _ => None,
        }
    }

    fn comparison(&mut self, func: &mut Function, cond: Cond, a: Value, b: Value) -> Option<New> {
        let Some(n) = self.number(b) else {
            if self.number(a).is_some() {
                return Some(New::Op(Op::Cmp(swapped(cond), b, a)));
            }
            // The guard of a kernel function stays a comparison.
            let guard = matches!(self.op(a), Some(Op::KfuncAddr(_)));
            let holds = matches!(cond, Cond::Eq | Cond::ULe | Cond::UGe | Cond::SLe | Cond::SGe);
            return (a == b && !guard).then(|| self.constant(func, i64::from(holds)));
        };
        let Some(&Op::Cmp(inner, x, y)) = self.op(a) else { return None };
        match truth(cond, n)? {
            true => Some(New::Value(a)),
            false => Some(New::Op(Op::Cmp(inverse(inner), x, y))),
        }
    }

    fn zero_extension(&self, bits: u8, a: Value) -> Option<New> {
        if self.bits(a, 4) <= bits {
            return Some(New::Value(a));
        }
        match self.op(a)? {
            Op::ZeroExtend(n, x) | Op::SignExtend(n, x) if *n >= bits => {
                Some(New::Op(Op::ZeroExtend(bits, *x)))
            }
            _ => None,
        }
    }

    fn sign_extension(&self, bits: u8, a: Value) -> Option<New> {
        if self.bits(a, 4) < bits {
            return Some(New::Value(a));
        }
        match self.op(a)? {
            Op::SignExtend(n, _) if *n <= bits => Some(New::Value(a)),
            Op::ZeroExtend(n, x) | Op::SignExtend(n, x) if *n >= bits => {
                Some(New::Op(Op::SignExtend(bits, *x)))
            }
            _ => None,
        }
    }

    /// How many low bits of a value can be set; looks through so many definitions.
    fn bits(&self, v: Value, depth: u32) -> u8 {
        if let Some(n) = self.number(v) {
            return (64 - n.leading_zeros()) as u8;
        }
        let Some(op) = self.op(v).filter(|_| depth > 0) else { return 64 };
        match op {
            Op::Load(w, _) | Op::LoadLate(w, ..) => (8 * w.bytes()) as u8,
            Op::ZeroExtend(bits, a) => (*bits).min(self.bits(*a, depth - 1)),
            Op::Cmp(..) => 1,
            Op::UMin(_, n) => (64 - n.leading_zeros()) as u8,
            Op::Bin(BinOp::And, a, b) => self.bits(*a, depth - 1).min(self.bits(*b, depth - 1)),
            Op::Bin(BinOp::Or | BinOp::Xor, a, b) => self.bits(*a, depth - 1).max(self.bits(*b, depth - 1)),
            Op::Bin(BinOp::LShr, a, b) => match self.number(*b) {
                Some(n) => self.bits(*a, depth - 1).saturating_sub((n & 63) as u8),
                None => 64,
            },
            _ => 64,
        }
    }

    /// A branch on the result of a comparison becomes a branch on the comparison.
    fn branch(&mut self, terminator: &mut Terminator) {
        let Terminator::Branch { cond, left, right, .. } = terminator else { return };
        if self.number(*left).is_some() && self.number(*right).is_none() {
            (*cond, *left, *right) = (swapped(*cond), *right, *left);
            self.changed = true;
        }
        // Each turn goes to an earlier definition.
        while let (Some(n), Some(&Op::Cmp(inner, x, y))) = (self.number(*right), self.op(*left)) {
            let Some(truth) = truth(*cond, n) else { break };
            (*cond, *left, *right) = (if truth { inner } else { inverse(inner) }, x, y);
            self.changed = true;
        }
    }
}

fn commutes(op: BinOp) -> bool {
    matches!(op, BinOp::Add | BinOp::Mul | BinOp::And | BinOp::Or | BinOp::Xor)
}

/// For `c cond n` where c is 0 or 1: whether it is `c` itself, or its opposite.
fn truth(cond: Cond, n: i64) -> Option<bool> {
    match (cond, n) {
        (Cond::Ne | Cond::UGt | Cond::SGt, 0) | (Cond::Eq | Cond::UGe | Cond::SGe, 1) => Some(true),
        (Cond::Eq | Cond::ULe | Cond::SLe, 0) | (Cond::Ne | Cond::ULt | Cond::SLt, 1) => Some(false),
        _ => None,
    }
}

/// The comparison with its operands swapped.
fn swapped(cond: Cond) -> Cond {
    match cond {
        Cond::Eq => Cond::Eq,
        Cond::Ne => Cond::Ne,
        Cond::ULt => Cond::UGt,
        Cond::ULe => Cond::UGe,
        Cond::UGt => Cond::ULt,
        Cond::UGe => Cond::ULe,
        Cond::SLt => Cond::SGt,
        Cond::SLe => Cond::SGe,
        Cond::SGt => Cond::SLt,
        Cond::SGe => Cond::SLe,
    }
}

/// The comparison that holds when the other does not.
fn inverse(cond: Cond) -> Cond {
    match cond {
        Cond::Eq => Cond::Ne,
        Cond::Ne => Cond::Eq,
        Cond::ULt => Cond::UGe,
        Cond::ULe => Cond::UGt,
        Cond::UGt => Cond::ULe,
        Cond::UGe => Cond::ULt,
        Cond::SLt => Cond::SGe,
        Cond::SLe => Cond::SGt,
        Cond::SGt => Cond::SLe,
        Cond::SGe => Cond::SLt,
    }
}
