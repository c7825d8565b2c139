//! Opcode constants: the three low bits are the class, the rest depends on it.
//!
//! Names and values follow the kernel's `include/uapi/linux/bpf.h` and
//! `bpf_common.h`, without the `BPF_` prefix.

/// Load immediate (64 bits).
pub const LD: u8 = 0x00;
/// Load from memory.
pub const LDX: u8 = 0x01;
/// Store an immediate.
pub const ST: u8 = 0x02;
/// Store a register.
pub const STX: u8 = 0x03;
/// 32-bit arithmetic.
pub const ALU: u8 = 0x04;
/// 64-bit jumps.
pub const JMP: u8 = 0x05;
/// Jumps that compare 32 bits.
pub const JMP32: u8 = 0x06;
/// 64-bit arithmetic.
pub const ALU64: u8 = 0x07;
/// Mask of the class.
pub const CLASS: u8 = 0x07;

/// Operand is the immediate.
pub const K: u8 = 0x00;
/// Operand is the source register.
pub const X: u8 = 0x08;

/// 4 bytes.
pub const W: u8 = 0x00;
/// 2 bytes.
pub const H: u8 = 0x08;
/// 1 byte.
pub const B: u8 = 0x10;
/// 8 bytes.
pub const DW: u8 = 0x18;
/// Mask of the width.
pub const SIZE: u8 = 0x18;

/// 64-bit immediate mode of [`LD`].
pub const IMM: u8 = 0x00;
/// Memory mode.
pub const MEM: u8 = 0x60;
/// Atomic mode of [`STX`]; the immediate names the operation, 0 is a plain add.
pub const ATOMIC: u8 = 0xc0;
/// Mask of the mode.
pub const MODE: u8 = 0xe0;

/// `+=`
pub const ADD: u8 = 0x00;
/// `-=`
pub const SUB: u8 = 0x10;
/// `*=`
pub const MUL: u8 = 0x20;
/// `/=`, unsigned
pub const DIV: u8 = 0x30;
/// `|=`
pub const OR: u8 = 0x40;
/// `&=`
pub const AND: u8 = 0x50;
/// `<<=`
pub const LSH: u8 = 0x60;
/// `>>=`, unsigned
pub const RSH: u8 = 0x70;
/// `= -`
pub const NEG: u8 = 0x80;
/// `%=`, unsigned
pub const MOD: u8 = 0x90;
/// `^=`
pub const XOR: u8 = 0xa0;
/// `=`
pub const MOV: u8 = 0xb0;
/// `s>>=`
pub const ARSH: u8 = 0xc0;
/// Byte order conversion; with [`X`] to big endian, which swaps on little-endian machines.
pub const END: u8 = 0xd0;

/// `goto`
pub const JA: u8 = 0x00;
/// `==`
pub const JEQ: u8 = 0x10;
/// `>`, unsigned
pub const JGT: u8 = 0x20;
/// `>=`, unsigned
pub const JGE: u8 = 0x30;
/// `&`
pub const JSET: u8 = 0x40;
/// `!=`
pub const JNE: u8 = 0x50;
/// `s>`
pub const JSGT: u8 = 0x60;
/// `s>=`
pub const JSGE: u8 = 0x70;
/// `call`
pub const CALL: u8 = 0x80;
/// `exit`
pub const EXIT: u8 = 0x90;
/// `<`, unsigned
pub const JLT: u8 = 0xa0;
/// `<=`, unsigned
pub const JLE: u8 = 0xb0;
/// `s<`
pub const JSLT: u8 = 0xc0;
/// `s<=`
pub const JSLE: u8 = 0xd0;
/// Mask of the operation of arithmetic and jumps.
pub const OP: u8 = 0xf0;

/// Source register field of a call: a function of the object.
pub const PSEUDO_CALL: u8 = 1;
/// Source register field of a call: a kernel function.
pub const PSEUDO_KFUNC_CALL: u8 = 2;
/// Source register field of a 64-bit load: the address of a function.
pub const PSEUDO_FUNC: u8 = 4;

/// Arithmetic operators by text, of those that take an operand.
pub const ALU_TEXT: [(u8, &str); 13] = [
    (ADD, "+="),
    (SUB, "-="),
    (MUL, "*="),
    (DIV, "/="),
    (OR, "|="),
    (AND, "&="),
    (LSH, "<<="),
    (RSH, ">>="),
    (MOD, "%="),
    (XOR, "^="),
    (MOV, "="),
    (ARSH, "s>>="),
    (NEG, "= -"),
];

/// Comparisons of conditional jumps by text.
pub const JMP_TEXT: [(u8, &str); 11] = [
    (JEQ, "=="),
    (JGT, ">"),
    (JGE, ">="),
    (JSET, "&"),
    (JNE, "!="),
    (JSGT, "s>"),
    (JSGE, "s>="),
    (JLT, "<"),
    (JLE, "<="),
    (JSLT, "s<"),
    (JSLE, "s<="),
];
