//! arm64 (kernel: arch/arm64/include/asm/ptrace.h; AAPCS64).

use super::{Arch, Compat, Register, element, member};

const REGISTERS: &[Register] = &[
    element("r0", "regs", 0),
    element("r1", "regs", 1),
    element("r2", "regs", 2),
    element("r3", "regs", 3),
    element("r4", "regs", 4),
    element("r5", "regs", 5),
    element("r6", "regs", 6),
    element("r7", "regs", 7),
    element("r8", "regs", 8),
    element("r29", "regs", 29),
    element("r30", "regs", 30),
    member("sp"),
    member("pc"),
    member("pstate"),
];

/// The machine.
pub static ARCH: Arch = Arch {
    name: "aarch64",
    guard: element("r0", "regs", 0),
    args: &[
        element("r0", "regs", 0),
        element("r1", "regs", 1),
        element("r2", "regs", 2),
        element("r3", "regs", 3),
        element("r4", "regs", 4),
        element("r5", "regs", 5),
        element("r6", "regs", 6),
        element("r7", "regs", 7),
    ],
    stack_args: 0,
    result: element("r0", "regs", 0),
    stack: member("sp"),
    instruction: member("pc"),
    // `TIF_32BIT`
    compat: Some(Compat { member: "flags", size: 8, mask: 1 << 22 }),
    registers: REGISTERS,
};
