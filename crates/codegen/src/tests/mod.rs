//! Generated code, run in the user-space VM `rbpf` and compared with a small evaluator.

use std::cell::Cell;

mod eval;
mod fuzz;
mod shapes;

use btc_bpf::{Insn, Program, Reg, Target, disassemble, opcode as op};
use btc_diagnostics::Span;
use btc_ir::{Builder, FunctionKind, Module};

/// Compiles one program whose parameter is a pointer to `u64` inputs.
pub fn build(f: impl FnOnce(&mut Builder<'_>)) -> (Module, Program) {
    let mut module = Module::default();
    let kind = FunctionKind::Program { section: "raw_tp".into(), guard: None };
    let mut b = Builder::new(&mut module, "test", kind, 1, Span::default());
    f(&mut b);
    let func = b.finish();
    module.add_function(func);
    let mut programs = super::compile(&mut module).unwrap_or_else(|e| panic!("{e}"));
    (module, programs.remove(0))
}

/// The text of a program.
pub fn text(program: &Program) -> String {
    disassemble(&program.insns).into_iter().map(|(_, t)| t).collect::<Vec<_>>().join("\n")
}

/// The helper of all tests: destroys what a call may destroy by being a function.
pub fn mix(a: u64, b: u64, c: u64, d: u64, e: u64) -> u64 {
    let mut x = a ^ 0x9e37_79b9;
    for n in [b, c, d, e] {
        x = x.rotate_left(7).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ n;
    }
    x
}

thread_local! {
    /// Scratch memory.
    static SCRATCH: Box<[Cell<u64>]> = vec![Cell::new(0); 1 << 12].into();
}

/// The address of scratch memory: what the lookup yields that programs begin with.
fn scratch(_: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
    SCRATCH.with(|s| s.as_ptr() as u64)
}

/// Runs a program on inputs; helper 7 is [`mix`].
pub fn execute(program: &Program, inputs: &[u64]) -> u64 {
    let start = scratch(0, 0, 0, 0, 0);
    let mut insns = program.insns.clone();
    for reference in &program.references {
        // The one global is 0, as the last word of the memory that is never written.
        if let (Target::Global(..), at) = (reference.target, reference.insn as usize) {
            let address = start + (8 << 12) - 8;
            (insns[at].imm, insns[at + 1].imm) = (address as i32, (address >> 32) as i32);
        }
    }
    // The kernel forgets r1-r5 at a call and so must the VM: poison them behind each.
    let bytes: Vec<u8> = poison(&insns).into_iter().flat_map(Insn::to_bytes).collect();
    let mut memory: Vec<u8> = inputs.iter().flat_map(|n| n.to_le_bytes()).collect();
    let mut vm = rbpf::EbpfVmRaw::new(Some(&bytes)).unwrap_or_else(|e| panic!("{e}"));
    vm.register_helper(7, mix).unwrap_or_else(|e| panic!("{e}"));
    vm.register_helper(1, scratch).unwrap_or_else(|e| panic!("{e}"));
    vm.register_allowed_memory(start..start + (8 << 12));
    vm.execute_program(&mut memory).unwrap_or_else(|e| panic!("{e}"))
}

/// Whether the VM gets a comparison wrong: it zero-extends the immediate of unsigned ones
/// and of `==` and `!=`, where the kernel sign-extends.
fn is_misread(i: &Insn) -> bool {
    i.class() == op::JMP && i.code & op::X == 0 && i.imm < 0 && ![0x85, 0x65, 0x75, 0xc5, 0xd5].contains(&i.code)
}

/// Puts five moves behind each call, comparisons the VM understands in the place of
/// others, and mends the jumps.
fn poison(insns: &[Insn]) -> Vec<Insn> {
    let is_call = |i: &Insn| i.code == 0x85;
    let mut places = vec![0usize];
    for i in insns {
        let last = places[places.len() - 1];
        places.push(last + if is_call(i) { 6 } else if is_misread(i) { 7 } else { 1 });
    }
    let mut out = Vec::new();
    for (n, i) in insns.iter().enumerate() {
        let mut i = *i;
        let mut distance = 0;
        if matches!(i.class(), op::JMP | op::JMP32) && !matches!(i.code, 0x85 | 0x95) {
            let to = (n as i64 + 1 + i64::from(i.off)) as usize;
            distance = (places[to] as i64 - places[n] as i64 - 1) as i16;
            i.off = distance;
        }
        if is_misread(&i) {
            let other = Reg(if i.dst == 9 { 8 } else { 9 });
            let (save, restore) = (Insn::store(8, Reg::FP, -512, other), Insn::load(8, other, Reg::FP, -512));
            let test = Insn { code: i.code | op::X, src: other.0, off: 2, imm: 0, ..i };
            out.extend([save, Insn::mov_imm(other, i.imm), test, restore, Insn::jump(2), restore]);
            out.push(Insn::jump(distance - 6));
            continue;
        }
        out.push(i);
        if is_call(&i) {
            out.extend((1..=5).map(|r| Insn::mov_imm(Reg(r), 0x5ead + i32::from(r))));
        }
    }
    out
}
