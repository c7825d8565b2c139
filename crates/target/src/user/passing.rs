//! Where a user function finds its parameters when it is entered, by the calling convention of its machine
//! (psABI of x86-64, AAPCS64, psABI of RISC-V).
//!
//! Only words are told: integers and addresses. Everything else is counted as far as it takes room from them; behind
//! something whose room is not known, nothing is told any more.

use btc_dwarf::{Error, Function, Rules, Type as Raw, TypeId};

use super::UserTypes;
use super::classify::{SMALL, Way};
use super::shape::{Alignment, Number, Shape};

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
    /// Whether the address of a large result goes where the first parameter would be, and not in a register of its own.
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

/// The machine that has two kinds of floating-point numbers of 16 bytes.
pub(super) const X86_64: u16 = 62;

const CONVENTIONS: &[Convention] = &[
    Convention { machine: X86_64, words: 6, floats: 8, above: 8, takes_result: true, kind: Kind::X86 },
    Convention { machine: 183, words: 8, floats: 8, above: 0, takes_result: false, kind: Kind::Arm },
    Convention { machine: 243, words: 8, floats: 8, above: 0, takes_result: true, kind: Kind::WordsOnly },
];

/// Where a parameter is, if that is known.
type Found = Option<Spot>;

/// Where a parameter is.
enum Spot {
    Word(Place),
    /// It is no word.
    Elsewhere,
}

/// Floating-point numbers of one size in a value and nothing else, as AAPCS64 has registers for them.
enum Alike {
    Floats { size: u64, count: u64 },
    Not,
    Unknown,
}

/// Hands out places, one parameter after another.
pub(super) struct Places<'u> {
    types: &'u UserTypes,
    /// `None` from where on nobody knows.
    convention: Option<&'static Convention>,
    rules: Rules,
    gnu: bool,
    words: u32,
    floats: u32,
    stack: u32,
}

impl<'u> Places<'u> {
    pub fn new(types: &'u UserTypes, function: &Function) -> Result<Places<'u>, Error> {
        let convention = CONVENTIONS.iter().find(|c| c.machine == types.info.machine());
        let (rules, gnu) = (function.rules, function.gnu);
        let mut places = Places { types, convention, rules, gnu, words: 0, floats: 0, stack: 0 };
        if let Some(convention) = convention {
            match places.hidden(convention, function.returns)? {
                Some(hidden) => places.words += u32::from(hidden && convention.takes_result),
                None => places.convention = None,
            }
        }
        Ok(places)
    }

    /// Whether the function gets the address where its result goes.
    fn hidden(&self, convention: &Convention, returns: Option<TypeId>) -> Result<Option<bool>, Error> {
        let (raw, id) = self.types.strip(returns, 0)?;
        let Some(raw) = raw else { return Ok((self.rules != Rules::Unknown).then_some(false)) };
        match self.rules {
            Rules::C => {}
            Rules::Scalars => {
                let nothing = match &raw {
                    Raw::Int { name, size: 0, .. } => name == "!",
                    Raw::Record { size, .. } => *size == Some(0),
                    _ => false,
                };
                return Ok((nothing || scalar(&raw)).then_some(false));
            }
            Rules::Unknown => return Ok(None),
        }
        if !convention.takes_result {
            return Ok(Some(false));
        }
        let shape = self.types.shape(returns)?;
        if let (Shape::Record { .. }, Some(id)) = (&shape, id) {
            match self.types.by_reference(id)? {
                Some(false) => {}
                other => return Ok(other),
            }
        }
        Ok(match (convention.kind, shape) {
            (Kind::X86, _) => match self.types.classify(returns, self.gnu)? {
                Way::Registers(..) | Way::Unit => Some(false),
                Way::Memory => Some(true),
                Way::Unknown => None,
            },
            (_, Shape::One(_)) => Some(false),
            (_, Shape::Two(number)) => Some(number.size() * 2 > SMALL),
            (_, Shape::Record { size, .. }) if size > SMALL => self.spacious(returns)?.then_some(true),
            (_, Shape::Record { .. }) => Some(false),
            _ => None,
        })
    }

    /// Whether a large record is so by what is in it. RISC-V has registers for two floating-point numbers with any room
    /// between them.
    fn spacious(&self, ty: Option<TypeId>) -> Result<bool, Error> {
        let alignment = self.types.alignment(ty, 0)?;
        Ok(!alignment.vector && !alignment.explicit && !alignment.odd)
    }

    /// The place of the next parameter; `None` for one that is no word, or is not known where.
    pub fn next(&mut self, ty: Option<TypeId>) -> Result<Option<Place>, Error> {
        let Some(convention) = self.convention else { return Ok(None) };
        match self.spot(convention, ty)? {
            Some(Spot::Word(place)) => return Ok(Some(place)),
            Some(Spot::Elsewhere) => {}
            None => self.convention = None,
        }
        Ok(None)
    }

    fn spot(&mut self, convention: &Convention, ty: Option<TypeId>) -> Result<Found, Error> {
        if self.rules != Rules::C {
            let known = self.rules == Rules::Scalars && self.types.strip(ty, 0)?.0.is_some_and(|raw| scalar(&raw));
            return Ok(known.then(|| Spot::Word(self.word(convention))));
        }
        let shape = self.types.shape(ty)?;
        if let Shape::One(Number::Word(_)) = shape {
            return Ok(Some(Spot::Word(self.word(convention))));
        }
        if let Shape::Record { id, .. } = shape {
            match self.types.by_reference(id)? {
                Some(false) => {}
                Some(true) => {
                    self.word(convention);
                    return Ok(Some(Spot::Elsewhere));
                }
                None => return Ok(None),
            }
        }
        if matches!(shape, Shape::Record { size: 0, .. }) {
            return Ok(Some(Spot::Elsewhere));
        }
        match convention.kind {
            Kind::X86 => self.x86(convention, ty, &shape),
            Kind::Arm => self.arm(convention, ty, &shape),
            // By its address; the rest depends on which registers there are.
            Kind::WordsOnly => Ok(match shape {
                Shape::Record { size, .. } if size > SMALL && self.spacious(ty)? => {
                    self.word(convention);
                    Some(Spot::Elsewhere)
                }
                _ => None,
            }),
        }
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

    /// Room on the stack. Where it is, alignment decides.
    fn push(&mut self, size: u64, alignment: Alignment, most: u64) -> Found {
        let (least, most) = (alignment.least.clamp(8, most) as u32, alignment.most.clamp(8, most) as u32);
        if least == most {
            self.stack = self.stack.checked_next_multiple_of(most)?;
        } else if !self.stack.is_multiple_of(most) {
            return None;
        }
        let size = size.min(super::MAX_BYTES) as u32;
        self.stack = self.stack.saturating_add(size.next_multiple_of(8));
        Some(Spot::Elsewhere)
    }

    fn x86(&mut self, convention: &Convention, ty: Option<TypeId>, shape: &Shape) -> Result<Found, Error> {
        let size = match shape {
            Shape::One(number) => number.size(),
            Shape::Two(number) => number.size() * 2,
            Shape::Record { size, .. } | Shape::Vector(size) => *size,
            Shape::Array { .. } | Shape::Unknown => return Ok(None),
        };
        let way = self.types.classify(ty, self.gnu)?;
        if let Way::Registers(words, floats) = way
            && self.words + words <= convention.words
            && self.floats + floats <= convention.floats
        {
            self.words += words;
            self.floats += floats;
            return Ok(Some(Spot::Elsewhere));
        }
        // Before its version 18, clang did not align them.
        let is_wide = *shape == Shape::One(Number::Wide) && !self.gnu;
        if way == Way::Unknown || is_wide {
            return Ok(None);
        }
        let alignment = self.types.alignment(ty, 0)?;
        Ok(self.push(size, alignment, u64::from(u32::MAX / 2)))
    }

    fn arm(&mut self, convention: &Convention, ty: Option<TypeId>, shape: &Shape) -> Result<Found, Error> {
        let alignment = self.types.alignment(ty, 0)?;
        let (size, alike) = match shape {
            Shape::One(Number::Float(size)) | Shape::Vector(size @ (8 | 16)) => {
                (*size, Alike::Floats { size: *size, count: 1 })
            }
            Shape::One(number) => (number.size(), Alike::Not),
            Shape::Two(number) => (number.size() * 2, Alike::Floats { size: number.size(), count: 2 }),
            Shape::Record { .. } if alignment.vector => return Ok(None),
            Shape::Record { size, .. } => (*size, self.alike(ty, 0)?),
            Shape::Array { .. } | Shape::Vector(_) | Shape::Unknown => return Ok(None),
        };
        Ok(match alike {
            Alike::Floats { count: count @ 1..=4, .. } => {
                let count = count as u32;
                if self.floats + count <= convention.floats {
                    self.floats += count;
                    return Ok(Some(Spot::Elsewhere));
                }
                self.floats = convention.floats;
                // What the source says of alignment counts only in part.
                let alignment = if alignment.explicit { Alignment { least: 1, ..alignment } } else { alignment };
                self.push(size, alignment, 16)
            }
            Alike::Unknown => None,
            _ if size > SMALL => {
                self.word(convention);
                Some(Spot::Elsewhere)
            }
            _ => self.arm_words(convention, size, alignment),
        })
    }

    /// Up to 16 bytes in words: all in registers, which begin with an even one if they are aligned so, or all in memory.
    fn arm_words(&mut self, convention: &Convention, size: u64, alignment: Alignment) -> Found {
        let count = size.div_ceil(8) as u32;
        if alignment.most > 8 && !self.words.is_multiple_of(2) && self.words < convention.words {
            if alignment.least != 16 || alignment.most != 16 || alignment.explicit {
                return None;
            }
            self.words += 1;
        }
        if self.words + count <= convention.words {
            self.words += count;
            return Some(Spot::Elsewhere);
        }
        // From here on, all that follows goes there too.
        self.words = convention.words;
        let alignment = if alignment.explicit { Alignment { least: 1, ..alignment } } else { alignment };
        self.push(size, alignment, 16)
    }

    fn alike(&self, ty: Option<TypeId>, depth: u32) -> Result<Alike, Error> {
        if depth > super::MAX_DEPTH {
            return Ok(Alike::Unknown);
        }
        Ok(match self.types.shape(ty)? {
            // Half of them are of one kind, half of another.
            Shape::One(Number::Float(2)) => Alike::Unknown,
            Shape::One(Number::Float(size)) => Alike::Floats { size, count: 1 },
            Shape::Two(number) => Alike::Floats { size: number.size(), count: 2 },
            Shape::One(_) => Alike::Not,
            Shape::Array { count: 0, .. } | Shape::Vector(_) | Shape::Unknown => Alike::Unknown,
            Shape::Array { element, count, .. } => match self.alike(element, depth + 1)? {
                Alike::Floats { size, count: each } => Alike::Floats { size, count: each.saturating_mul(count) },
                other => other,
            },
            Shape::Record { id, size, union } => self.alike_members(id, size, union, depth)?,
        })
    }

    fn alike_members(&self, id: TypeId, size: u64, union: bool, depth: u32) -> Result<Alike, Error> {
        // Refuses those that contain themselves or too much.
        if self.types.weigh(id, 0).is_none() {
            return Ok(Alike::Unknown);
        }
        let mut found: Option<(u64, u64)> = None;
        let mut not = false;
        for member in self.types.info.members(id)? {
            let part = if member.bits.is_some() { Alike::Not } else { self.alike(member.ty, depth + 1)? };
            match (part, found) {
                (Alike::Unknown, _) => return Ok(Alike::Unknown),
                (Alike::Floats { size, count }, None) => found = Some((size, count)),
                (Alike::Floats { size, count }, Some((first, so_far))) if size == first => {
                    found = Some((size, if union { so_far.max(count) } else { so_far.saturating_add(count) }));
                }
                _ => not = true,
            }
        }
        Ok(match found {
            _ if not => Alike::Not,
            // Compilers differ on what is empty.
            None => Alike::Unknown,
            Some((each, count)) if each.saturating_mul(count) == size => Alike::Floats { size: each, count },
            // There is padding in it.
            Some(_) => Alike::Not,
        })
    }
}

/// What all languages pass alike.
fn scalar(raw: &Raw) -> bool {
    matches!(raw, Raw::Bool { .. } | Raw::Int { size: 1..=8, .. } | Raw::Pointer(_))
}
