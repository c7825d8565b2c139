//! Executes functions over a small model of memory: the oracle for the optimiser and the
//! code generator. Helpers, late constants and globals come from a [`Host`].
//!
//! `bpf_loop` and `bpf_for_each_map_elem` are done here, since they call back.

use crate::memory::{Memory, RegionKind, Trap};
use crate::{
    BinOp, Callee, Cond, FuncId, Function, GlobalId, InstData, Jump, KfuncId, LateId, MapId, Module, Op,
    Terminator, Value,
};

/// Most nested calls, as the kernel's `MAX_CALL_FRAMES`.
const MAX_DEPTH: usize = 8;
/// `bpf_for_each_map_elem`
const FOR_EACH_MAP_ELEM: u32 = 164;
/// `bpf_loop`
const LOOP: u32 = 181;
/// Upper bits of a map's address.
const MAPS: u64 = 0xffff_a000_0000_0000;
/// Upper bits of a function's address.
const FUNCTIONS: u64 = 0xffff_b000_0000_0000;

/// What a program finds around it.
pub trait Host {
    /// All memory.
    fn memory(&mut self) -> &mut Memory;
    /// The value of a late constant.
    fn late(&mut self, module: &Module, late: LateId) -> Result<u64, Trap>;
    /// The address of a global.
    fn global(&mut self, module: &Module, global: GlobalId) -> Result<u64, Trap>;
    /// The address of a kernel function, 0 when there is none.
    fn kfunc_address(&mut self, module: &Module, kfunc: KfuncId) -> u64;
    /// Calls a kernel function.
    fn kfunc(&mut self, module: &Module, kfunc: KfuncId, args: &[u64]) -> Result<u64, Trap>;
    /// Calls a helper.
    fn helper(&mut self, module: &Module, number: u32, args: &[u64]) -> Result<u64, Trap>;
    /// Address of key and value of each element, the key as a copy.
    fn elements(&mut self, module: &Module, map: MapId) -> Result<Vec<(u64, u64)>, Trap>;
}

/// The address of a map, as helpers get it.
pub fn map_address(map: MapId) -> u64 {
    MAPS | u64::from(map.0)
}

/// The map at an address.
pub fn map_at(address: u64) -> Result<MapId, Trap> {
    match address ^ MAPS {
        n if n <= u64::from(u32::MAX) => Ok(MapId(n as u32)),
        _ => Err(Trap::Invalid(format!("{address:#x} is no map"))),
    }
}

/// Runs a function; each instruction and each turn of a helper's loop takes one of `steps`.
pub fn run(
    module: &Module,
    func: FuncId,
    args: &[u64],
    host: &mut dyn Host,
    steps: u64,
) -> Result<u64, Trap> {
    Interp { module, host, steps }.call(func, args, 0)
}

/// The result of an arithmetic operation.
pub fn arithmetic(op: BinOp, a: u64, b: u64) -> u64 {
    match op {
        BinOp::Add => a.wrapping_add(b),
        BinOp::Sub => a.wrapping_sub(b),
        BinOp::Mul => a.wrapping_mul(b),
        BinOp::UDiv => a.checked_div(b).unwrap_or(0),
        BinOp::UMod => a.checked_rem(b).unwrap_or(a),
        BinOp::And => a & b,
        BinOp::Or => a | b,
        BinOp::Xor => a ^ b,
        BinOp::Shl => a.wrapping_shl(b as u32),
        BinOp::LShr => a.wrapping_shr(b as u32),
        BinOp::AShr => (a as i64).wrapping_shr(b as u32) as u64,
    }
}

/// Whether a comparison holds.
pub fn holds(cond: Cond, a: u64, b: u64) -> bool {
    let (sa, sb) = (a as i64, b as i64);
    match cond {
        Cond::Eq => a == b,
        Cond::Ne => a != b,
        Cond::ULt => a < b,
        Cond::ULe => a <= b,
        Cond::UGt => a > b,
        Cond::UGe => a >= b,
        Cond::SLt => sa < sb,
        Cond::SLe => sa <= sb,
        Cond::SGt => sa > sb,
        Cond::SGe => sa >= sb,
    }
}

/// The low `bits` bits, sign-extended.
pub fn sign_extend(bits: u8, n: u64) -> u64 {
    let shift = 64u32.saturating_sub(u32::from(bits));
    ((n << (shift & 63)) as i64 >> (shift & 63)) as u64
}

/// The low `bits` bits.
pub fn zero_extend(bits: u8, n: u64) -> u64 {
    if bits >= 64 { n } else { n & ((1 << bits) - 1) }
}

/// The low `bits` bits with their bytes swapped.
pub fn byte_swap(bits: u8, n: u64) -> u64 {
    n.swap_bytes() >> (64u32.saturating_sub(u32::from(bits)) & 63)
}

struct Interp<'a> {
    module: &'a Module,
    host: &'a mut dyn Host,
    steps: u64,
}

/// Values and stack of a call.
struct Frame<'a> {
    func: &'a Function,
    values: Vec<Option<u64>>,
    /// Stack objects and scratch objects, at their first use.
    slots: Vec<Option<u64>>,
    scratch: Vec<Option<u64>>,
    depth: usize,
}

impl Frame<'_> {
    fn get(&self, v: Value) -> Result<u64, Trap> {
        let value = self.values.get(v.index()).copied().flatten();
        value.ok_or_else(|| Trap::Invalid(format!("{v} is not defined")))
    }

    fn set(&mut self, v: Value, n: u64) -> Result<(), Trap> {
        match self.values.get_mut(v.index()) {
            Some(value) => {
                *value = Some(n);
                Ok(())
            }
            None => Err(Trap::Invalid(format!("{v} is out of range"))),
        }
    }
}

impl<'a> Interp<'a> {
    fn step(&mut self) -> Result<(), Trap> {
        self.steps = self.steps.checked_sub(1).ok_or(Trap::Steps)?;
        Ok(())
    }

    fn call(&mut self, id: FuncId, args: &[u64], depth: usize) -> Result<u64, Trap> {
        let module = self.module;
        if depth >= MAX_DEPTH {
            return Err(Trap::Depth);
        }
        let missing = || Trap::Invalid(format!("no function {id}"));
        let func = module.functions.get(id.index()).ok_or_else(missing)?;
        let mut frame = Frame {
            func,
            values: vec![None; func.values as usize],
            slots: vec![None; func.slots.len()],
            scratch: vec![None; func.scratch.len()],
            depth,
        };
        let result = self.blocks(&mut frame, args);
        for address in frame.slots.iter().chain(&frame.scratch).flatten() {
            self.host.memory().end(*address);
        }
        result
    }

    fn blocks(&mut self, frame: &mut Frame<'a>, args: &[u64]) -> Result<u64, Trap> {
        let func = frame.func;
        let mut at = 0;
        let mut args = args.to_vec();
        loop {
            let block = func.blocks.get(at).ok_or_else(|| Trap::Invalid(format!("no block{at}")))?;
            if block.params.len() != args.len() {
                return Err(Trap::Invalid(format!("wrong number of parameters for block{at}")));
            }
            for (param, arg) in block.params.iter().zip(&args) {
                frame.set(*param, *arg)?;
            }
            for inst in &block.insts {
                self.inst(frame, inst)?;
            }
            self.step()?;
            let jump: &Jump = match &block.terminator {
                Some(Terminator::Return(v)) => return frame.get(*v),
                Some(Terminator::Jump(j)) => j,
                Some(Terminator::Branch { cond, left, right, then, otherwise }) => {
                    if holds(*cond, frame.get(*left)?, frame.get(*right)?) { then } else { otherwise }
                }
                None => return Err(Trap::Invalid(format!("block{at} has no end"))),
            };
            args = jump.args.iter().map(|v| frame.get(*v)).collect::<Result<_, _>>()?;
            at = jump.block.index();
        }
    }

    fn inst(&mut self, frame: &mut Frame<'a>, inst: &InstData) -> Result<(), Trap> {
        self.step()?;
        let place = |frame: &Frame<'a>, m: &crate::Memory| {
            Ok::<u64, Trap>(frame.get(m.base)?.wrapping_add(i64::from(m.offset) as u64))
        };
        match &inst.op {
            Op::Store(w, m, v) => {
                let (at, n) = (place(frame, m)?, frame.get(*v)?);
                self.host.memory().store(at, w.bytes(), n)?;
            }
            Op::AtomicAdd(w, m, v) => {
                let (at, n) = (place(frame, m)?, frame.get(*v)?);
                let old = self.host.memory().load(at, w.bytes())?;
                self.host.memory().store(at, w.bytes(), old.wrapping_add(n))?;
            }
            Op::Clear(m, len) => {
                let at = place(frame, m)?;
                self.host.memory().write(at, &vec![0; *len as usize])?;
            }
            Op::Copy { to, from, len } => {
                let (to, from) = (place(frame, to)?, place(frame, from)?);
                let bytes = self.host.memory().read(from, u64::from(*len))?.to_vec();
                self.host.memory().write(to, &bytes)?;
            }
            op => {
                let n = self.value(frame, op)?;
                if let Some(result) = inst.result {
                    frame.set(result, n)?;
                }
            }
        }
        Ok(())
    }

    /// The value that an operation yields.
    fn value(&mut self, frame: &mut Frame<'a>, op: &Op) -> Result<u64, Trap> {
        let module = self.module;
        Ok(match op {
            Op::Const(n) => *n as u64,
            Op::Late(late) => self.host.late(module, *late)?,
            Op::Bin(op, a, b) => arithmetic(*op, frame.get(*a)?, frame.get(*b)?),
            Op::SignExtend(bits, a) => sign_extend(*bits, frame.get(*a)?),
            Op::ZeroExtend(bits, a) => zero_extend(*bits, frame.get(*a)?),
            Op::Extend(late, a) => {
                let (bits, word) = (self.host.late(module, *late)? as i64, frame.get(*a)?);
                let extend = if bits < 0 { sign_extend } else { zero_extend };
                extend(bits.unsigned_abs().min(64) as u8, word)
            }
            Op::ByteSwap(bits, a) => byte_swap(*bits, frame.get(*a)?),
            Op::Cmp(cond, a, b) => u64::from(holds(*cond, frame.get(*a)?, frame.get(*b)?)),
            Op::UMin(a, n) => frame.get(*a)?.min(*n),
            Op::Load(w, m) => {
                let at = frame.get(m.base)?.wrapping_add(i64::from(m.offset) as u64);
                self.host.memory().load(at, w.bytes())?
            }
            Op::LoadLate(w, p, late) => {
                let at = frame.get(*p)?.wrapping_add(self.host.late(module, *late)?);
                self.host.memory().load(at, w.bytes())?
            }
            Op::SlotAddr(s) => {
                self.object(&frame.func.slots, &mut frame.slots, s.index(), RegionKind::Stack)?
            }
            Op::ScratchAddr(s) => {
                self.object(&frame.func.scratch, &mut frame.scratch, s.index(), RegionKind::Data)?
            }
            Op::MapAddr(map) => map_address(*map),
            Op::GlobalAddr(global) => self.host.global(module, *global)?,
            Op::FuncAddr(func) => FUNCTIONS | u64::from(func.0),
            Op::KfuncAddr(kfunc) => self.host.kfunc_address(module, *kfunc),
            Op::Call(callee, args) => {
                let args = args.iter().map(|v| frame.get(*v)).collect::<Result<Vec<_>, _>>()?;
                match callee {
                    Callee::Helper(LOOP) => self.repeat(&args, frame.depth)?,
                    Callee::Helper(FOR_EACH_MAP_ELEM) => self.for_each(&args, frame.depth)?,
                    Callee::Helper(n) => self.host.helper(module, *n, &args)?,
                    Callee::Kfunc(kfunc) => self.host.kfunc(module, *kfunc, &args)?,
                    Callee::Function(func) => self.call(*func, &args, frame.depth + 1)?,
                }
            }
            Op::Store(..) | Op::AtomicAdd(..) | Op::Clear(..) | Op::Copy { .. } => 0,
        })
    }

    /// The address of an object that lives as long as the call.
    fn object(
        &mut self,
        sizes: &[u32],
        addresses: &mut [Option<u64>],
        index: usize,
        kind: RegionKind,
    ) -> Result<u64, Trap> {
        let (Some(size), Some(address)) = (sizes.get(index), addresses.get_mut(index)) else {
            return Err(Trap::Invalid("no such stack or scratch object".to_string()));
        };
        let host = &mut *self.host;
        Ok(*address.get_or_insert_with(|| host.memory().add(kind, vec![0; *size as usize])))
    }

    fn callback(address: u64) -> Result<FuncId, Trap> {
        match address ^ FUNCTIONS {
            n if n <= u64::from(u32::MAX) => Ok(FuncId(n as u32)),
            _ => Err(Trap::Invalid(format!("{address:#x} is no function"))),
        }
    }

    fn repeat(&mut self, args: &[u64], depth: usize) -> Result<u64, Trap> {
        let [turns, callback, context, _] = args else {
            return Err(Trap::Invalid("arguments of bpf_loop".to_string()));
        };
        for n in 0..*turns {
            self.step()?;
            if self.call(Self::callback(*callback)?, &[n, *context], depth + 1)? != 0 {
                return Ok(n + 1);
            }
        }
        Ok(*turns)
    }

    fn for_each(&mut self, args: &[u64], depth: usize) -> Result<u64, Trap> {
        let [map, callback, context, _] = args else {
            return Err(Trap::Invalid("arguments of bpf_for_each_map_elem".to_string()));
        };
        let elements = self.host.elements(self.module, map_at(*map)?)?;
        let mut done = 0;
        for (key, value) in elements {
            self.step()?;
            done += 1;
            if self.call(Self::callback(*callback)?, &[*map, key, value, *context], depth + 1)? != 0 {
                break;
            }
        }
        Ok(done)
    }
}
