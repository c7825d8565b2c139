//! Types as C has them.

use gimli::{AttributeValue, DW_AT_name, DW_AT_type, Reader};

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
        /// A vector that the machine computes with as a whole.
        vector: bool,
    },
    /// A struct, class or union.
    Record {
        /// Its tag.
        name: Option<String>,
        /// Union rather than struct.
        union: bool,
        /// Size in bytes; `None` where it is only declared.
        size: Option<u64>,
        /// Whether a function gets the address of one that is passed by value, as with some C++ classes;
        /// `None` where the compiler does not say.
        by_reference: Option<bool>,
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
        /// What it holds.
        format: Format,
    },
}

/// What a type holds that is no integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A floating-point number.
    Float,
    /// Two floating-point numbers.
    Complex,
    /// Only the null pointer.
    Null,
    /// Anything else.
    Unknown,
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
    /// Bytes of whose multiple its place is, where the source says so.
    pub alignment: Option<u64>,
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
            gimli::DW_TAG_array_type => {
                let vector = entry.has_attr(gimli::DW_AT_GNU_vector);
                Ok(Type::Array { element: to, counts: self.counts(&unit, &entry)?, vector })
            }
            tag @ (gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type | gimli::DW_TAG_union_type) => {
                let declared = entry.has_attr(gimli::DW_AT_declaration);
                let size = if declared { None } else { Some(size.unwrap_or(0)) };
                let by_reference = match entry.attr_value(gimli::DW_AT_calling_convention) {
                    Some(AttributeValue::CallingConvention(gimli::DW_CC_pass_by_reference)) => Some(true),
                    Some(AttributeValue::CallingConvention(gimli::DW_CC_pass_by_value)) => Some(false),
                    _ => None,
                };
                Ok(Type::Record { name: name()?, union: tag == gimli::DW_TAG_union_type, size, by_reference })
            }
            gimli::DW_TAG_enumeration_type => self.enumeration(&unit, &entry, size.unwrap_or(4)),
            gimli::DW_TAG_typedef => Ok(Type::Typedef { name: name()?.unwrap_or_default(), to }),
            gimli::DW_TAG_const_type => qualified("const"),
            gimli::DW_TAG_volatile_type => qualified("volatile"),
            gimli::DW_TAG_restrict_type => qualified("restrict"),
            gimli::DW_TAG_atomic_type => qualified("_Atomic"),
            tag => {
                let name = name()?.unwrap_or_default();
                let null = tag == gimli::DW_TAG_unspecified_type && name == "decltype(nullptr)";
                let format = if null { Format::Null } else { Format::Unknown };
                Ok(Type::Other { name, size: size.unwrap_or(0), format })
            }
        }
    }

    /// Bytes of whose multiple the places of a type are, where the source says so.
    pub fn alignment(&self, id: TypeId) -> Result<Option<u64>, Error> {
        let (unit, offset) = self.locate(id.0)?;
        Ok(number(&unit.entry(offset)?, gimli::DW_AT_alignment))
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
                alignment: number(entry, gimli::DW_AT_alignment),
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

pub(crate) fn number(entry: &Entry, attribute: gimli::DwAt) -> Option<u64> {
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
        gimli::DW_ATE_float => Type::Other { name, size, format: Format::Float },
        gimli::DW_ATE_complex_float => Type::Other { name, size, format: Format::Complex },
        _ => Type::Other { name, size, format: Format::Unknown },
    }
}

/// What an expression adds, if it does no more: so DWARF 2 tells where members are.
fn constant(expression: &crate::Slice) -> Option<u64> {
    let mut rest = expression.clone();
    let adds = gimli::DwOp(rest.read_u8().ok()?) == gimli::DW_OP_plus_uconst;
    let number = rest.read_uleb128().ok()?;
    (adds && rest.is_empty()).then_some(number)
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
        Some(AttributeValue::Block(block)) => constant(block)?.checked_mul(8)?,
        Some(AttributeValue::Exprloc(expression)) => constant(&expression.0)?.checked_mul(8)?,
        Some(value) => value.udata_value()?.checked_mul(8)?,
    };
    let from_top = entry.attr_value(gimli::DW_AT_bit_offset).and_then(|v| v.sdata_value());
    match (bits, from_top, number(entry, gimli::DW_AT_byte_size)) {
        // Up to DWARF 4 bits are counted from the most significant one of their unit. In packed records they may begin
        // behind it: then the count is negative.
        (Some(width), Some(from_top), Some(unit)) => {
            let end = i128::from(start) + i128::from(unit) * 8 - i128::from(from_top);
            Some((u64::try_from(end - i128::from(width)).ok()?, bits))
        }
        _ => Some((start, bits)),
    }
}
