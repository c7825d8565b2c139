//! What values consist of, as calling conventions see it: numbers at places, and how values are aligned.

use btc_dwarf::{Error, Format, Type as Raw, TypeId};

use super::{MAX_DEPTH, UserTypes};

/// A number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// An integer or address of up to 8 bytes.
    Word(u64),
    /// An integer of 16 bytes.
    Wide,
    /// A floating-point number that is no more than its bytes: of 2, 4 or 8, or with 16 the one of IEEE 754.
    Float(u64),
    /// The one of 10 bytes, in 16, that x86 has.
    Extended,
}

impl Number {
    pub fn size(self) -> u64 {
        match self {
            Number::Word(size) | Number::Float(size) => size,
            Number::Wide | Number::Extended => 16,
        }
    }
}

/// A type, one step deep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    One(Number),
    /// A complex number.
    Two(Number),
    Record {
        id: TypeId,
        size: u64,
        union: bool,
    },
    Array {
        element: Option<TypeId>,
        count: u64,
        each: u64,
    },
    /// A vector of so many bytes.
    Vector(u64),
    /// Nothing that is known well enough.
    Unknown,
}

/// Bytes of whose multiple a value's place is: at least, and at most, as far as debug information tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alignment {
    pub least: u64,
    pub most: u64,
    /// Whether the source has a say in it.
    pub explicit: bool,
    /// Whether there is room that nothing explains. It may be taken by bits without a name.
    pub odd: bool,
    /// Whether there is a vector in it.
    pub vector: bool,
}

/// More than any machine asks for.
const MOST: u64 = 1 << 12;

impl Alignment {
    fn exactly(bytes: u64) -> Alignment {
        let bytes = bytes.clamp(1, MOST);
        Alignment { least: bytes, most: bytes, explicit: false, odd: false, vector: false }
    }

    const UNKNOWN: Alignment = Alignment { least: 1, most: MOST, explicit: true, odd: true, vector: true };
}

impl UserTypes {
    /// What a type is made of. On x86-64 floating-point numbers of 16 bytes differ by their names.
    pub(super) fn shape(&self, ty: Option<TypeId>) -> Result<Shape, Error> {
        let x86 = self.info.machine() == super::passing::X86_64;
        let (raw, id) = self.strip(ty, 0)?;
        let (Some(raw), Some(id)) = (raw, id) else { return Ok(Shape::Unknown) };
        let shape = match raw {
            Raw::Bool { .. } => Shape::One(Number::Word(1)),
            Raw::Int { size: size @ (1..=8), .. } | Raw::Enum { size: size @ (1..=8), .. } => {
                Shape::One(Number::Word(size))
            }
            // Those of `_BitInt` are passed otherwise.
            Raw::Int { size: 16, name, .. } if name.contains("__int128") => Shape::One(Number::Wide),
            Raw::Pointer(_) | Raw::Other { format: Format::Null, .. } => Shape::One(Number::Word(8)),
            Raw::Other { size, name, format: Format::Float } => {
                float(size, &name, x86).map_or(Shape::Unknown, Shape::One)
            }
            Raw::Other { size: size @ 8.., name, format: Format::Complex } => {
                float(size / 2, &name, x86).map_or(Shape::Unknown, Shape::Two)
            }
            // An atomic one may be larger.
            Raw::Record { size: Some(size), union, .. } if !self.atomic(ty)? => Shape::Record { id, size, union },
            Raw::Array { element, counts, vector } => {
                let each = u64::from(self.convert(element, 0)?.size());
                let count = counts.iter().try_fold(1u64, |n, c| n.checked_mul(*c));
                match count {
                    Some(count) if vector => Shape::Vector(count.saturating_mul(each)),
                    Some(count) => Shape::Array { element, count, each },
                    None => Shape::Unknown,
                }
            }
            _ => Shape::Unknown,
        };
        Ok(shape)
    }

    fn atomic(&self, mut ty: Option<TypeId>) -> Result<bool, Error> {
        for _ in 0..MAX_DEPTH {
            let Some(id) = ty else { return Ok(false) };
            match self.info.type_at(id)? {
                Raw::Qualified { word: "_Atomic", .. } => return Ok(true),
                Raw::Qualified { to, .. } | Raw::Typedef { to, .. } => ty = to,
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// How a value is aligned that is passed: by its type, whatever typedefs of it say.
    pub(super) fn alignment(&self, ty: Option<TypeId>, depth: u32) -> Result<Alignment, Error> {
        if depth > MAX_DEPTH {
            return Ok(Alignment::UNKNOWN);
        }
        Ok(match self.shape(ty)? {
            Shape::One(number) | Shape::Two(number) => Alignment::exactly(number.size().next_power_of_two()),
            Shape::Vector(size) => Alignment { vector: true, ..Alignment::exactly(size) },
            Shape::Array { element, .. } => self.alignment_of_part(element, depth + 1)?,
            Shape::Record { id, size, union } => {
                let known = self.alignments.borrow().get(&id).copied();
                match known {
                    Some(known) => known,
                    // Refuses those that contain themselves or too much.
                    None if self.weigh(id, 0).is_none() => Alignment::UNKNOWN,
                    None => {
                        let found = self.alignment_of_record(id, size, union, depth)?;
                        self.alignments.borrow_mut().insert(id, found);
                        found
                    }
                }
            }
            Shape::Unknown => Alignment::UNKNOWN,
        })
    }

    /// The same of a part of another value, for which typedefs count.
    pub(super) fn alignment_of_part(&self, ty: Option<TypeId>, depth: u32) -> Result<Alignment, Error> {
        let inner = self.alignment(ty, depth)?;
        let mut at = ty;
        for _ in 0..MAX_DEPTH {
            let Some(id) = at else { break };
            let to = match self.info.type_at(id)? {
                Raw::Typedef { to, .. } | Raw::Qualified { to, .. } => to,
                _ => break,
            };
            if let Some(bytes) = self.info.alignment(id)? {
                return Ok(told(bytes, inner));
            }
            at = to;
        }
        Ok(inner)
    }

    fn alignment_of_record(&self, id: TypeId, size: u64, union: bool, depth: u32) -> Result<Alignment, Error> {
        let mut all = Alignment::exactly(1);
        let (mut end, mut any) = (0u64, false);
        for member in self.info.members(id)? {
            any = true;
            let mut part = self.alignment_of_part(member.ty, depth + 1)?;
            if let Some(bytes) = member.alignment {
                part = told(bytes, part);
            }
            let bits = match member.bits {
                Some(bits) => bits,
                None => u64::from(self.convert(member.ty, 0)?.size()).saturating_mul(8),
            };
            let gap = member.bit_offset > end.next_multiple_of(8) && !union;
            let explained = (end / 8).saturating_add(u64::from(!end.is_multiple_of(8))).next_multiple_of(part.most);
            if gap && member.bits.is_none() && explained.saturating_mul(8) == member.bit_offset {
                // No packed one has such a gap.
                all.least = all.least.max(part.least);
            } else if gap && member.bits.is_none() {
                all.odd = true;
            }
            all.most = all.most.max(part.most);
            (all.explicit, all.odd, all.vector) =
                (all.explicit || part.explicit, all.odd || part.odd, all.vector || part.vector);
            end = end.max(member.bit_offset.saturating_add(bits));
            // A base ends where its last member does, before its padding.
            if end > u64::MAX / 4 {
                return Ok(Alignment::UNKNOWN);
            }
        }
        if let Some(bytes) = self.info.alignment(id)? {
            let bytes = bytes.clamp(1, MOST);
            // GCC says how it is, clang what the source asks for.
            all = Alignment { least: bytes, most: bytes.max(all.most), explicit: true, ..all };
        }
        // An empty class has a byte.
        let end = if any || size == 0 { end.div_ceil(8) } else { 1 };
        if end < size {
            if end.next_multiple_of(all.most) != size {
                all.odd = true;
            } else if all.most > 1 && end.next_multiple_of(all.most / 2) != size {
                all.least = all.most;
            }
        }
        if all.odd && !all.explicit {
            (all.least, all.most) = (1, MOST);
        }
        Ok(all)
    }
}

fn told(bytes: u64, inner: Alignment) -> Alignment {
    let bytes = bytes.clamp(1, MOST);
    Alignment { least: bytes, most: bytes, explicit: true, ..inner }
}

fn float(size: u64, name: &str, x86: bool) -> Option<Number> {
    match size {
        2 | 4 | 8 => Some(Number::Float(size)),
        16 if !x86 => Some(Number::Float(16)),
        16 if name.contains("loat128") => Some(Number::Float(16)),
        16 if name.contains("long double") || name.contains("_Float64x") => Some(Number::Extended),
        _ => None,
    }
}
