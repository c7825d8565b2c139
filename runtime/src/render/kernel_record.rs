//! Structs and unions of the kernel. The program copied the bytes as they were on this host,
//! so it is this host's BTF that tells what they mean.

use std::collections::HashMap;
use std::rc::Rc;

use btc_abi::{BitRange, Encoding, EnumNames, Field};
use libbpf_rs::btf::types::{Array, Composite, Enum, Enum64, Float, Int, IntEncoding, MemberAttr};
use libbpf_rs::btf::{Btf, BtfKind, BtfType, HasSize};

use super::{Context, composite};

/// Records nested deeper than this are shown as bytes.
const MAX_NESTING: u32 = 16;

/// What was asked for so far.
#[derive(Default)]
pub(crate) struct Known {
    /// The kernel's types; nothing where it has none.
    btf: Option<Option<Btf<'static>>>,
    records: HashMap<(String, bool), Rc<Record>>,
    enums: Vec<EnumNames>,
}

/// A struct or union of this kernel.
#[derive(Default)]
struct Record {
    /// Bytes; `None` where this kernel has none of that name.
    size: Option<u32>,
    fields: Vec<Field>,
}

/// Names of enums from this number up are those of this kernel, not of the manifest.
const HOST_ENUMS: u32 = 1 << 31;

impl Known {
    /// Bytes that such a record has on this kernel.
    pub(super) fn size(&mut self, name: &str, union: bool) -> Option<u32> {
        self.record(name, union).size
    }

    fn record(&mut self, name: &str, union: bool) -> Rc<Record> {
        if let Some(record) = self.records.get(&(name.to_string(), union)) {
            return record.clone();
        }
        let btf = self.btf.get_or_insert_with(|| Btf::from_vmlinux().ok());
        let kind = if union { BtfKind::Union } else { BtfKind::Struct };
        let found = btf.as_ref().and_then(|btf| {
            let record = btf.type_by_name::<BtfType<'_>>(name)?.skip_mods_and_typedefs();
            // A typedef or function may have the name too: the list is searched then.
            let record = if record.kind() == kind { record } else { search(btf, name, kind)? };
            let fields = Layout { btf, enums: &mut self.enums }.members(record, 0);
            Some(Record { size: Some(size(record, 0)), fields })
        });
        let record = Rc::new(found.unwrap_or_default());
        self.records.insert((name.to_string(), union), record.clone());
        record
    }

    /// The enum of that number, if it is one of this kernel's.
    pub(super) fn names(&self, number: u32) -> Option<&EnumNames> {
        self.enums.get(number.checked_sub(HOST_ENUMS)? as usize)
    }
}

fn search<'b>(btf: &'b Btf<'static>, name: &str, kind: BtfKind) -> Option<BtfType<'b>> {
    let mut all = (1..btf.len() as u32).filter_map(|id| btf.type_by_id::<BtfType<'_>>(id.into()));
    all.find(|t| t.kind() == kind && t.name().is_some_and(|n| n == name))
}

pub(super) fn text(ctx: &Context, name: &str, union: bool, bytes: &[u8], out: &mut Vec<u8>) {
    let record = ctx.kernel_records.borrow_mut().record(name, union);
    composite::record(ctx, &record.fields, bytes, out);
}

pub(super) fn json(ctx: &Context, name: &str, union: bool, bytes: &[u8], out: &mut Vec<u8>) {
    let record = ctx.kernel_records.borrow_mut().record(name, union);
    composite::record_json(ctx, &record.fields, bytes, out);
}

/// Reads the layout of records, and collects the enums that it meets.
struct Layout<'b> {
    btf: &'b Btf<'static>,
    enums: &'b mut Vec<EnumNames>,
}

impl Layout<'_> {
    /// The fields of a struct or union; those of nameless members stand among them.
    fn members(&mut self, record: BtfType, nesting: u32) -> Vec<Field> {
        let mut fields = Vec::new();
        let Ok(record) = Composite::try_from(record) else { return fields };
        for member in record.iter() {
            let Some(ty) = self.btf.type_by_id::<BtfType<'_>>(member.ty) else { continue };
            let ty = ty.skip_mods_and_typedefs();
            let name = member.name.and_then(|n| n.to_str()).unwrap_or_default().to_string();
            match member.attr {
                MemberAttr::BitField { size, offset } if !name.is_empty() => {
                    let (offset, encoding) = bit_field(ty, offset, size);
                    fields.push(Field { name, offset, encoding });
                }
                MemberAttr::Normal { offset } if !name.is_empty() => {
                    fields.push(Field { name, offset: offset / 8, encoding: self.encoding(ty, nesting + 1) });
                }
                MemberAttr::Normal { offset } if nesting < MAX_NESTING => {
                    let inner = self.members(ty, nesting + 1).into_iter();
                    fields.extend(inner.map(|f| Field { offset: offset / 8 + f.offset, ..f }));
                }
                MemberAttr::Normal { .. } | MemberAttr::BitField { .. } => {}
            }
        }
        fields
    }

    fn encoding(&mut self, ty: BtfType, nesting: u32) -> Encoding {
        match ty.kind() {
            BtfKind::Ptr => Encoding::Pointer,
            BtfKind::Struct | BtfKind::Union if nesting < MAX_NESTING => Encoding::Record(self.members(ty, nesting)),
            BtfKind::Array => {
                let Ok(array) = Array::try_from(ty) else { return bytes(0) };
                let (element, count) = (array.contained_type().skip_mods_and_typedefs(), array.capacity() as u32);
                if is_byte(element) {
                    return Encoding::Str { capacity: count, cut_mark: false };
                }
                let stride = size(element, nesting);
                Encoding::Array { element: Box::new(self.encoding(element, nesting + 1)), count, stride }
            }
            BtfKind::Enum | BtfKind::Enum64 => self.enumeration(ty),
            BtfKind::Int => match Int::try_from(ty) {
                Ok(int) if matches!(int.encoding, IntEncoding::Bool) => Encoding::Bool,
                _ => {
                    let (size, signed) = integer(ty);
                    Encoding::Int { size, signed }
                }
            },
            _ => bytes(size(ty, nesting)),
        }
    }

    fn enumeration(&mut self, ty: BtfType) -> Encoding {
        let name = |n: Option<&std::ffi::OsStr>| n.unwrap_or_default().to_string_lossy().into_owned();
        let (signed, variants) = if let Ok(small) = Enum::try_from(ty) {
            (small.is_signed(), small.iter().map(|v| (v.value, name(v.name))).collect())
        } else if let Ok(large) = Enum64::try_from(ty) {
            (large.is_signed(), large.iter().map(|v| (v.value as i64, name(v.name))).collect())
        } else {
            (false, Vec::new())
        };
        let names = HOST_ENUMS | self.enums.len() as u32;
        self.enums.push(EnumNames { name: name(ty.name()), variants, kernel: false });
        Encoding::Enum { size: integer(ty).0, signed, names }
    }
}

/// The bytes that a bit field lies in, which are up to nine.
fn bit_field(ty: BtfType, at: u32, width: u8) -> (u32, Encoding) {
    let (_, signed) = integer(ty);
    let start = (at % 8) as u8;
    let size = (u32::from(start) + u32::from(width)).div_ceil(8) as u8;
    (at / 8, Encoding::Bits { size, signed, bits: BitRange { start, width } })
}

fn bytes(count: u32) -> Encoding {
    Encoding::Array { element: Box::new(Encoding::Int { size: 1, signed: false }), count, stride: 1 }
}

fn is_byte(ty: BtfType) -> bool {
    // Bytes of any sign: bpftrace shows them as text.
    Int::try_from(ty).is_ok_and(|int| int.bits == 8 && !matches!(int.encoding, IntEncoding::Bool))
}

/// Size in bytes (a power of two up to 8) and sign of a number.
fn integer(ty: BtfType) -> (u8, bool) {
    let signed = Int::try_from(ty).is_ok_and(|int| matches!(int.encoding, IntEncoding::Signed));
    (size(ty, 0).next_power_of_two().clamp(1, 8) as u8, signed)
}

/// Size in bytes.
fn size(ty: BtfType, nesting: u32) -> u32 {
    if let Ok(array) = Array::try_from(ty) {
        let element = array.contained_type().skip_mods_and_typedefs();
        let count = array.capacity() as u32;
        return if nesting < MAX_NESTING { size(element, nesting + 1).saturating_mul(count) } else { 0 };
    }
    match ty.kind() {
        BtfKind::Ptr => 8,
        BtfKind::Int => Int::try_from(ty).map_or(0, |t| t.size() as u32),
        BtfKind::Struct | BtfKind::Union => Composite::try_from(ty).map_or(0, |t| t.size() as u32),
        BtfKind::Enum => Enum::try_from(ty).map_or(4, |t| t.size() as u32),
        BtfKind::Enum64 => 8,
        BtfKind::Float => Float::try_from(ty).map_or(0, |t| t.size() as u32),
        _ => 0,
    }
}
