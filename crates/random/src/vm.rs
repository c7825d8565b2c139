//! Runs generated code on the memory and helpers of the IR's interpreter, so that what both
//! leave behind can be compared byte by byte.

use std::collections::HashMap;

use btc_abi::HOLD;
use btc_bpf::{Insn, Program, ProgramKind, STACK_SIZE, Target, opcode as op};
use btc_ir::interp::{self, Host, map_at};
use btc_ir::machine::Machine;
use btc_ir::memory::{RegionKind, Trap};
use btc_ir::{BinOp, Cond, GlobalId, KfuncId, LateId, MapId, Module};

/// `bpf_for_each_map_elem`
const FOR_EACH_MAP_ELEM: i32 = 164;
/// Upper bits of a function's address.
const FUNCTIONS: u64 = 0xffff_b000_0000_0000;

/// Code with what it runs on.
pub struct Vm<'a> {
    /// The module that the code was made of.
    pub module: &'a Module,
    /// The code of all functions.
    pub programs: &'a [Program],
    /// Memory, maps and helpers.
    pub machine: &'a mut Machine,
    /// Instructions that may still run.
    pub steps: u64,
    /// Another task that gets the CPU in the middle.
    pub interrupt: Option<Interrupt>,
    /// Whether it must wait.
    pub held: bool,
    /// Stacks of functions, where each has one for the CPU (Linux 6.13), whoever runs it.
    pub stacks: Option<HashMap<usize, u64>>,
}

/// A task that runs a program to its end while another one is in the middle of one.
pub struct Interrupt {
    /// When: [`Vm::steps`] then, or as soon after as it may.
    pub at: u64,
    /// The program.
    pub function: usize,
    /// Its context.
    pub context: u64,
}

fn bad(what: &str) -> Trap {
    Trap::Invalid(format!("instruction: {what}"))
}

impl<'a> Vm<'a> {
    /// Code that runs so many steps, undisturbed.
    pub fn new(module: &'a Module, programs: &'a [Program], machine: &'a mut Machine, steps: u64) -> Vm<'a> {
        Vm { module, programs, machine, steps, interrupt: None, held: false, stacks: None }
    }

    /// Runs a function with up to five arguments.
    pub fn call(&mut self, function: usize, args: &[u64]) -> Result<u64, Trap> {
        let program = self.programs.get(function).ok_or_else(|| bad("call of no function"))?;
        let known = self.stacks.as_ref().and_then(|stacks| stacks.get(&function).copied());
        let stack = known.unwrap_or_else(|| self.machine.memory.add(RegionKind::Stack, vec![0; STACK_SIZE as usize]));
        if let Some(stacks) = &mut self.stacks {
            stacks.insert(function, stack);
        }
        let mut regs = [None; 11];
        for (reg, arg) in regs[1..6].iter_mut().zip(args) {
            *reg = Some(*arg);
        }
        regs[10] = Some(stack + u64::from(STACK_SIZE));
        let result = self.run(program, &mut regs);
        if self.stacks.is_none() {
            self.machine.memory.end(stack);
        }
        result
    }

    fn run(&mut self, program: &Program, regs: &mut [Option<u64>; 11]) -> Result<u64, Trap> {
        let mut at = 0usize;
        loop {
            self.steps = self.steps.checked_sub(1).ok_or(Trap::Steps)?;
            if let Some(other) = self.interrupt.take_if(|other| other.at >= self.steps && !self.held) {
                self.call(other.function, &[other.context])?;
            }
            let insn = *program.insns.get(at).ok_or_else(|| bad("jump out of the program"))?;
            match insn.class() {
                op::ALU | op::ALU64 => alu(&insn, regs)?,
                op::LD => {
                    let next = program.insns.get(at + 1).ok_or_else(|| bad("half a load"))?;
                    let plain = u64::from(insn.imm as u32) | u64::from(next.imm as u32) << 32;
                    regs[usize::from(insn.dst)] = Some(self.wide(program, at, plain)?);
                    at += 1;
                }
                op::LDX => {
                    let address = get(regs, insn.src)?.wrapping_add(insn.off as u64);
                    regs[usize::from(insn.dst)] = Some(self.machine.memory.load(address, size(&insn))?);
                }
                op::ST | op::STX => self.store(&insn, regs)?,
                _ if insn.code == op::JMP | op::EXIT => {
                    if self.held && program.kind == ProgramKind::Entry {
                        return Err(bad("the program ends and holds the CPU"));
                    }
                    return get(regs, 0);
                }
                _ if insn.code == op::JMP | op::CALL => {
                    let result = self.helper(program, at, &insn, regs)?;
                    regs[1..6].fill(None);
                    regs[0] = Some(result);
                }
                _ if jumps(&insn, regs)? => at = at.wrapping_add(insn.off as usize),
                _ => {}
            }
            at = at.wrapping_add(1);
        }
    }

    /// What an instruction refers to.
    fn target(program: &Program, at: usize) -> Option<Target> {
        program.references.iter().find(|r| r.insn as usize == at).map(|r| r.target)
    }

    /// The value of a 64-bit load.
    fn wide(&mut self, program: &Program, at: usize, plain: u64) -> Result<u64, Trap> {
        let module = self.module;
        Ok(match Self::target(program, at) {
            None => plain,
            Some(Target::Map(map)) => interp::map_address(MapId(map)),
            Some(Target::Global(global, by)) => {
                self.machine.global(module, GlobalId(global))?.wrapping_add(i64::from(by) as u64)
            }
            Some(Target::KfuncAddr(kfunc)) => self.machine.kfunc_address(module, KfuncId(kfunc)),
            Some(Target::FunctionAddr(function)) => FUNCTIONS | u64::from(function),
            Some(Target::Late(late)) => self.machine.late(module, LateId(late))?,
            Some(Target::KfuncCall(_) | Target::FunctionCall(_)) => return Err(bad("load of a call")),
        })
    }

    fn store(&mut self, insn: &Insn, regs: &[Option<u64>; 11]) -> Result<(), Trap> {
        let address = get(regs, insn.dst)?.wrapping_add(insn.off as u64);
        let mut value = if insn.class() == op::ST { i64::from(insn.imm) as u64 } else { get(regs, insn.src)? };
        if insn.code & op::MODE == op::ATOMIC {
            value = value.wrapping_add(self.machine.memory.load(address, size(insn))?);
        }
        self.machine.memory.store(address, size(insn), value)
    }

    fn helper(&mut self, program: &Program, at: usize, insn: &Insn, regs: &[Option<u64>; 11]) -> Result<u64, Trap> {
        let args: Vec<u64> = regs[1..6].iter().map(|r| r.unwrap_or(0)).collect();
        match (Self::target(program, at), insn.imm) {
            (Some(Target::FunctionCall(function)), _) => self.call(function as usize, &args),
            (Some(Target::KfuncCall(kfunc)), _) => {
                let known = self.module.kfuncs.get(kfunc as usize).ok_or_else(|| bad("unknown kernel function"))?;
                if let Some(n) = HOLD.iter().position(|name| *name == known.name) {
                    let held = n == 0;
                    if self.held == held {
                        return Err(bad("the CPU is held twice, or released twice"));
                    }
                    self.held = held;
                }
                self.machine.kfunc(self.module, KfuncId(kfunc), &args[..usize::from(known.args)])
            }
            (_, FOR_EACH_MAP_ELEM) => {
                let map = args[0];
                let mut done = 0;
                for (key, value) in self.machine.elements(self.module, map_at(map)?)? {
                    done += 1;
                    if self.call((args[1] ^ FUNCTIONS) as usize, &[map, key, value, args[2]])? != 0 {
                        break;
                    }
                }
                Ok(done)
            }
            (_, number) => {
                let known = btc_bpf::helpers::by_number(number as u32).ok_or_else(|| bad("unknown helper"))?;
                self.machine.helper(self.module, number as u32, &args[..usize::from(known.args)])
            }
        }
    }
}

fn get(regs: &[Option<u64>; 11], reg: u8) -> Result<u64, Trap> {
    regs[usize::from(reg)].ok_or_else(|| bad(&format!("r{reg} is read and holds nothing")))
}

fn size(insn: &Insn) -> u32 {
    match insn.code & op::SIZE {
        op::B => 1,
        op::H => 2,
        op::W => 4,
        _ => 8,
    }
}

/// The operand: a register, or the immediate with its sign.
fn source(insn: &Insn, regs: &[Option<u64>; 11]) -> Result<u64, Trap> {
    if insn.code & op::X != 0 { get(regs, insn.src) } else { Ok(i64::from(insn.imm) as u64) }
}

fn alu(insn: &Insn, regs: &mut [Option<u64>; 11]) -> Result<(), Trap> {
    let (dst, wide) = (usize::from(insn.dst), insn.class() == op::ALU64);
    let cut = |n: u64| if wide { n } else { n & 0xffff_ffff };
    let code = insn.code & op::OP;
    if code == op::MOV {
        regs[dst] = Some(cut(source(insn, regs)?));
        return Ok(());
    }
    if code == op::END {
        // The class is that of 32 bits; the operation has a width of its own.
        let (bits, whole) = (insn.imm as u8, get(regs, insn.dst)?);
        let swapped = insn.code & op::X != 0;
        let low = interp::zero_extend(bits, whole);
        regs[dst] = Some(if swapped { interp::byte_swap(bits, low) } else { low });
        return Ok(());
    }
    let a = cut(get(regs, insn.dst)?);
    if code == op::NEG {
        regs[dst] = Some(cut(a.wrapping_neg()));
        return Ok(());
    }
    let b = cut(source(insn, regs)?);
    let operation = match code {
        op::ADD => BinOp::Add,
        op::SUB => BinOp::Sub,
        op::MUL => BinOp::Mul,
        op::DIV => BinOp::UDiv,
        op::MOD => BinOp::UMod,
        op::OR => BinOp::Or,
        op::AND => BinOp::And,
        op::XOR => BinOp::Xor,
        op::LSH => BinOp::Shl,
        op::RSH => BinOp::LShr,
        op::ARSH if wide => BinOp::AShr,
        _ => return Err(bad("unknown arithmetic")),
    };
    let b = if !wide && matches!(code, op::LSH | op::RSH) { b & 31 } else { b };
    regs[dst] = Some(cut(interp::arithmetic(operation, a, b)));
    Ok(())
}

fn jumps(insn: &Insn, regs: &[Option<u64>; 11]) -> Result<bool, Trap> {
    let code = insn.code & op::OP;
    if code == op::JA {
        return Ok(true);
    }
    let wide = insn.class() == op::JMP;
    let signed = matches!(code, op::JSGT | op::JSGE | op::JSLT | op::JSLE);
    let cut = |n: u64| match (wide, signed) {
        (true, _) => n,
        (false, true) => interp::sign_extend(32, n),
        (false, false) => n & 0xffff_ffff,
    };
    let (a, b) = (cut(get(regs, insn.dst)?), cut(source(insn, regs)?));
    let cond = match code {
        op::JEQ => Cond::Eq,
        op::JNE => Cond::Ne,
        op::JGT => Cond::UGt,
        op::JGE => Cond::UGe,
        op::JLT => Cond::ULt,
        op::JLE => Cond::ULe,
        op::JSGT => Cond::SGt,
        op::JSGE => Cond::SGe,
        op::JSLT => Cond::SLt,
        op::JSLE => Cond::SLe,
        op::JSET => return Ok(a & b != 0),
        _ => return Err(bad("unknown jump")),
    };
    Ok(interp::holds(cond, a, b))
}
