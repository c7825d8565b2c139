//! The guard of a program that the kernel may run within itself, or within another of the module, on one CPU.
//!
//! The kernel has no such guard for programs of uprobes ([`btc_ir::Guard`] tells what there is to protect): they cannot
//! change the CPU, but another task may get it in the middle of one. Where programs may hold the CPU, they do, as the kernel does
//! for those of kprobes. Elsewhere a program counts itself in first and out last, and loses events:
//! - Both add atomically, and neither stores a number: another task may stand between its own two steps at any time.
//!   Who then stores 0 would let a third one in while the second is there.
//! - Who adds 1 and then reads 1 is alone: all that come later read more, until it has taken its 1 away.
//! - There is one word for all programs of the module: they share the memory of functions that they call, entries of per-CPU maps,
//!   and what they have of scratch memory where that does not suffice for all.
//! - Nothing here touches the stack, which is one for each CPU from Linux 6.13 on, nor any register that a program's first
//!   instruction reads but r1. Linux 5.10 has no atomic instruction that yields the sum: it is read in a second step.

use btc_bpf::opcode as op;
use btc_bpf::{Insn, Reg, Target};
use btc_ir::{Guard, KfuncId};

use crate::legalize::CPU;

/// Where the result of a program is when [`leave`] begins. Nothing else is alive then, and calls keep it.
pub const RESULT: Reg = Reg::R6;

/// An instruction; those that a relocation fills: a 64-bit load, which takes two, and a call.
pub enum Step {
    Plain(Insn),
    Address(Reg, Target),
    Call(Target),
}

/// The instructions before all others: go on if no other program is there, else end.
pub fn enter(guard: &Guard) -> Vec<Step> {
    let lost = vec![
        Step::Plain(Insn::mov_imm(Reg::R2, -1)),
        Step::Plain(Insn::atomic_add(8, Reg::R0, 0, Reg::R2)),
        Step::Address(Reg::R2, Target::Global(guard.losses.0, guard.lost as i32)),
        Step::Plain(Insn::atomic_add(8, Reg::R2, 0, Reg::R1)),
        Step::Plain(Insn::mov_imm(Reg::R0, 0)),
        Step::Plain(Insn::exit()),
    ];
    let mut count = own_word(guard);
    count.extend([
        Step::Plain(Insn::mov_imm(Reg::R1, 1)),
        Step::Plain(Insn::atomic_add(8, Reg::R0, 0, Reg::R1)),
        Step::Plain(Insn::load(8, Reg::R2, Reg::R0, 0)),
        Step::Plain(Insn::jump_imm(op::JEQ, Reg::R2, 1, slots(&lost))),
    ]);
    count.extend(lost);
    let mut steps = vec![Step::Plain(Insn::mov(Reg::R6, Reg::R1))];
    steps.extend(held(guard, guard.hold, count));
    steps.push(Step::Plain(Insn::mov(Reg::R1, Reg::R6)));
    steps
}

/// The instructions before each `exit` of what [`enter`] let in.
pub fn leave(guard: &Guard) -> Vec<Step> {
    let mut count = own_word(guard);
    count.extend([Step::Plain(Insn::mov_imm(Reg::R1, -1)), Step::Plain(Insn::atomic_add(8, Reg::R0, 0, Reg::R1))]);
    let mut steps = held(guard, guard.release, count);
    steps.push(Step::Plain(Insn::mov(Reg::R0, RESULT)));
    steps
}

/// Calls the function where the kernel lets programs hold the CPU, else does what counts. The verifier follows one of both.
fn held(guard: &Guard, function: KfuncId, count: Vec<Step>) -> Vec<Step> {
    let call = vec![Step::Call(Target::KfuncCall(function.0)), Step::Plain(Insn::jump(slots(&count)))];
    let mut steps = vec![
        Step::Address(Reg::R1, Target::KfuncAddr(guard.witness.0)),
        Step::Plain(Insn::jump_imm(op::JEQ, Reg::R1, 0, slots(&call))),
    ];
    steps.extend(call);
    steps.extend(count);
    steps
}

/// The address of the CPU's word in r0. All that a call may is destroyed.
fn own_word(guard: &Guard) -> Vec<Step> {
    vec![
        Step::Plain(Insn::call(CPU)),
        Step::Plain(Insn::alu_imm(op::AND, Reg::R0, Guard::WORDS as i32 - 1)),
        Step::Plain(Insn::alu_imm(op::MUL, Reg::R0, Guard::STRIDE as i32)),
        Step::Address(Reg::R1, Target::Global(guard.words.0, 0)),
        Step::Plain(Insn::alu_reg(op::ADD, Reg::R0, Reg::R1)),
    ]
}

/// How long the steps are in slots.
fn slots(steps: &[Step]) -> i16 {
    steps.iter().map(|step| if matches!(step, Step::Address(..)) { 2 } else { 1 }).sum()
}
