//! 64-bit RISC-V (kernel: arch/riscv/include/asm/ptrace.h; RISC-V calling convention).

use super::{Arch, Register, member, renamed};

const REGISTERS: &[Register] = &[
    renamed("pc", "epc"),
    member("ra"),
    member("sp"),
    member("gp"),
    member("tp"),
    member("a0"),
    member("a1"),
    member("a2"),
    member("a3"),
    member("a4"),
    member("a5"),
    member("a6"),
    member("a7"),
];

/// The machine.
pub static ARCH: Arch = Arch {
    name: "riscv64",
    guard: member("a0"),
    args: &[
        member("a0"),
        member("a1"),
        member("a2"),
        member("a3"),
        member("a4"),
        member("a5"),
        member("a6"),
        member("a7"),
    ],
    stack_args: 0,
    result: member("a0"),
    stack: member("sp"),
    instruction: renamed("pc", "epc"),
    compat: None,
    registers: REGISTERS,
};
