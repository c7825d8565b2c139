//! Parses the text that [`crate::disassemble`] writes, one instruction a line.
//!
//! Accepts a leading `N:` and comments after `;`. Never panics; says which line is wrong.

use crate::opcode::*;
use crate::{Insn, Reg};

/// A line that is no instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsmError {
    /// The line, from 1.
    pub line: usize,
    /// Its text.
    pub text: String,
}

impl std::fmt::Display for AsmError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: not an instruction: `{}`", self.line, self.text)
    }
}

impl std::error::Error for AsmError {}

/// The instructions of a text.
pub fn assemble(text: &str) -> Result<Vec<Insn>, AsmError> {
    let mut insns = Vec::new();
    for (n, raw) in text.lines().enumerate() {
        let mut line = raw.split(';').next().unwrap_or("").trim();
        if let Some((number, rest)) = line.split_once(':')
            && number.trim().parse::<usize>().is_ok()
        {
            line = rest.trim();
        }
        if line.is_empty() {
            continue;
        }
        let error = || AsmError { line: n + 1, text: raw.trim().to_string() };
        insns.extend(parse(line).ok_or_else(error)?);
    }
    Ok(insns)
}

fn parse(line: &str) -> Option<Vec<Insn>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["exit"] => Some(vec![Insn::exit()]),
        ["goto", off] => Some(vec![Insn::jump(int(off)?.try_into().ok()?)]),
        ["call", "kfunc", n] => Some(vec![Insn { src: PSEUDO_KFUNC_CALL, ..Insn::call(unsigned(n)?) }]),
        ["call", n] => match n.strip_prefix("pc") {
            Some(to) => Some(vec![Insn { imm: int(to)?.try_into().ok()?, ..Insn::call_symbol() }]),
            None => Some(vec![Insn::call(unsigned(n)?)]),
        },
        [".insn", code, dst, src, off, imm] => raw(code, dst, src, off, imm),
        ["if", left, sign, right, "goto", off] => conditional(left, sign, right, off),
        [dst, "=", value, "ll"] => wide(dst, value, 0),
        [dst, "=", value, "ll", "kind", kind] => wide(dst, value, unsigned(kind)?.try_into().ok()?),
        ["lock", rest @ ..] => {
            let (place, ["+=", src]) = place(rest)? else { return None };
            place.store(STX | ATOMIC, src).map(|i| vec![i])
        }
        [first, ..] if first.starts_with("*(") => store(&words),
        [dst, "=", rest @ ..] if rest.first().is_some_and(|w| w.starts_with("*(")) => {
            let (place, []) = place(rest)? else { return None };
            let code = LDX | MEM | place.width;
            let dst = register(dst, 'r')?.0;
            Some(vec![Insn { code, dst, src: place.base.0, off: place.off, imm: 0 }])
        }
        [dst, "=", order, src] => swap(dst, order, src),
        [dst, sign, operand] => arithmetic(dst, sign, operand),
        _ => None,
    }
}

fn raw(code: &str, dst: &str, src: &str, off: &str, imm: &str) -> Option<Vec<Insn>> {
    Some(vec![Insn {
        code: int(code)?.try_into().ok()?,
        dst: int(dst)?.try_into().ok()?,
        src: int(src)?.try_into().ok()?,
        off: int(off)?.try_into().ok()?,
        imm: int(imm)?.try_into().ok()?,
    }])
}

fn wide(dst: &str, value: &str, kind: u8) -> Option<Vec<Insn>> {
    let [mut low, high] = Insn::load_imm64(register(dst, 'r')?, int(value)? as u64);
    low.src = kind;
    Some(vec![low, high])
}

fn store(words: &[&str]) -> Option<Vec<Insn>> {
    let (place, ["=", value]) = place(words)? else { return None };
    if register(value, 'r').is_some() {
        return place.store(STX | MEM, value).map(|i| vec![i]);
    }
    let imm = int(value)?.try_into().ok()?;
    Some(vec![Insn { code: ST | MEM | place.width, dst: place.base.0, src: 0, off: place.off, imm }])
}

fn swap(dst: &str, order: &str, src: &str) -> Option<Vec<Insn>> {
    let dst = register(dst, 'r').filter(|d| register(src, 'r') == Some(*d))?;
    let (source, bits) = match order.strip_prefix("be") {
        Some(bits) => (X, bits),
        None => (K, order.strip_prefix("le")?),
    };
    let bits = int(bits).filter(|b| matches!(b, 16 | 32 | 64))?;
    Some(vec![Insn { code: ALU | END | source, ..Insn::swap(dst, bits as u8) }])
}

fn arithmetic(dst: &str, sign: &str, operand: &str) -> Option<Vec<Insn>> {
    let letter = dst.chars().next()?;
    let class = match letter {
        'r' => ALU64,
        'w' => ALU,
        _ => return None,
    };
    let dst = register(dst, letter)?.0;
    if sign == "=" && operand.strip_prefix('-').and_then(|o| register(o, letter)) == Some(Reg(dst)) {
        return Some(vec![Insn { code: class | NEG, dst, ..Insn::default() }]);
    }
    let (op, _) = ALU_TEXT.iter().find(|(_, s)| *s == sign)?;
    let (source, src, imm) = source(operand, letter)?;
    Some(vec![Insn { code: class | op | source, dst, src, off: 0, imm }])
}

fn conditional(left: &str, sign: &str, right: &str, off: &str) -> Option<Vec<Insn>> {
    let letter = left.chars().next()?;
    let class = if letter == 'w' { JMP32 } else { JMP };
    let dst = register(left, letter).filter(|_| matches!(letter, 'r' | 'w'))?.0;
    let (op, _) = JMP_TEXT.iter().find(|(_, s)| *s == sign)?;
    let (source, src, imm) = source(right, letter)?;
    Some(vec![Insn { code: class | op | source, dst, src, off: int(off)?.try_into().ok()?, imm }])
}

/// Source bit, register and immediate of an operand.
fn source(text: &str, letter: char) -> Option<(u8, u8, i32)> {
    match register(text, letter) {
        Some(r) => Some((X, r.0, 0)),
        None => Some((K, 0, int(text)?.try_into().ok()?)),
    }
}

/// `*(u64 *)(r1 +8)`
struct Place {
    width: u8,
    base: Reg,
    off: i16,
}

impl Place {
    fn store(&self, code: u8, src: &str) -> Option<Insn> {
        let src = register(src, 'r')?.0;
        Some(Insn { code: code | self.width, dst: self.base.0, src, off: self.off, imm: 0 })
    }
}

/// The place that the first three words spell, and the words behind it.
fn place<'a>(words: &'a [&'a str]) -> Option<(Place, &'a [&'a str])> {
    let [kind, base, off, rest @ ..] = words else { return None };
    let width = match *kind {
        "*(u8" => B,
        "*(u16" => H,
        "*(u32" => W,
        "*(u64" => DW,
        _ => return None,
    };
    let base = register(base.strip_prefix("*)(")?, 'r')?;
    let off = int(off.strip_suffix(')')?)?.try_into().ok()?;
    Some((Place { width, base, off }, rest))
}

fn register(text: &str, letter: char) -> Option<Reg> {
    let n = text.strip_prefix(letter)?.parse::<u8>().ok()?;
    (n <= 10).then_some(Reg(n))
}

fn unsigned(text: &str) -> Option<u32> {
    int(text)?.try_into().ok()
}

/// A decimal or hexadecimal number that fits 64 bits.
fn int(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let n = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => digits.parse::<u64>().ok()?,
    };
    Some(if negative { -i128::from(n) } else { i128::from(n) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disassemble;

    fn round(insns: &[Insn]) {
        let text: Vec<String> = disassemble(insns).into_iter().map(|(_, t)| t).collect();
        assert_eq!(assemble(&text.join("\n")).as_deref(), Ok(insns), "{text:?}");
    }

    #[test]
    fn every_opcode_round_trips() {
        for code in 0..=255u8 {
            for (dst, src, off, imm) in
                [(1, 2, 0, 0), (1, 0, 0, -5), (0, 0, 0, 0), (0, 1, 0, -1), (10, 0, -8, 0), (3, 4, 9, 0), (15, 15, 1, 1), (2, 0, 0, 16)]
            {
                round(&[Insn { code, dst, src, off, imm }]);
            }
        }
    }

    #[test]
    fn wide_loads_round_trip() {
        round(&Insn::load_imm64(Reg::R3, 0xffff_ffff_0000_0001));
        let [low, high] = Insn::load_imm64(Reg::R3, 5);
        round(&[Insn { src: 4, ..low }, high]);
    }

    #[test]
    fn verifier_style() {
        let text = "r1 = *(u64 *)(r6 +8)\n*(u32 *)(r10 -4) = 7\nlock *(u64 *)(r0 +0) += r1\nif r1 s<= -1 goto -3\nw2 = w3";
        let insns = assemble(text).unwrap_or_default();
        let back: Vec<String> = disassemble(&insns).into_iter().map(|(_, t)| t).collect();
        assert_eq!(back.join("\n"), text);
        assert_eq!(assemble("r1 = r11").map_err(|e| e.line), Err(1));
    }
}
