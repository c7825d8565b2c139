//! Where instructions begin. A breakpoint in the middle of one makes another instruction of it, and breaks the
//! process that comes by: such places are refused, and so are those that nothing is known of.

use object::{Architecture, Object, ObjectSegment, ObjectSymbol, ReadRef, SymbolKind};

/// A place in the code of a binary that is not a function's start by its name.
pub(super) struct Spot<'a> {
    /// The function's name, if the script names it.
    pub function: &'a str,
    /// Its address and size, as the symbol has them.
    pub start: u64,
    pub size: u64,
    /// Bytes from there.
    pub offset: u64,
}

impl Spot<'_> {
    fn place(&self, offset: u64) -> String {
        if offset == 0 { self.function.to_string() } else { format!("{}+{offset}", self.function) }
    }
}

/// What is wrong with a place.
pub(super) enum Wrong {
    /// There is no such place.
    Outside(String),
    /// It may not be an instruction's start; the user may know better.
    Doubtful(String),
}

/// Checks that an instruction begins at an address, by the function that the symbols have around it.
pub(super) fn check_address<'d, R: ReadRef<'d>>(elf: &object::File<'d, R>, address: u64) -> Result<(), Wrong> {
    let Some(symbol) = around(elf, address) else {
        return Err(Wrong::Doubtful(format!(
            "{address:#x} is in no function that the file has a symbol of, so nothing says that an instruction begins there"
        )));
    };
    let function = symbol.name().unwrap_or_default();
    let (start, size) = (symbol.address(), symbol.size());
    check(elf, &Spot { function, start, size, offset: address - start })
}

/// The function around an address.
fn around<'f, 'd, R: ReadRef<'d>>(elf: &'f object::File<'d, R>, address: u64) -> Option<object::Symbol<'d, 'f, R>> {
    let holds = |s: &object::Symbol<'d, '_, R>| {
        s.kind() == SymbolKind::Text && !s.is_undefined() && address.checked_sub(s.address()).is_some_and(|n| n < s.size())
    };
    // Parts of functions may have symbols, too: the nearest is the surest.
    elf.symbols().chain(elf.dynamic_symbols()).filter(holds).max_by_key(ObjectSymbol::address)
}

/// What `func` calls the function around an address: as stacks do; the address where no symbol tells.
pub(super) fn function_at<'d, R: ReadRef<'d>>(elf: &object::File<'d, R>, address: u64) -> String {
    let symbol = around(elf, address).and_then(|s| s.name().ok().map(super::functions::unversioned));
    let shown = symbol.map(|name| crate::symbols::demangle(name).unwrap_or_else(|| name.to_string()));
    shown.unwrap_or_else(|| format!("{address:#x}"))
}

/// Checks that an instruction begins at a place of a function.
pub(super) fn check<'d, R: ReadRef<'d>>(elf: &object::File<'d, R>, spot: &Spot) -> Result<(), Wrong> {
    if spot.offset == 0 {
        return Ok(());
    }
    let (function, size) = (spot.function, spot.size);
    if size == 0 {
        return Err(Wrong::Doubtful(format!("nothing says how long `{function}` is: the file's symbol has no size")));
    }
    if spot.offset >= size {
        return Err(Wrong::Outside(format!("`{function}` has {size} bytes, and {} lies behind them", spot.place(spot.offset))));
    }
    let code = elf.segments().find_map(|s| s.data_range(spot.start, size).ok().flatten());
    let Some(code) = code else {
        return Err(Wrong::Doubtful(format!("the file does not hold the code of `{function}`")));
    };
    let Some(length) = lengths(elf.architecture()) else {
        return Err(Wrong::Doubtful(format!(
            "how long instructions are is not known for this machine ({:?}), so nothing says that one begins at {}",
            elf.architecture(),
            spot.place(spot.offset)
        )));
    };
    let (mut at, wanted) = (0, spot.offset as usize);
    while at < wanted {
        let next = code.get(at..).and_then(length).map(|n| at + n);
        let Some(next) = next else {
            return Err(Wrong::Doubtful(format!(
                "the code at {} cannot be decoded, so nothing says that an instruction begins at {}",
                spot.place(at as u64),
                spot.place(spot.offset)
            )));
        };
        if next > wanted {
            return Err(Wrong::Doubtful(format!(
                "{} is in the middle of an instruction, which would break the process: one begins at {}, the next at {}",
                spot.place(spot.offset),
                spot.place(at as u64),
                spot.place(next as u64)
            )));
        }
        at = next;
    }
    Ok(())
}

/// Length of the first instruction of some code; `None` for what is none.
type Length = fn(&[u8]) -> Option<usize>;

fn lengths(machine: Architecture) -> Option<Length> {
    Some(match machine {
        Architecture::X86_64 => |code| x86(64, code),
        Architecture::I386 => |code| x86(32, code),
        Architecture::Aarch64 => |code| (code.len() >= 4).then_some(4),
        Architecture::Riscv32 | Architecture::Riscv64 => riscv,
        _ => return None,
    })
}

fn x86(bits: u32, code: &[u8]) -> Option<usize> {
    let instruction = iced_x86::Decoder::new(bits, code, iced_x86::DecoderOptions::NONE).decode();
    (!instruction.is_invalid()).then(|| instruction.len())
}

/// The lowest bits of the first half-word tell: of four bytes, or a compressed one of two.
fn riscv(code: &[u8]) -> Option<usize> {
    match code.first()? {
        low if low & 0b11 != 0b11 => Some(2),
        low if low & 0b11100 != 0b11100 => Some(4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_have_the_lengths_of_their_machine() {
        let length = |machine, code: &[u8]| lengths(machine).expect("a machine that is known")(code);
        // endbr64; mov $42,%eax; vaddps %zmm; movabs; one that is cut off; one that 64-bit code does not have.
        let x86: [(&[u8], Option<usize>); 6] = [
            (&[0xf3, 0x0f, 0x1e, 0xfa, 0x90], Some(4)),
            (&[0xb8, 42, 0, 0, 0, 0x90], Some(5)),
            (&[0x62, 0xf1, 0x74, 0x48, 0x58, 0xc2, 0x90], Some(6)),
            (&[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 0x90], Some(10)),
            (&[0x48, 0xb8, 1, 2], None),
            (&[0x06, 0x90], None),
        ];
        for (code, wanted) in x86 {
            assert_eq!(length(Architecture::X86_64, code), wanted, "{code:x?}");
        }
        assert_eq!(length(Architecture::I386, &[0x06, 0x90]), Some(1));
        assert_eq!(length(Architecture::Aarch64, &[0x1f, 0x20, 0x03, 0xd5]), Some(4));
        assert_eq!(length(Architecture::Riscv64, &[0x01, 0x00]), Some(2));
        assert_eq!(length(Architecture::Riscv64, &[0x13, 0, 0, 0]), Some(4));
        assert!(lengths(Architecture::S390x).is_none());
    }
}
