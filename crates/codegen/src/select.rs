//! Selection of single instructions: the operand forms that BPF offers.
//!
//! Folds constants into immediates, sums into displacements, and late constants that are
//! used once into arithmetic. Accesses to the stack keep their natural alignment, which
//! the verifier demands there; fills and copies keep it everywhere.

use btc_ir::{BinOp, Callee, Fact, InstData, Late, LateId, Memory, Op, Value, Width};

use crate::isel::{Selector, swapped};
use crate::mir::{self, Base, Form, Inst, Off, Opd, Source, VReg};

impl Selector<'_> {
    /// Selects one instruction, unless nobody needs it.
    pub fn select_inst(&mut self, inst: &InstData) {
        let d = match inst.result {
            Some(v) if inst.op.is_pure() => {
                if !self.is_wanted(v) {
                    return;
                }
                Some(self.own_reg(v))
            }
            Some(v) => self.is_wanted(v).then(|| self.own_reg(v)),
            None => None,
        };
        match (&inst.op, d) {
            (Op::Call(callee, args), d) => self.call(*callee, args, d),
            (Op::Store(width, m, v), _) => {
                let s = self.stored(*width, *v);
                let (base, off) = self.address(*m);
                self.emit(vec![Inst::Store { width: *width, base, off, s }]);
            }
            (Op::AtomicAdd(width, m, v), _) => {
                let s = self.reg(*v);
                let (base, off) = self.address(*m);
                self.emit(vec![Inst::AtomicAdd { width: *width, base, off, s }]);
            }
            (Op::Clear(m, len), _) => self.clear(*m, *len),
            (Op::Copy { to, from, len }, _) => self.copy(*to, *from, *len),
            (op, Some(d)) => self.pure(op, d),
            (_, None) => {}
        }
    }

    fn pure(&mut self, op: &Op, d: VReg) {
        match op {
            Op::Bin(..) if matches!(self.code.regs[d.0 as usize].remake, Some(Source::Sum(..))) => {
                let source = self.code.regs[d.0 as usize].remake;
                self.emit(source.into_iter().map(|s| Inst::Set { d, s }).collect());
            }
            Op::Late(late) => self.late(*late, d),
            Op::Bin(op, a, b) => self.arithmetic(*op, *a, *b, d),
            Op::ZeroExtend(bits, a) => self.zero_extend(*bits, *a, d),
            Op::SignExtend(bits, a) => {
                let s = self.source(*a);
                let n = Opd::Imm(64 - i32::from(*bits));
                let mut insts = vec![Inst::Set { d, s }];
                if *bits < 64 {
                    insts.push(Inst::Alu { op: BinOp::Shl, d, s: n });
                    insts.push(Inst::Alu { op: BinOp::AShr, d, s: n });
                }
                self.emit(insts);
            }
            Op::Extend(late, a) => {
                let s = self.source(*a);
                let shift = |op| Inst::AluLate { op, d, late: *late };
                self.emit(vec![Inst::Set { d, s }, shift(BinOp::Shl), shift(BinOp::AShr)]);
            }
            Op::ByteSwap(bits, a) => {
                let s = self.source(*a);
                self.emit(vec![Inst::Set { d, s }, Inst::Swap { bits: *bits, d }]);
            }
            Op::Cmp(cond, a, b) => {
                let (mut cond, mut a, mut b) = (*cond, *a, *b);
                if self.constant(a).is_some() && self.constant(b).is_none() {
                    (cond, a, b) = (swapped(cond), b, a);
                }
                let (a, b) = (self.reg(a), self.opd(b));
                self.emit(vec![Inst::Compare { cond, d, a, b }]);
            }
            Op::UMin(a, n) => {
                let limit = match i32::try_from(*n) {
                    Ok(n) => Opd::Imm(n),
                    Err(_) => {
                        let n = Source::Imm(*n as i64);
                        Opd::Reg(self.before(|d| vec![Inst::Set { d, s: n }]))
                    }
                };
                let s = self.source(*a);
                self.emit(vec![Inst::Set { d, s }, Inst::UMin { d, n: limit }]);
            }
            Op::Load(width, m) => {
                let (base, off) = self.address(*m);
                self.emit(vec![Inst::Load { width: *width, d, base, off: Off::Fixed(off) }]);
            }
            Op::LoadLate(width, p, late) => {
                let base = Base::Reg(self.reg(*p));
                self.emit(vec![Inst::Load { width: *width, d, base, off: Off::Late(*late) }]);
            }
            Op::GlobalAddr(g) => {
                let s = Source::Addr(btc_bpf::Target::Global(g.0, 0));
                self.emit(vec![Inst::Set { d, s }]);
            }
            // Made anew by each user, and so never wanted in a register of their own.
            _ => {}
        }
    }

    fn late(&mut self, late: LateId, d: VReg) {
        let form = self.form(late);
        let mut insts = vec![Inst::Set { d, s: Source::Late(late, form) }];
        if matches!(self.module.late_of(late), Late::KernelVersion) {
            let address = self.code.reg(mir::Info::default());
            insts = vec![
                Inst::Set { d: address, s: Source::Late(late, form) },
                Inst::Load { width: Width::B4, d, base: Base::Reg(address), off: Off::Fixed(0) },
            ];
        }
        self.emit(insts);
    }

    fn arithmetic(&mut self, op: BinOp, mut a: Value, mut b: Value, d: VReg) {
        let commutes = matches!(op, BinOp::Add | BinOp::Mul | BinOp::And | BinOp::Or | BinOp::Xor);
        if commutes && self.constant(b).is_none() {
            // The operand that lives on should not be the one that is overwritten.
            let kept = self.is_wanted(a) && !self.is_wanted(b);
            if self.constant(a).is_some() || kept && self.op(b).is_some_and(|o| !matches!(o, Op::Late(_))) {
                (a, b) = (b, a);
            }
        }
        if let Some(late) = self.folded_late(op, b) {
            let s = self.source(a);
            return self.emit(vec![Inst::Set { d, s }, Inst::AluLate { op, d, late }]);
        }
        let n = self.constant(b);
        match (op, n) {
            (BinOp::Add | BinOp::Sub | BinOp::Or | BinOp::Xor, Some(0)) => {
                let s = self.source(a);
                return self.emit(vec![Inst::Set { d, s }]);
            }
            (BinOp::And, Some(0xffff_ffff)) => return self.zero_extend(32, a, d),
            // The verifier refuses both as immediates.
            (BinOp::UDiv, Some(0)) => return self.emit(vec![Inst::Set { d, s: Source::Imm(0) }]),
            (BinOp::UMod, Some(0)) => {
                let s = self.source(a);
                return self.emit(vec![Inst::Set { d, s }]);
            }
            _ => {}
        }
        let right = match (op, n) {
            (BinOp::Shl | BinOp::LShr | BinOp::AShr, Some(n)) => Opd::Imm((n & 63) as i32),
            _ => self.opd(b),
        };
        let s = self.source(a);
        self.emit(vec![Inst::Set { d, s }, Inst::Alu { op, d, s: right }]);
    }

    /// A late constant that the arithmetic instruction itself can carry. The verifier refuses to divide by an immediate 0,
    /// which is what the constant is before it is bound, and to shift by one of 64 or more, which it may be then.
    fn folded_late(&self, op: BinOp, v: Value) -> Option<LateId> {
        let v = self.resolve(v);
        let Some(Op::Late(late)) = self.op(v) else { return None };
        let fits = match op {
            BinOp::UDiv | BinOp::UMod => false,
            BinOp::Shl | BinOp::LShr | BinOp::AShr => {
                matches!(self.module.late_of(*late), Late::Field { fact: Fact::LeftShift | Fact::RightShift, .. })
            }
            _ => true,
        };
        (fits && self.uses[v.index()] == 1 && self.form(*late) == Form::Imm).then_some(*late)
    }

    fn zero_extend(&mut self, bits: u8, a: Value, d: VReg) {
        let narrow = |w: &Width| w.bytes() * 8 <= u32::from(bits);
        if bits >= 64 || matches!(self.op(a), Some(Op::Load(w, _) | Op::LoadLate(w, ..)) if narrow(w)) {
            let s = self.source(a);
            return self.emit(vec![Inst::Set { d, s }]);
        }
        if bits == 32 {
            let s = self.reg(a);
            return self.emit(vec![Inst::Mov32 { d, s }]);
        }
        let s = self.source(a);
        let mask = Opd::Imm(((1i64 << bits) - 1) as i32);
        self.emit(vec![Inst::Set { d, s }, Inst::Alu { op: BinOp::And, d, s: mask }]);
    }

    /// What a store writes: extensions that it cuts off again are left out.
    fn stored(&mut self, width: Width, mut v: Value) -> Opd {
        let bits = width.bytes() * 8;
        while let Some(Op::ZeroExtend(n, a) | Op::SignExtend(n, a)) = self.op(v) {
            if u32::from(*n) < bits {
                break;
            }
            v = *a;
        }
        match self.constant(v) {
            Some(n) if width != Width::B8 => Opd::Imm(n as i32),
            _ => self.opd(v),
        }
    }

    fn call(&mut self, callee: Callee, args: &[Value], d: Option<VReg>) {
        use btc_bpf::Target;
        let callee = match callee {
            Callee::Helper(n) => mir::Callee::Helper(n),
            Callee::Kfunc(k) => mir::Callee::Symbol(Target::KfuncCall(k.0)),
            Callee::Function(f) => mir::Callee::Symbol(Target::FunctionCall(f.0)),
        };
        let args = args.iter().map(|a| self.source(*a)).collect();
        self.emit(vec![Inst::Call { callee, args, d }]);
    }

    /// Pointer and displacement of an access, with sums of constants folded in.
    fn address(&mut self, m: Memory) -> (Base, i32) {
        let mut v = self.resolve(m.base);
        let mut off = m.offset;
        while let Some(Op::Bin(BinOp::Add, a, b)) = self.op(v) {
            let (next, n) = match (self.imm32(*a), self.imm32(*b)) {
                (None, Some(n)) => (*a, n),
                (Some(n), None) => (*b, n),
                _ => break,
            };
            match off.checked_add(n) {
                Some(sum) if i16::try_from(sum).is_ok() => off = sum,
                _ => break,
            }
            v = self.resolve(next);
        }
        if let Some(Op::SlotAddr(s)) = self.op(v) {
            return (Base::Slot(s.0), off);
        }
        if i16::try_from(off).is_ok() {
            return (Base::Reg(self.reg(v)), off);
        }
        let base = self.source(v);
        let far = self.before(|d| {
            vec![Inst::Set { d, s: base }, Inst::Alu { op: BinOp::Add, d, s: Opd::Imm(off) }]
        });
        (Base::Reg(far), 0)
    }

    /// An access to `len` bytes whose last displacement also fits.
    fn area(&mut self, m: Memory, len: u32) -> (Base, i32) {
        let (base, off) = self.address(m);
        let fits = i64::from(off) + i64::from(len) <= i64::from(i16::MAX);
        match base {
            Base::Reg(r) if !fits => {
                let far = self.before(|d| {
                    let s = Opd::Imm(off);
                    vec![Inst::Set { d, s: Source::Reg(r) }, Inst::Alu { op: BinOp::Add, d, s }]
                });
                (Base::Reg(far), 0)
            }
            _ => (base, off),
        }
    }

    fn clear(&mut self, m: Memory, len: u32) {
        let (base, off) = self.area(m, len);
        let store = |(at, width)| Inst::Store { width, base, off: off + at, s: Opd::Imm(0) };
        let insts = chunks(len, &[off]).into_iter().map(store).collect();
        self.emit(insts);
    }

    fn copy(&mut self, to: Memory, from: Memory, len: u32) {
        let (to, to_off) = self.area(to, len);
        let (from, from_off) = self.area(from, len);
        let mut insts = Vec::new();
        for (at, width) in chunks(len, &[to_off, from_off]) {
            let d = self.code.reg(mir::Info::default());
            insts.push(Inst::Load { width, d, base: from, off: Off::Fixed(from_off + at) });
            insts.push(Inst::Store { width, base: to, off: to_off + at, s: Opd::Reg(d) });
        }
        self.emit(insts);
    }
}

/// Cuts `len` bytes into naturally aligned accesses, given where the areas begin.
fn chunks(len: u32, starts: &[i32]) -> Vec<(i32, Width)> {
    let mut result = Vec::new();
    let mut at = 0u32;
    while at < len {
        let fits = |size: &u32| {
            at + size <= len && starts.iter().all(|s| (s.wrapping_add(at as i32) as u32).is_multiple_of(*size))
        };
        let size = [8u32, 4, 2].into_iter().find(fits).unwrap_or(1);
        result.push((at as i32, Width::of(size).unwrap_or(Width::B1)));
        at += size;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_aligned() {
        let sizes = |len, starts: &[i32]| -> Vec<u32> {
            chunks(len, starts).into_iter().map(|(_, w)| w.bytes()).collect()
        };
        assert_eq!(sizes(13, &[0]), [8, 4, 1]);
        assert_eq!(sizes(12, &[-12]), [4, 8]);
        assert_eq!(sizes(16, &[0, 4]), [4, 4, 4, 4]);
    }
}
