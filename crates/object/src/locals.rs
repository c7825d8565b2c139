//! Writes into instructions what they must hold before they are patched.
//!
//! libbpf compares an instruction with the local value of its relocation and refuses it
//! when they differ ("unexpected insn value").

use btc_bpf::opcode::{ALU, ALU64, LDX};
use btc_bpf::Insn;

use crate::ObjectError;

/// Puts `value` into the field of `insns[at]` that a relocation patches.
pub fn set(insns: &mut [Insn], at: usize, value: i64) -> Result<(), ObjectError> {
    let bad = |what: &str| Err(ObjectError::Invalid(format!("instruction {at}: {what}")));
    let Some(insn) = insns.get_mut(at) else { return bad("relocation past the end") };
    if insn.is_wide() {
        insn.imm = value as i32;
        let Some(high) = insns.get_mut(at + 1) else { return bad("half a 64-bit load") };
        high.imm = (value >> 32) as i32;
        return Ok(());
    }
    match insn.class() {
        ALU | ALU64 => match i32::try_from(value).or_else(|_| u32::try_from(value).map(|n| n as i32)) {
            Ok(n) => insn.imm = n,
            Err(_) => return bad("late constant wider than its immediate"),
        },
        LDX => match i16::try_from(value) {
            Ok(n) => insn.off = n,
            Err(_) => return bad("late constant wider than its displacement"),
        },
        _ => return bad("cannot carry a late constant"),
    }
    Ok(())
}

/// An offset that no context reaches, and that arithmetic instructions reserve.
const POISON: i16 = 0x7ff8;

/// Makes every verifier refuse an instruction that nobody has patched.
pub fn poison(insns: &mut [Insn], at: usize) -> Result<(), ObjectError> {
    match insns.get_mut(at) {
        Some(insn) if matches!(insn.class(), ALU | ALU64 | LDX) => insn.off = POISON,
        _ => return Err(ObjectError::Invalid(format!("instruction {at}: cannot be patched"))),
    }
    Ok(())
}
