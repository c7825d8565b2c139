//! The 8-byte instruction: fields, builders, bytes.

use crate::opcode::*;

/// Bytes of stack that a program and the functions it calls have together.
pub const STACK_SIZE: u32 = 512;

/// A register: `r0` result, `r1`-`r5` arguments, `r6`-`r9` kept by calls, `r10` frame pointer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reg(pub u8);

#[allow(missing_docs)]
impl Reg {
    pub const R0: Reg = Reg(0);
    pub const R1: Reg = Reg(1);
    pub const R2: Reg = Reg(2);
    pub const R3: Reg = Reg(3);
    pub const R4: Reg = Reg(4);
    pub const R5: Reg = Reg(5);
    pub const R6: Reg = Reg(6);
    pub const R7: Reg = Reg(7);
    pub const R8: Reg = Reg(8);
    pub const R9: Reg = Reg(9);
    pub const FP: Reg = Reg(10);
}

/// One slot of code. A 64-bit immediate load takes two, the second with code 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Insn {
    /// Opcode.
    pub code: u8,
    /// Destination register, 4 bits.
    pub dst: u8,
    /// Source register or pseudo kind, 4 bits.
    pub src: u8,
    /// Displacement in bytes, or jump distance in slots from the next instruction.
    pub off: i16,
    /// Immediate.
    pub imm: i32,
}

/// The width code of 1, 2, 4 or 8 bytes; anything else counts as 8.
fn width(bytes: u32) -> u8 {
    match bytes {
        1 => B,
        2 => H,
        4 => W,
        _ => DW,
    }
}

impl Insn {
    const fn new(code: u8, dst: Reg, src: u8, off: i16, imm: i32) -> Insn {
        Insn { code, dst: dst.0, src, off, imm }
    }

    /// `dst op= imm` over 64 bits.
    pub fn alu_imm(op: u8, dst: Reg, imm: i32) -> Insn {
        Insn::new(ALU64 | op | K, dst, 0, 0, imm)
    }

    /// `dst op= src` over 64 bits.
    pub fn alu_reg(op: u8, dst: Reg, src: Reg) -> Insn {
        Insn::new(ALU64 | op | X, dst, src.0, 0, 0)
    }

    /// `dst = src`
    pub fn mov(dst: Reg, src: Reg) -> Insn {
        Insn::alu_reg(MOV, dst, src)
    }

    /// `dst = src`, low 32 bits only; the rest becomes 0.
    pub fn mov32(dst: Reg, src: Reg) -> Insn {
        Insn::new(ALU | MOV | X, dst, src.0, 0, 0)
    }

    /// `dst = imm`, sign-extended.
    pub fn mov_imm(dst: Reg, imm: i32) -> Insn {
        Insn::alu_imm(MOV, dst, imm)
    }

    /// `dst = imm`, zero-extended.
    pub fn mov32_imm(dst: Reg, imm: u32) -> Insn {
        Insn::new(ALU | MOV | K, dst, 0, 0, imm as i32)
    }

    /// Swaps the low `bits` (16, 32, 64) and clears the rest, on little-endian machines.
    pub fn swap(dst: Reg, bits: u8) -> Insn {
        Insn::new(ALU | END | X, dst, 0, 0, i32::from(bits))
    }

    /// `dst = value` over 64 bits: two slots.
    pub fn load_imm64(dst: Reg, value: u64) -> [Insn; 2] {
        let low = Insn::new(LD | IMM | DW, dst, 0, 0, value as i32);
        [low, Insn { imm: (value >> 32) as i32, ..Insn::default() }]
    }

    /// `dst = *(base + off)`, zero-extended.
    pub fn load(bytes: u32, dst: Reg, base: Reg, off: i16) -> Insn {
        Insn::new(LDX | MEM | width(bytes), dst, base.0, off, 0)
    }

    /// `*(base + off) = src`
    pub fn store(bytes: u32, base: Reg, off: i16, src: Reg) -> Insn {
        Insn::new(STX | MEM | width(bytes), base, src.0, off, 0)
    }

    /// `*(base + off) = imm`
    pub fn store_imm(bytes: u32, base: Reg, off: i16, imm: i32) -> Insn {
        Insn::new(ST | MEM | width(bytes), base, 0, off, imm)
    }

    /// `lock *(base + off) += src`, without fetch (4 or 8 bytes).
    pub fn atomic_add(bytes: u32, base: Reg, off: i16, src: Reg) -> Insn {
        Insn::new(STX | ATOMIC | width(bytes), base, src.0, off, 0)
    }

    /// `if dst op imm goto +off`
    pub fn jump_imm(op: u8, dst: Reg, imm: i32, off: i16) -> Insn {
        Insn::new(JMP | op | K, dst, 0, off, imm)
    }

    /// `if dst op src goto +off`
    pub fn jump_reg(op: u8, dst: Reg, src: Reg, off: i16) -> Insn {
        Insn::new(JMP | op | X, dst, src.0, off, 0)
    }

    /// `goto +off`
    pub fn jump(off: i16) -> Insn {
        Insn::new(JMP | JA, Reg::R0, 0, off, 0)
    }

    /// Calls a helper by number.
    pub fn call(helper: u32) -> Insn {
        Insn::new(JMP | CALL, Reg::R0, 0, 0, helper as i32)
    }

    /// Calls a function or kernel function that a relocation names.
    pub fn call_symbol() -> Insn {
        Insn::new(JMP | CALL, Reg::R0, PSEUDO_CALL, 0, -1)
    }

    /// `exit`
    pub fn exit() -> Insn {
        Insn::new(JMP | EXIT, Reg::R0, 0, 0, 0)
    }

    /// Whether this is the first slot of a 64-bit immediate load.
    pub fn is_wide(&self) -> bool {
        self.code == LD | IMM | DW
    }

    /// The class bits.
    pub fn class(&self) -> u8 {
        self.code & CLASS
    }

    /// The bytes, little endian.
    pub fn to_bytes(self) -> [u8; 8] {
        let o = self.off.to_le_bytes();
        let i = self.imm.to_le_bytes();
        [self.code, (self.src << 4) | (self.dst & 15), o[0], o[1], i[0], i[1], i[2], i[3]]
    }

    /// The instruction that the bytes hold; any bytes are one.
    pub fn from_bytes(b: [u8; 8]) -> Insn {
        Insn {
            code: b[0],
            dst: b[1] & 15,
            src: b[1] >> 4,
            off: i16::from_le_bytes([b[2], b[3]]),
            imm: i32::from_le_bytes([b[4], b[5], b[6], b[7]]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip() {
        let i = Insn::jump_imm(JSGT, Reg::R7, -3, -200);
        assert_eq!(Insn::from_bytes(i.to_bytes()), i);
        assert_eq!(Insn::atomic_add(8, Reg::R0, 0, Reg::R1).to_bytes(), [0xdb, 0x10, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Insn::swap(Reg::R1, 16).to_bytes(), [0xdc, 1, 0, 0, 16, 0, 0, 0]);
    }
}
