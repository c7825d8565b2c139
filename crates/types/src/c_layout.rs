//! How a record of C lies in memory: System V on 64-bit machines, as compilers extend it by `packed`, `aligned`
//! and `#pragma pack`.

use crate::align_up;

/// A member, as its type and attributes tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct CMember {
    /// Bytes of its type.
    pub size: u32,
    /// What its type is aligned to.
    pub align: u32,
    /// The width of a bit field.
    pub bits: Option<u32>,
    /// Whether it has a name.
    pub named: bool,
    /// Whether it is packed by itself.
    pub packed: bool,
    /// The alignment that it asks for.
    pub aligned: Option<u32>,
}

/// A record whose members are placed one by one.
#[derive(Clone, Debug)]
pub struct CLayout {
    union: bool,
    packed: bool,
    /// The most that members are aligned to: `#pragma pack`.
    pack: Option<u32>,
    align: u32,
    /// Bits used so far.
    at: u32,
    /// Bytes of the longest member of a union.
    longest: u32,
}

impl CLayout {
    /// A record without members.
    pub fn new(union: bool, packed: bool, pack: Option<u32>) -> CLayout {
        CLayout { union, packed, pack, align: 1, at: 0, longest: 0 }
    }

    /// Bytes used so far.
    pub fn bytes(&self) -> u32 {
        if self.union { self.longest } else { self.at.div_ceil(8) }
    }

    /// Room for a member; its first bit.
    pub fn place(&mut self, member: &CMember) -> u32 {
        if self.union {
            self.at = 0;
        }
        let packed = self.packed || member.packed;
        let first = match member.bits {
            // It only closes the unit, whatever is packed.
            Some(0) => {
                self.at = align_up(self.at, member.align.max(member.aligned.unwrap_or(1)) * 8);
                return self.at;
            }
            Some(width) => self.bit_field(member, packed, width),
            None => self.whole(member, packed),
        };
        self.longest = self.longest.max(self.at.div_ceil(8));
        first
    }

    fn whole(&mut self, member: &CMember, packed: bool) -> u32 {
        let natural = if packed { 1 } else { member.align };
        let align = self.at_most(natural.max(member.aligned.unwrap_or(1)));
        self.align = self.align.max(align);
        let first = align_up(self.at, align * 8);
        self.at = first + member.size * 8;
        first
    }

    fn bit_field(&mut self, member: &CMember, packed: bool, width: u32) -> u32 {
        let asked = member.aligned.map(|align| self.at_most(align));
        // The record is aligned as if the whole unit were in it, but for fields that only fill room. `#pragma pack`
        // says by how much, even where the field is packed.
        if member.named {
            let natural = if packed && self.pack.is_none() { 1 } else { self.at_most(member.align) };
            self.align = self.align.max(natural).max(asked.unwrap_or(1));
        }
        let mut first = align_up(self.at, asked.map_or(1, |align| align * 8));
        if !packed && self.pack.is_none() {
            // It does not cross more bounds of its type than the type itself.
            let (unit, size) = (member.align * 8, member.size * 8);
            if (first % unit + width).div_ceil(unit) > size / unit {
                first = align_up(first, unit);
            }
        }
        self.at = first + width;
        first
    }

    fn at_most(&self, align: u32) -> u32 {
        self.pack.map_or(align, |most| align.min(most))
    }

    /// Size and alignment of the whole, which asks for an alignment itself.
    pub fn finish(&self, aligned: Option<u32>) -> (u32, u32) {
        let align = self.align.max(aligned.unwrap_or(1));
        (align_up(self.bytes(), align), align)
    }
}
