//! The script's own records, enums and typedefs, laid out in the order they stand in.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use btc_diagnostics::{Code, Diagnostic, Diagnostics};
use btc_syntax::ast::{self, CAlign, CAttributes, RecordKind, TypeExpr, TypeExprKind};
use btc_syntax::c_int::{CInt, CType};
use btc_target::{Constant, FieldInfo, RecordLayout};
use btc_types::{CLayout, CMember, EnumType, Origin, RecordType, Type, c_align};

use crate::records::{Records, complete};

/// Most bytes of a record of the script. None is nearly as large; sizes in bits stay small.
const MAX_RECORD: u32 = 1 << 20;
/// The largest alignment that can be asked for.
const MAX_ALIGN: u32 = 1 << 16;
/// What `aligned` without a number asks for.
const MOST_ALIGNED: u32 = 16;

impl Records<'_> {
    pub(crate) fn add_record(&mut self, record: &ast::CRecord, d: &mut Diagnostics) {
        let union = record.kind == RecordKind::Union;
        let mut layout = CLayout::new(union, record.attributes.packed.is_some(), record.pack);
        // A record may hold pointers to itself: known by name before its fields are.
        let name = record.name.name.clone();
        let ty = |size, align| RecordType { name: name.clone(), union, typedef: false, origin: Origin::Script, size, align };
        self.records.insert(name.clone(), Arc::new(RecordLayout { ty: ty(0, 1), fields: Vec::new() }));
        self.open = Some(name.clone());
        let mut fields: Vec<FieldInfo> = Vec::new();
        let mut names = HashSet::new();
        for field in &record.fields {
            let field_ty = self.member(&field.ty, d);
            // An unknown type was told of already.
            if field_ty == Type::Unknown {
                continue;
            }
            let Some(member) = self.c_member(field, &field_ty, layout.bytes(), d) else { continue };
            let first = layout.place(&member);
            let added = fields.len();
            fields.extend(self.fields_at(field, field_ty, first, member.bits));
            for added in &fields[added..] {
                let name = &added.name;
                if !names.insert(name.clone()) {
                    d.push(Diagnostic::error(Code::Redefined, field.span, format!("there is a member `{name}` already")));
                }
            }
        }
        self.open = None;
        let (size, align) = layout.finish(self.alignment(&record.attributes, d));
        let ty = ty(size, align);
        // Members behind it may be of a typedef that stands before it.
        for typedef in self.typedefs.values_mut() {
            let declared = matches!(&typedef.ty, Type::Record(r) if r.name == name && r.size == 0);
            complete(&mut typedef.ty, &HashMap::from([(name.clone(), ty.clone())]));
            typedef.align = if declared { typedef.align.max(align) } else { typedef.align };
        }
        self.records.insert(name.clone(), Arc::new(RecordLayout { ty, fields }));
    }

    /// What a member adds to the names of its record, if it starts at bit `first`.
    fn fields_at(&self, field: &ast::CField, ty: Type, first: u32, bits: Option<u32>) -> Vec<FieldInfo> {
        match (&field.name, &ty) {
            (Some(name), _) => {
                // The truth of C is a number, as in bpftrace, where only that of a comparison and of the kernel's types
                // prints as a word.
                let ty = match self.with_texts(&field.ty, ty) {
                    Type::Array { element, count, text: true } if count > 0 && *element == Type::int(1, true) => Type::str(count),
                    Type::Array { element, count, text } if *element == Type::Bool => {
                        Type::Array { element: Box::new(Type::int(1, false)), count, text }
                    }
                    Type::Bool => Type::int(1, false),
                    other => other,
                };
                vec![FieldInfo { name: name.name.clone(), ty, bit_offset: first, bits, hidden: false }]
            }
            (None, Type::Record(r)) => {
                let inner = self.records.get(&r.name).map_or(&[][..], |l| &l.fields);
                inner.iter().map(|f| FieldInfo { bit_offset: first + f.bit_offset, ..f.clone() }).collect()
            }
            // A bit field without a name only takes room.
            (None, _) => Vec::new(),
        }
    }

    /// A member's type, in which arrays of `char` are text. Those of `signed char` hold numbers, as in bpftrace.
    fn with_texts(&self, written: &TypeExpr, ty: Type) -> Type {
        match (&written.kind, ty) {
            (TypeExprKind::Array(of, _), Type::Array { element, count, .. }) => {
                let text = self.is_char(of);
                Type::Array { element: Box::new(self.with_texts(of, *element)), count, text }
            }
            (TypeExprKind::Name(name), ty) => match self.typedefs.get(name) {
                Some(typedef) => self.with_texts(&typedef.written, ty),
                None => ty,
            },
            (_, ty) => ty,
        }
    }

    fn is_char(&self, written: &TypeExpr) -> bool {
        match &written.kind {
            TypeExprKind::Name(name) => name == "char" || self.typedefs.get(name).is_some_and(|t| self.is_char(&t.written)),
            _ => false,
        }
    }

    /// A member as the layout wants it; what cannot stand behind `before` bytes of a record is told.
    fn c_member(&self, field: &ast::CField, ty: &Type, before: u32, d: &mut Diagnostics) -> Option<CMember> {
        let (named, size) = (field.name.is_some(), ty.size());
        let wrong = |message: String| Diagnostic::error(Code::CDefinition, field.span, message);
        if before.saturating_add(size) > MAX_RECORD {
            let message = format!("a record has at most {MAX_RECORD} bytes");
            d.push(Diagnostic::error(Code::TooLarge, field.span, message));
            return None;
        }
        if self.incomplete(ty) {
            d.push(wrong(format!("a member of type `{ty}` has no size that is known here")));
            return None;
        }
        let bits = match &field.bits {
            None => None,
            Some(width) => {
                let most = match (ty, crate::c_constant::c_type(ty)) {
                    (Type::Bool, _) => 1,
                    (_, Some(number)) => u32::from(number.size) * 8,
                    (other, None) => {
                        d.push(wrong(format!("a bit field cannot be of type `{other}`")));
                        return None;
                    }
                };
                let bits = self.c_count(width, most, &format!("the width of a bit field of type `{ty}`"), d)?;
                if bits == 0 && named {
                    d.push(wrong("a bit field of no bits has no name".to_string()));
                    return None;
                }
                Some(bits)
            }
        };
        let aligned = self.alignment(&field.attributes, d);
        let align = self.c_align(&field.ty, ty);
        Some(CMember { size, align, bits, named, packed: field.attributes.packed.is_some(), aligned })
    }

    /// Whether C would not take a member of the type: it has no size, or not yet.
    fn incomplete(&self, ty: &Type) -> bool {
        match ty {
            Type::None => true,
            Type::Array { element, .. } => self.incomplete(element),
            Type::Record(r) => {
                r.origin == Origin::Script && (self.open.as_ref() == Some(&r.name) || !self.records.contains_key(&r.name))
            }
            _ => false,
        }
    }

    /// What C aligns a value to whose type is written so.
    fn c_align(&self, written: &TypeExpr, ty: &Type) -> u32 {
        match (&written.kind, ty) {
            (TypeExprKind::Name(name), _) => {
                let typedef = self.typedefs.get(name).map(|t| t.align);
                typedef.or_else(|| c_align(name)).unwrap_or(ty.align())
            }
            (TypeExprKind::Array(written, _), Type::Array { element, .. }) => self.c_align(written, element),
            _ => ty.align(),
        }
    }

    pub(crate) fn typedef_align(&self, typedef: &ast::CTypedef, ty: &Type, d: &mut Diagnostics) -> u32 {
        self.alignment(&typedef.attributes, d).unwrap_or_else(|| self.c_align(&typedef.ty, ty))
    }

    /// The strictest alignment that attributes ask for.
    fn alignment(&self, attributes: &CAttributes, d: &mut Diagnostics) -> Option<u32> {
        let mut strictest = None;
        for align in &attributes.aligned {
            let bytes = match align {
                CAlign::Most => MOST_ALIGNED,
                CAlign::Type(written) => {
                    let ty = self.member(written, d);
                    self.c_align(written, &ty)
                }
                CAlign::Value(e) => match self.c_count(e, MAX_ALIGN, "an alignment", d) {
                    // It asks for nothing.
                    Some(0) | None => continue,
                    Some(n) if n.is_power_of_two() => n,
                    Some(n) => {
                        let message = format!("an alignment is a power of two, not {n}");
                        d.push(Diagnostic::error(Code::CDefinition, e.span, message));
                        continue;
                    }
                },
            };
            strictest = strictest.max(Some(bytes));
        }
        strictest
    }

    pub(crate) fn add_enum(&mut self, e: &ast::CEnum, d: &mut Diagnostics) {
        let mut variants: Vec<(String, CInt)> = Vec::new();
        let mut known: HashMap<&str, CInt> = HashMap::new();
        // Nothing where a header of the system has what is not understood.
        let mut next = Some(CInt::truth(false));
        for (name, value) in &e.variants {
            if let Some(written) = value {
                let earlier = |n: &str| known.get(n).copied();
                let mut own = Diagnostics::default();
                next = self.c_value(written, &earlier, &mut own);
                if !e.system {
                    d.append(&own);
                }
            }
            let Some(value) = next else {
                if value.is_none() && !e.system {
                    let message = format!("no type of C holds the value of `{}`", name.name);
                    d.push(Diagnostic::error(Code::CDefinition, name.span, message));
                }
                continue;
            };
            known.entry(&name.name).or_insert(value);
            variants.push((name.name.clone(), value));
            next = value.next();
        }
        let (least, most) = variants.iter().fold((0, 0), |(a, b), (_, v)| (v.value().min(a), v.value().max(b)));
        let Some(CType { size, signed }) = CType::of_range(least, most, e.packed) else {
            if !e.system {
                let message = "no type of C holds all values of this enum";
                d.push(Diagnostic::error(Code::CDefinition, e.span, message));
            }
            return;
        };
        let variants: Vec<(String, i64)> = variants.into_iter().map(|(n, v)| (n, v.value() as i64)).collect();
        let name = Some(&e.name.name).filter(|n| !n.contains('.')).cloned().unwrap_or_default();
        let ty = Arc::new(EnumType { name, size, signed, variants: variants.clone(), script: true });
        for (name, value) in variants {
            let known = self.constants.insert(name.clone(), Constant { ty: ty.clone(), value });
            if !e.system && known.is_some_and(|k| k.value != value) {
                d.push(Diagnostic::error(Code::Redefined, e.span, format!("the enumerator `{name}` has another value already")));
            }
        }
        self.enums.insert(e.name.name.clone(), ty);
    }

    /// The number that an enumerator of the script is.
    pub(crate) fn enumerator(&self, name: &str) -> Option<CInt> {
        let known = self.constants.get(name)?;
        let ty = CType { size: known.ty.size, signed: known.ty.signed };
        let value = if ty.signed { i128::from(known.value) } else { i128::from(known.value as u64) };
        // C gives those that fit an `int` that type, whatever the enum's is.
        Some(if i32::try_from(value).is_ok() { CInt::new(value, CType::INT) } else { CInt::new(value, ty) })
    }
}
