//! x86-64 (kernel: arch/x86/include/asm/ptrace.h; psABI calling convention).

use super::{Arch, Compat, Register, member, renamed};

const REGISTERS: &[Register] = &[
    member("r15"),
    member("r14"),
    member("r13"),
    member("r12"),
    member("bp"),
    member("bx"),
    member("r11"),
    member("r10"),
    member("r9"),
    member("r8"),
    member("ax"),
    member("cx"),
    member("dx"),
    member("si"),
    member("di"),
    member("orig_ax"),
    member("ip"),
    // Since Linux 6.9 `cs` and `ss` are the lower 16 bits of these, and a perf event's
    // context is read in whole words only.
    renamed("cs", "csx"),
    member("cs"),
    member("flags"),
    member("sp"),
    renamed("ss", "ssx"),
    member("ss"),
    renamed("rip", "ip"),
    renamed("rsp", "sp"),
];

/// The machine.
pub static ARCH: Arch = Arch {
    name: "x86_64",
    guard: member("di"),
    args: &[member("di"), member("si"), member("dx"), member("cx"), member("r8"), member("r9")],
    // Below them is the return address.
    stack_args: 8,
    result: member("ax"),
    stack: member("sp"),
    instruction: member("ip"),
    // `TS_COMPAT`
    compat: Some(Compat { member: "status", size: 4, mask: 2 }),
    registers: REGISTERS,
};
