//! Types as C has them.

use gimli::{AttributeValue, DW_AT_name, DW_AT_type};

use crate::{DebugInfo, Entry, Error, Unit};

/// A type of a file: its place in the debug information.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub usize);

/// A type, one step deep. Where a type that is referred to is `None`, it is `void`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// An integer.
    Int {
        /// As C spells it.
        name: String,
        /// Size in bytes.
        size: u64,
        /// Two's complement.
        signed: bool,
        /// Whether it holds characters, as `char` does.
        is_char: bool,
    },
    /// A truth value.
    Bool {
        /// As C spells it.
        name: String,
    },
    /// A pointer, or a C++ reference.
    Pointer(Option<TypeId>),
    /// An array; of several dimensions when it has several lengths, outermost first. An unknown length is 0.
    Array {
        /// One element.
        element: Option<TypeId>,
        /// Numbers of elements.
        counts: Vec<u64>,
    },
    /// A struct, class or union.
    Record {
        /// Its tag.
        name: Option<String>,
        /// Union rather than struct.
        union: bool,
        /// Size in bytes; `None` where it is only declared.
        size: Option<u64>,
        /// Whether a function gets the address of one that is passed by value, as with some C++ classes.
        by_reference: bool,
    },
    /// An enum.
    Enum {
        /// Its tag.
        name: Option<String>,
        /// Size in bytes.
        size: u64,
        /// Two's complement.
        signed: bool,
        /// Names and values in order.
        variants: Vec<(String, i64)>,
    },
    /// Another name for a type.
    Typedef {
        /// The name.
        name: String,
        /// What it stands for.
        to: Option<TypeId>,
    },
    /// `const`, `volatile` and the like.
    Qualified {
        /// As C spells it.
        word: &'static str,
        /// What it qualifies.
        to: Option<TypeId>,
    },
    /// Something else: a floating-point number, a function, a type of another language.
    Other {
        /// As C spells it, where it has a name.
        name: String,
        /// Size in bytes, 0 where it is not known.
        size: u64,
        /// A floating-point number.
        float: bool,
    },
}

/// A member of a record. One without a name is an anonymous record, or a class that this one derives from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: Option<String>,
    /// Its type.
    pub ty: Option<TypeId>,
    /// Bits from the record's start.
    pub bit_offset: u64,
    /// Width of a bit field.
    pub bits: Option<u64>,
}

impl DebugInfo {
    /// A type.
    pub fn type_at(&self, id: TypeId) -> Result<Type, Error> {
        let (unit, offset) = self.locate(id.0)?;
        let entry = unit.entry(offset)?;
        let name = || self.text(&unit, &entry, DW_AT_name);
        let to = self.reference(&unit, entry.attr_value(DW_AT_type)).map(TypeId);
        let size = number(&entry, gimli::DW_AT_byte_size);
        let qualified = |word| Ok(Type::Qualified { word, to });
        match entry.tag() {
            gimli::DW_TAG_base_type => Ok(base(&entry, name()?.unwrap_or_default(), size.unwrap_or(0))),
            gimli::DW_TAG_pointer_type | gimli::DW_TAG_reference_type | gimli::DW_TAG_rvalue_reference_type => {
                Ok(Type::Pointer(to))
            }
            gimli::DW_TAG_array_type => Ok(Type::Array { element: to, counts: self.counts(&unit, &entry)? }),
            tag @ (gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type | gimli::DW_TAG_union_type) => {
                let declared = entry.has_attr(gimli::DW_AT_declaration);
                let size = if declared { None } else { Some(size.unwrap_or(0)) };
                let convention = entry.attr_value(gimli::DW_AT_calling_convention);
                let by_reference =
                    convention == Some(AttributeValue::CallingConvention(gimli::DW_CC_pass_by_reference));
                Ok(Type::Record { name: name()?, union: tag == gimli::DW_TAG_union_type, size, by_reference })
            }
            gimli::DW_TAG_enumeration_type => self.enumeration(&unit, &entry, size.unwrap_or(4)),
            gimli::DW_TAG_typedef => Ok(Type::Typedef { name: name()?.unwrap_or_default(), to }),
            gimli::DW_TAG_const_type => qualified("const"),
            gimli::DW_TAG_volatile_type => qualified("volatile"),
            gimli::DW_TAG_restrict_type => qualified("restrict"),
            gimli::DW_TAG_atomic_type => qualified("_Atomic"),
            _ => Ok(Type::Other { name: name()?.unwrap_or_default(), size: size.unwrap_or(0), float: false }),
        }
    }

    /// Members of a struct or union, in order; none for other types.
    pub fn members(&self, id: TypeId) -> Result<Vec<Member>, Error> {
        let (unit, offset) = self.locate(id.0)?;
        let mut all = Vec::new();
        let mut tree = unit.entries_tree(Some(offset))?;
        let mut children = tree.root()?.children();
        while let Some(child) = children.next()? {
            let entry = child.entry();
            let inherits = entry.tag() == gimli::DW_TAG_inheritance;
            // A static member is no part of the record.
            let is_static = entry.has_attr(gimli::DW_AT_declaration) || entry.has_attr(gimli::DW_AT_external);
            if (entry.tag() != gimli::DW_TAG_member && !inherits) || is_static {
                continue;
            }
            // Where a virtual base is, only the object knows.
            let Some((bit_offset, bits)) = place(entry) else { continue };
            all.push(Member {
                name: if inherits { None } else { self.text(&unit, entry, DW_AT_name)? },
                ty: self.reference(&unit, entry.attr_value(DW_AT_type)).map(TypeId),
                bit_offset,
                bits,
            });
        }
        Ok(all)
    }

    fn counts(&self, unit: &Unit, entry: &Entry) -> Result<Vec<u64>, Error> {
        let mut counts = Vec::new();
        let mut tree = unit.entries_tree(Some(entry.offset()))?;
        let mut children = tree.root()?.children();
        while let Some(child) = children.next()? {
            let entry = child.entry();
            if entry.tag() == gimli::DW_TAG_subrange_type {
                let bound = number(entry, gimli::DW_AT_upper_bound).map(|last| last.wrapping_add(1));
                counts.push(number(entry, gimli::DW_AT_count).or(bound).unwrap_or(0));
            }
        }
        Ok(counts)
    }

    fn enumeration(&self, unit: &Unit, entry: &Entry, size: u64) -> Result<Type, Error> {
        let mut variants = Vec::new();
        let mut tree = unit.entries_tree(Some(entry.offset()))?;
        let mut children = tree.root()?.children();
        while let Some(child) = children.next()? {
            let entry = child.entry();
            let value = entry.attr_value(gimli::DW_AT_const_value);
            // What is written in a fixed number of bytes has no sign.
            let value = value.and_then(|v| match v {
                AttributeValue::Sdata(n) => Some(n),
                other => other.udata_value().map(|n| n as i64),
            });
            if let (Some(name), Some(value)) = (self.text(unit, entry, DW_AT_name)?, value) {
                variants.push((name, value));
            }
        }
        let signed = variants.iter().any(|(_, v)| *v < 0);
        Ok(Type::Enum { name: self.text(unit, entry, DW_AT_name)?, size, signed, variants })
    }
}

fn number(entry: &Entry, attribute: gimli::DwAt) -> Option<u64> {
    entry.attr_value(attribute)?.udata_value()
}

fn base(entry: &Entry, name: String, size: u64) -> Type {
    let encoding = match entry.attr_value(gimli::DW_AT_encoding) {
        Some(AttributeValue::Encoding(encoding)) => encoding,
        _ => gimli::DW_ATE_unsigned,
    };
    let is_char = matches!(encoding, gimli::DW_ATE_signed_char | gimli::DW_ATE_unsigned_char);
    match encoding {
        gimli::DW_ATE_boolean if size == 1 => Type::Bool { name },
        gimli::DW_ATE_signed | gimli::DW_ATE_signed_char => Type::Int { is_char: is_char && name == "char", name, size, signed: true },
        gimli::DW_ATE_unsigned | gimli::DW_ATE_unsigned_char | gimli::DW_ATE_UTF | gimli::DW_ATE_boolean => {
            Type::Int { is_char: is_char && name == "char", name, size, signed: false }
        }
        other => Type::Other { name, size, float: other == gimli::DW_ATE_float },
    }
}

/// Where a member is in bits, and how many it has.
fn place(entry: &Entry) -> Option<(u64, Option<u64>)> {
    let bits = number(entry, gimli::DW_AT_bit_size);
    if let Some(at) = number(entry, gimli::DW_AT_data_bit_offset) {
        return Some((at, bits));
    }
    let location = entry.attr_value(gimli::DW_AT_data_member_location);
    let start = match &location {
        None => 0,
        Some(value) => value.udata_value()?.checked_mul(8)?,
    };
    match (bits, number(entry, gimli::DW_AT_bit_offset), number(entry, gimli::DW_AT_byte_size)) {
        // Up to DWARF 3 bits were counted from the most significant one of their unit.
        (Some(width), Some(from_top), Some(unit)) => {
            let end = unit.checked_mul(8)?.checked_sub(from_top)?;
            Some((start.checked_add(end.checked_sub(width)?)?, bits))
        }
        _ => Some((start, bits)),
    }
}
