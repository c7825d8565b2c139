//! Evaluates IR directly, for comparison. Pointers are numbers: inputs at [`INPUTS`],
//! slots from [`SLOTS`], each [`STRIDE`] apart.

use std::collections::HashMap;

use btc_ir::{BinOp, Block, Cond, Function, Op, Terminator, Value};

const INPUTS: u64 = 1 << 40;
const SLOTS: u64 = 1 << 41;
const STRIDE: u64 = 1 << 20;

/// The result of a function on inputs; `None` after too many steps.
pub fn eval(func: &Function, inputs: &[u64]) -> Option<u64> {
    let mut e = Eval { values: vec![0; func.values as usize], bytes: HashMap::new() };
    for (n, v) in inputs.iter().enumerate() {
        e.store(INPUTS + 8 * n as u64, 8, *v);
    }
    let mut block = Block(0);
    e.values[func.block(block).params[0].index()] = INPUTS;
    for _ in 0..10_000 {
        for inst in &func.block(block).insts {
            let v = e.op(&inst.op);
            if let Some(r) = inst.result {
                e.values[r.index()] = v;
            }
        }
        let jump = match func.block(block).terminator.as_ref()? {
            Terminator::Return(v) => return Some(e.get(*v)),
            Terminator::Jump(j) => j,
            Terminator::Branch { cond, left, right, then, otherwise } => {
                if holds(*cond, e.get(*left), e.get(*right)) { then } else { otherwise }
            }
        };
        let args: Vec<u64> = jump.args.iter().map(|a| e.get(*a)).collect();
        block = jump.block;
        for (p, a) in func.block(block).params.iter().zip(args) {
            e.values[p.index()] = a;
        }
    }
    None
}

struct Eval {
    values: Vec<u64>,
    bytes: HashMap<u64, u8>,
}

impl Eval {
    fn get(&self, v: Value) -> u64 {
        self.values[v.index()]
    }

    fn load(&self, at: u64, len: u32) -> u64 {
        (0..u64::from(len)).map(|n| u64::from(*self.bytes.get(&(at + n)).unwrap_or(&0)) << (8 * n)).sum()
    }

    fn store(&mut self, at: u64, len: u32, v: u64) {
        for n in 0..u64::from(len) {
            self.bytes.insert(at + n, (v >> (8 * n)) as u8);
        }
    }

    fn op(&mut self, op: &Op) -> u64 {
        let at = |e: &Eval, m: &btc_ir::Memory| e.get(m.base).wrapping_add(m.offset as i64 as u64);
        match op {
            Op::Const(n) => *n as u64,
            Op::Bin(op, a, b) => bin(*op, self.get(*a), self.get(*b)),
            Op::SignExtend(n, a) => ((self.get(*a) << (64 - n)) as i64 >> (64 - n)) as u64,
            Op::ZeroExtend(n, a) => self.get(*a) << (64 - n) >> (64 - n),
            Op::ByteSwap(n, a) => self.get(*a).swap_bytes() >> (64 - n),
            Op::Cmp(c, a, b) => u64::from(holds(*c, self.get(*a), self.get(*b))),
            Op::UMin(a, n) => self.get(*a).min(*n),
            Op::Load(w, m) => self.load(at(self, m), w.bytes()),
            Op::Store(w, m, v) => {
                self.store(at(self, m), w.bytes(), self.get(*v));
                0
            }
            Op::Clear(m, len) => {
                (0..*len).for_each(|n| self.store(at(self, m) + u64::from(n), 1, 0));
                0
            }
            Op::Copy { to, from, len } => {
                for n in 0..u64::from(*len) {
                    let byte = self.load(at(self, from) + n, 1);
                    self.store(at(self, to) + n, 1, byte);
                }
                0
            }
            Op::SlotAddr(s) => SLOTS + u64::from(s.0) * STRIDE,
            Op::Call(_, args) => {
                let a = |n: usize| args.get(n).map_or(0, |v| self.get(*v));
                super::mix(a(0), a(1), a(2), a(3), a(4))
            }
            other => panic!("not evaluated: {other:?}"),
        }
    }
}

fn bin(op: BinOp, a: u64, b: u64) -> u64 {
    match op {
        BinOp::Add => a.wrapping_add(b),
        BinOp::Sub => a.wrapping_sub(b),
        BinOp::Mul => a.wrapping_mul(b),
        BinOp::UDiv => a.checked_div(b).unwrap_or(0),
        BinOp::UMod => a.checked_rem(b).unwrap_or(a),
        BinOp::And => a & b,
        BinOp::Or => a | b,
        BinOp::Xor => a ^ b,
        BinOp::Shl => a << (b & 63),
        BinOp::LShr => a >> (b & 63),
        BinOp::AShr => ((a as i64) >> (b & 63)) as u64,
    }
}

fn holds(cond: Cond, a: u64, b: u64) -> bool {
    let (x, y) = (a as i64, b as i64);
    match cond {
        Cond::Eq => a == b,
        Cond::Ne => a != b,
        Cond::ULt => a < b,
        Cond::ULe => a <= b,
        Cond::UGt => a > b,
        Cond::UGe => a >= b,
        Cond::SLt => x < y,
        Cond::SLe => x <= y,
        Cond::SGt => x > y,
        Cond::SGe => x >= y,
    }
}
