//! Where a user function finds its parameters when it is entered, by the calling convention of its machine
//! (psABI of x86-64, AAPCS64, psABI of RISC-V).
//!
//! Only words are told: integers and addresses. Everything else is counted as far as it takes room from them; behind
//! something whose room is not known, nothing is told any more.

use btc_dwarf::{Error, Type as Raw, TypeId};

use super::{MAX_DEPTH, UserTypes};

/// Where a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the register of the nth argument.
    Register(u32),
    /// In memory, so many bytes above the stack pointer.
    Stack(u32),
}

/// A convention, as far as it matters here.
struct Convention {
    /// The machine, as `e_machine` has it.
    machine: u16,
    /// Registers for integers and addresses, and those for floating-point numbers.
    words: u32,
    floats: u32,
    /// Bytes on the stack below the first parameter there: the return address.
    above: u32,
    /// Whether the address of a large result goes where the first parameter would be.
    takes_result: bool,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    X86,
    Arm,
    /// Nothing but words is counted.
    WordsOnly,
}

const CONVENTIONS: &[Convention] = &[
    Convention { machine: 62, words: 6, floats: 8, above: 8, takes_result: true, kind: Kind::X86 },
    Convention { machine: 183, words: 8, floats: 8, above: 0, takes_result: false, kind: Kind::Arm },
    Convention { machine: 243, words: 8, floats: 8, above: 0, takes_result: true, kind: Kind::WordsOnly },
];

/// A record of more bytes goes through memory.
const SMALL: u64 = 16;

/// A number in a value that is passed: where it begins, its size, and whether it is a floating-point one.
type Leaf = (u64, u64, bool);

/// Hands out places, one parameter after another.
pub(super) struct Places<'u> {
    types: &'u UserTypes,
    convention: Option<&'static Convention>,
    words: u32,
    floats: u32,
    stack: u32,
}

impl<'u> Places<'u> {
    pub fn new(types: &'u UserTypes, returns: Option<TypeId>) -> Result<Places<'u>, Error> {
        let convention = CONVENTIONS.iter().find(|c| c.machine == types.info.machine());
        let mut places = Places { types, convention, words: 0, floats: 0, stack: 0 };
        if let (Some(Raw::Record { size, by_reference, .. }), _) = types.strip(returns, 0)?
            && convention.is_some_and(|c| c.takes_result)
            && (by_reference || size.is_some_and(|n| n > SMALL))
        {
            places.words += 1;
        }
        Ok(places)
    }

    /// The place of the next parameter; `None` for one that is no word, or is not known where.
    pub fn next(&mut self, ty: Option<TypeId>) -> Result<Option<Place>, Error> {
        let Some(convention) = self.convention else { return Ok(None) };
        let (raw, id) = self.types.strip(ty, 0)?;
        match raw {
            Some(Raw::Record { by_reference: true, .. }) => drop(self.word(convention)),
            Some(Raw::Record { size: Some(0), .. }) => {}
            Some(Raw::Record { size: Some(size), .. }) => self.record(convention, id, size)?,
            Some(Raw::Other { float: true, size: 4 | 8, .. }) if convention.kind != Kind::WordsOnly => {
                self.float(convention);
            }
            // 16 bytes: on x86-64 in memory.
            Some(Raw::Other { float: true, size: 16, .. }) if convention.kind == Kind::X86 => {
                self.stack = self.stack.next_multiple_of(16).saturating_add(16);
            }
            Some(Raw::Other { float: true, size: 16, .. }) if convention.kind == Kind::Arm => self.float(convention),
            Some(Raw::Bool { .. } | Raw::Int { size: 1..=8, .. } | Raw::Enum { .. } | Raw::Pointer(_)) => {
                return Ok(Some(self.word(convention)));
            }
            Some(Raw::Int { size: 16, .. }) if convention.kind == Kind::X86 => self.words(convention, 2, 16),
            _ => self.convention = None,
        }
        Ok(None)
    }

    fn word(&mut self, convention: &Convention) -> Place {
        if self.words < convention.words {
            self.words += 1;
            return Place::Register(self.words - 1);
        }
        let at = convention.above.saturating_add(self.stack);
        self.stack = self.stack.saturating_add(8);
        Place::Stack(at)
    }

    fn float(&mut self, convention: &Convention) {
        if self.floats < convention.floats {
            self.floats += 1;
        } else {
            self.stack = self.stack.saturating_add(8);
        }
    }

    /// Several words at once: all in registers, or all in memory.
    fn words(&mut self, convention: &Convention, count: u32, bytes: u32) {
        if self.words + count <= convention.words {
            self.words += count;
        } else {
            self.stack = self.stack.saturating_add(bytes.next_multiple_of(8));
            // AAPCS64: from here on, all that follows goes there too.
            if convention.kind == Kind::Arm {
                self.words = convention.words;
            }
        }
    }

    fn record(&mut self, convention: &Convention, id: Option<TypeId>, size: u64) -> Result<(), Error> {
        let bytes = size.min(super::MAX_BYTES) as u32;
        let mut leaves = Vec::new();
        if size <= 64 {
            self.leaves(id, 0, 0, &mut leaves)?;
        }
        let first = leaves.first().map_or(0, |l| l.1);
        let alike = leaves.iter().all(|(_, size, float)| *float && *size == first);
        match convention.kind {
            Kind::X86 if size > SMALL => self.stack = self.stack.saturating_add(bytes.next_multiple_of(8)),
            Kind::X86 => {
                let halves = (0..bytes.div_ceil(8)).map(u64::from);
                let of_words = |half: &u64| leaves.iter().any(|(at, _, float)| at / 8 == *half && !float);
                let words = halves.filter(of_words).count() as u32;
                let floats = bytes.div_ceil(8) - words;
                if self.words + words > convention.words || self.floats + floats > convention.floats {
                    self.stack = self.stack.saturating_add(bytes.next_multiple_of(8));
                } else {
                    self.words += words;
                    self.floats += floats;
                }
            }
            // Up to four equal floating-point numbers have registers of their own.
            Kind::Arm if alike && (1..=4).contains(&leaves.len()) => {
                let count = leaves.len() as u32;
                if self.floats + count <= convention.floats {
                    self.floats += count;
                } else {
                    self.floats = convention.floats;
                    self.stack = self.stack.saturating_add(bytes.next_multiple_of(8));
                }
            }
            Kind::Arm if size > SMALL => drop(self.word(convention)),
            Kind::Arm => self.words(convention, bytes.div_ceil(8), bytes),
            Kind::WordsOnly => self.convention = None,
        }
        Ok(())
    }

    /// The numbers in a type that begins `base` bytes into the value; of many the first 64.
    fn leaves(&self, ty: Option<TypeId>, base: u64, depth: u32, out: &mut Vec<Leaf>) -> Result<(), Error> {
        if depth > MAX_DEPTH || out.len() >= 64 {
            return Ok(());
        }
        let (raw, id) = self.types.strip(ty, 0)?;
        match (raw, id) {
            (Some(Raw::Record { .. }), Some(id)) => {
                // Refuses those that contain themselves.
                if self.types.weigh(id, 0).is_none() {
                    return Ok(());
                }
                for member in self.types.info.members(id)? {
                    self.leaves(member.ty, base.saturating_add(member.bit_offset / 8), depth + 1, out)?;
                }
            }
            (Some(Raw::Array { element, counts }), _) => {
                let stride = u64::from(self.types.convert(element, 0)?.size());
                let count = counts.iter().fold(1u64, |n, c| n.saturating_mul(*c)).min(64);
                for n in 0..count {
                    let before = out.len();
                    self.leaves(element, base.saturating_add(n * stride), depth + 1, out)?;
                    if out.len() == before {
                        break;
                    }
                }
            }
            (Some(Raw::Int { size, .. } | Raw::Enum { size, .. }), _) => out.push((base, size, false)),
            (Some(Raw::Other { size, float, .. }), _) => out.push((base, size, float)),
            (Some(_), _) => out.push((base, 8, false)),
            (None, _) => {}
        }
        Ok(())
    }
}
