//! Operands of static probes, as assemblers write them: `-4@%eax`, `8@-16(%rbp)`, `4@$5`; `4@[sp, 12]`.

use btc_abi::UsdtPart;

/// Where an argument is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Operand {
    kind: Kind,
    /// The constant, or the distance in memory.
    number: i64,
    /// Offset of a register in `struct pt_regs`.
    base: u16,
    index: u16,
    scale: u8,
    /// Bytes.
    size: u8,
    signed: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Kind {
    Constant,
    Register,
    Memory,
    Indexed,
    /// Not to be had: a floating-point register, or a form that is not known.
    #[default]
    None,
}

impl Operand {
    /// Whether a program can read it.
    pub(crate) fn is_known(&self) -> bool {
        self.kind != Kind::None
    }

    /// Whether its note says that it has a sign.
    pub(crate) fn is_signed(&self) -> bool {
        self.signed
    }

    /// Whether a program that takes it for a number with a sign, or for one without, shows its values. Those of 64 bits
    /// without a sign do pass for numbers with one: few are 2^63 or more, and a program that was compiled without the
    /// binary must take all for signed, pointers too.
    pub(crate) fn fits(&self, signed: bool) -> bool {
        let above = self.part(UsdtPart::Shift);
        let may_be_negative = self.kind != Kind::Constant || self.number << above < 0;
        signed || !self.signed || !may_be_negative
    }

    /// What is patched in for a part.
    pub(crate) fn part(&self, part: UsdtPart) -> i32 {
        match part {
            UsdtPart::Kind => match self.kind {
                Kind::Constant => 0,
                Kind::Register => 1,
                Kind::Memory => 2,
                Kind::Indexed => 3,
                Kind::None => 4,
            },
            UsdtPart::Low => self.number as i32,
            UsdtPart::High => (self.number >> 32) as i32,
            UsdtPart::Base => i32::from(self.base),
            UsdtPart::Index => i32::from(self.index),
            UsdtPart::Scale => i32::from(self.scale),
            UsdtPart::Shift => 64 - 8 * i32::from(self.size.clamp(1, 8)),
            UsdtPart::Signed => i32::from(self.signed),
        }
    }
}

/// The operands of a note.
pub(crate) fn parse(text: &str) -> Vec<Operand> {
    // ARM's brackets may hold spaces.
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(open) if open.contains('[') && !open.contains(']') => open.push_str(word),
            _ => words.push(word.to_string()),
        }
    }
    words.iter().map(|w| operand(w).unwrap_or_default()).collect()
}

fn operand(text: &str) -> Option<Operand> {
    let (size, place) = text.split_once('@').unwrap_or(("8", text));
    // `8f@` is a floating-point number.
    let size: i8 = size.parse().ok()?;
    let mut operand = place_of(place)?;
    operand.size = size.unsigned_abs();
    operand.signed = size < 0;
    matches!(operand.size, 1 | 2 | 4 | 8).then_some(operand)
}

#[cfg(target_arch = "x86_64")]
fn place_of(text: &str) -> Option<Operand> {
    if let Some(number) = text.strip_prefix('$') {
        return Some(Operand { kind: Kind::Constant, number: integer(number)?, ..Operand::default() });
    }
    if let Some(name) = text.strip_prefix('%') {
        return Some(Operand { kind: Kind::Register, base: register(name)?, ..Operand::default() });
    }
    let (distance, rest) = text.split_once('(')?;
    let number = if distance.is_empty() { 0 } else { integer(distance)? };
    let mut parts = rest.strip_suffix(')')?.split(',');
    let base = register(parts.next()?.strip_prefix('%')?)?;
    let Some(index) = parts.next() else {
        return Some(Operand { kind: Kind::Memory, number, base, ..Operand::default() });
    };
    let index = register(index.strip_prefix('%')?)?;
    let scale = match parts.next().unwrap_or("1") {
        "1" => 0,
        "2" => 1,
        "4" => 2,
        "8" => 3,
        _ => return None,
    };
    Some(Operand { kind: Kind::Indexed, number, base, index, scale, ..Operand::default() })
}

/// Offset in `struct pt_regs` (kernel: arch/x86/include/asm/ptrace.h); names of all widths.
#[cfg(target_arch = "x86_64")]
fn register(name: &str) -> Option<u16> {
    const ORDER: [&str; 21] = [
        "r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di", "orig", "ip",
        "cs", "flags", "sp", "ss",
    ];
    let name = name.strip_prefix(['r', 'e']).filter(|n| n.len() == 2 && !n.starts_with(char::is_numeric)).unwrap_or(name);
    let name = match name {
        "al" | "bl" | "cl" | "dl" => return register(&format!("{}x", &name[..1])),
        "sil" | "dil" | "bpl" | "spl" => &name[..2],
        _ if name.starts_with('r') => name.trim_end_matches(['d', 'w', 'b']),
        _ => name,
    };
    let position = ORDER.iter().position(|n| *n == name)?;
    Some(position as u16 * 8)
}

#[cfg(target_arch = "aarch64")]
fn place_of(text: &str) -> Option<Operand> {
    if let Some(inside) = text.strip_prefix('[') {
        let mut parts = inside.strip_suffix(']')?.split(',').map(str::trim);
        let base = register(parts.next()?)?;
        let Some(next) = parts.next() else {
            return Some(Operand { kind: Kind::Memory, base, ..Operand::default() });
        };
        return match integer(next) {
            Some(number) => Some(Operand { kind: Kind::Memory, number, base, ..Operand::default() }),
            None => Some(Operand { kind: Kind::Indexed, base, index: register(next)?, ..Operand::default() }),
        };
    }
    match register(text) {
        Some(base) => Some(Operand { kind: Kind::Register, base, ..Operand::default() }),
        None => Some(Operand { kind: Kind::Constant, number: integer(text)?, ..Operand::default() }),
    }
}

/// Offset in `struct user_pt_regs` (kernel: arch/arm64/include/uapi/asm/ptrace.h).
#[cfg(target_arch = "aarch64")]
fn register(name: &str) -> Option<u16> {
    if name == "sp" {
        return Some(31 * 8);
    }
    let number: u16 = name.strip_prefix(['x', 'w'])?.parse().ok()?;
    (number < 31).then_some(number * 8)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn place_of(_: &str) -> Option<Operand> {
    None
}

/// A decimal or hexadecimal number with a sign.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let value = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()? as i64,
        None => digits.parse::<u64>().ok()? as i64,
    };
    Some(if negative { value.wrapping_neg() } else { value })
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn operands_of_all_forms() {
        let all = parse("-4@%eax 8@-16(%rbp) 4@$-5 8@8(%rax,%rdx,4) 1@%r11b 8f@%xmm0 2@%dil 8@sym(%rip)");
        let kinds: Vec<Kind> = all.iter().map(|o| o.kind).collect();
        use Kind::{Constant, Indexed, Memory, None, Register};
        assert_eq!(kinds, [Register, Memory, Constant, Indexed, Register, None, Register, None]);
        assert_eq!((all[0].base, all[0].signed, all[0].part(UsdtPart::Shift)), (80, true, 32));
        assert_eq!((all[1].base, all[1].number), (32, -16));
        assert_eq!((all[2].part(UsdtPart::Low), all[2].part(UsdtPart::High)), (-5, -1));
        assert_eq!((all[3].base, all[3].index, all[3].scale, all[3].number), (80, 96, 2, 8));
        assert_eq!((all[4].base, all[6].base), (48, 112));
    }

    #[test]
    fn what_may_be_negative_is_no_number_without_sign() {
        let all = parse("-4@%eax 8@%rax -4@$7 -4@$-7 -4@$4294967289 -1@$127");
        let fit: Vec<bool> = all.iter().map(|o| o.fits(false)).collect();
        assert_eq!(fit, [false, true, true, false, false, true]);
        assert!(all.iter().all(|o| o.fits(true)));
    }
}
