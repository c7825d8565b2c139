//! Calls of a program's guard ([`btc_ir::Guard`]): the instructions before its first one, and before each `exit`.

use btc_bpf::opcode as op;
use btc_bpf::{Insn, Reg, Target};
use btc_ir::Guard;

/// Where the context is while [`enter`] asks, and the result of the program when [`leave`] begins: calls keep it. Nothing else is
/// alive then but what the program's first instruction reads, r1.
pub const KEPT: Reg = Reg::R6;

/// An instruction; a call that a relocation fills.
pub enum Step {
    Plain(Insn),
    Call(Target),
}

/// The instructions before all others: go on if the program may run, else end.
pub fn enter(guard: &Guard) -> Vec<Step> {
    vec![
        Step::Plain(Insn::mov(KEPT, Reg::R1)),
        Step::Plain(Insn::mov_imm(Reg::R1, guard.lost as i32)),
        Step::Call(Target::FunctionCall(guard.enter.0)),
        Step::Plain(Insn::jump_imm(op::JNE, Reg::R0, 0, 1)),
        Step::Plain(Insn::exit()),
        Step::Plain(Insn::mov(Reg::R1, KEPT)),
    ]
}

/// The instructions before each `exit` of what [`enter`] let in.
pub fn leave(guard: &Guard) -> Vec<Step> {
    vec![Step::Call(Target::FunctionCall(guard.leave.0)), Step::Plain(Insn::mov(Reg::R0, KEPT))]
}
