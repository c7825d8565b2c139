//! Text of instructions, in the form that the kernel's verifier prints.
//!
//! Keeps: every line parses back ([`crate::asm`]) to the same instruction.
//! Whatever has no form of its own prints as `.insn` with its fields.

use crate::opcode::*;
use crate::Insn;

/// One line an instruction; a 64-bit load is one line over two slots. The
/// number before each line is its slot.
pub fn disassemble(insns: &[Insn]) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut at = 0;
    while at < insns.len() {
        let next = insns.get(at + 1);
        lines.push((at, text(&insns[at], next)));
        at += if wide_value(&insns[at], next).is_some() { 2 } else { 1 };
    }
    lines
}

/// The value of a well-formed 64-bit load.
fn wide_value(insn: &Insn, next: Option<&Insn>) -> Option<u64> {
    let next = next?;
    let plain = next.code == 0 && next.dst == 0 && next.src == 0 && next.off == 0;
    (insn.is_wide() && insn.off == 0 && insn.dst <= 10 && plain)
        .then_some(u64::from(insn.imm as u32) | (u64::from(next.imm as u32) << 32))
}

/// The text of one instruction; `next` is the slot behind it, for 64-bit loads.
pub fn text(insn: &Insn, next: Option<&Insn>) -> String {
    if let Some(value) = wide_value(insn, next) {
        let kind = if insn.src == 0 { String::new() } else { format!(" kind {}", insn.src) };
        return format!("r{} = {value:#x} ll{kind}", insn.dst);
    }
    let known = match insn.class() {
        ALU | ALU64 => alu(insn),
        LDX => memory(insn).map(|m| format!("r{} = {m}", insn.dst)),
        ST | STX => store(insn),
        JMP | JMP32 => jump(insn),
        _ => None,
    };
    match known {
        Some(text) if insn.dst <= 10 => text,
        _ => format!(".insn {:#x} {} {} {} {}", insn.code, insn.dst, insn.src, insn.off, insn.imm),
    }
}

/// The operand of arithmetic or a jump; `None` when unused fields are set.
fn operand(insn: &Insn, letter: char) -> Option<String> {
    match insn.code & X {
        X => (insn.imm == 0 && insn.src <= 10).then(|| format!("{letter}{}", insn.src)),
        _ => (insn.src == 0).then(|| insn.imm.to_string()),
    }
}

fn alu(insn: &Insn) -> Option<String> {
    if insn.off != 0 {
        return None;
    }
    let letter = if insn.class() == ALU { 'w' } else { 'r' };
    let d = insn.dst;
    match insn.code & OP {
        NEG => (insn.code & X == 0 && insn.src == 0 && insn.imm == 0)
            .then(|| format!("{letter}{d} = -{letter}{d}")),
        END => {
            let order = if insn.code & X == X { "be" } else { "le" };
            (insn.class() == ALU && insn.src == 0 && matches!(insn.imm, 16 | 32 | 64))
                .then(|| format!("r{d} = {order}{} r{d}", insn.imm))
        }
        op => {
            let (_, sign) = ALU_TEXT.iter().find(|(o, _)| *o == op)?;
            Some(format!("{letter}{d} {sign} {}", operand(insn, letter)?))
        }
    }
}

fn place(insn: &Insn, base: u8) -> Option<String> {
    let bits = match insn.code & SIZE {
        B => 8,
        H => 16,
        W => 32,
        _ => 64,
    };
    (base <= 10).then(|| format!("*(u{bits} *)(r{base} {:+})", insn.off))
}

fn memory(insn: &Insn) -> Option<String> {
    if insn.code & MODE != MEM || insn.imm != 0 {
        return None;
    }
    place(insn, insn.src)
}

fn store(insn: &Insn) -> Option<String> {
    let place = place(insn, insn.dst)?;
    match (insn.class(), insn.code & MODE) {
        (ST, MEM) if insn.src == 0 => Some(format!("{place} = {}", insn.imm)),
        (STX, MEM) if insn.imm == 0 && insn.src <= 10 => Some(format!("{place} = r{}", insn.src)),
        (STX, ATOMIC) if insn.imm == 0 && insn.src <= 10 => {
            Some(format!("lock {place} += r{}", insn.src))
        }
        _ => None,
    }
}

fn jump(insn: &Insn) -> Option<String> {
    let wide = insn.class() == JMP;
    let unused = insn.dst == 0 && insn.code & X == 0 && wide;
    match insn.code & OP {
        JA => (unused && insn.src == 0 && insn.imm == 0).then(|| format!("goto {:+}", insn.off)),
        EXIT => (unused && insn.src == 0 && insn.imm == 0 && insn.off == 0).then(|| "exit".into()),
        CALL if unused && insn.off == 0 => match insn.src {
            0 => Some(format!("call {}", insn.imm as u32)),
            PSEUDO_CALL => Some(format!("call pc{:+}", insn.imm)),
            PSEUDO_KFUNC_CALL => Some(format!("call kfunc {}", insn.imm as u32)),
            _ => None,
        },
        CALL => None,
        op => {
            let (_, sign) = JMP_TEXT.iter().find(|(o, _)| *o == op)?;
            let letter = if wide { 'r' } else { 'w' };
            let right = operand(insn, letter)?;
            Some(format!("if {letter}{} {sign} {right} goto {:+}", insn.dst, insn.off))
        }
    }
}
