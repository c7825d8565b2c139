//! Copies of records whose size is the kernel's own affair.
//!
//! The room for a copy, and places behind a kernel record that something contains, are those of the build's target.
//! Where the record is smaller, as much is copied as there is; where it would not fit, or what lies behind it would be
//! looked for at the wrong place, the program is refused.

use btc_abi::Refused;
use btc_hir::{self as hir, ExprKind};
use btc_ir::{BinOp, Cond, Fact, Late, Memory, TypeFact, Value};
use btc_types::{Origin, RecordType, Space, Type};

use crate::constant::number;
use crate::function::FnLower;
use crate::place::{Base, CorePlace, Place, is_kernel_record, record_at, storage, stub_name};

impl FnLower<'_, '_, '_> {
    /// Copies a kernel record, or an array of them, from memory that a helper reads.
    pub fn copy_kernel_record(&mut self, from: &Place, to: Memory, ty: &Type) {
        let (address, space) = self.address(from);
        let room = ty.size();
        let size = self.target_size(ty);
        if let Place::Core(core) = from {
            self.require_same_record(core, size, ty);
        }
        let (fits, large) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::UGt, size, i64::from(room), large, fits);
        self.b.switch_to(large);
        self.refuse(Refused::Room { record: spelled(ty), bytes: room });
        self.b.switch_to(fits);
        self.b.clear(to.base, to.offset, room);
        self.read_sized(to, size, address, space);
    }

    /// Goes on only where a field of that record has the size of one: libbpf does not look at what it is called.
    fn require_same_record(&mut self, field: &CorePlace, size: Value, ty: &Type) {
        if field.path.is_empty() {
            return;
        }
        let there = self.b.late(field.fact(Fact::ByteSize));
        let more = self.b.bin(BinOp::Sub, there, size);
        self.require_equal(more, 0, Refused::Field { field: field.spelled(), ty: spelled(ty) });
    }

    /// The bytes of a value on the target.
    pub fn target_size(&mut self, ty: &Type) -> Value {
        match ty {
            Type::Record(r) => self.size_of_known(r),
            Type::Array { element, count, .. } => {
                let one = self.target_size(element);
                self.b.bin_imm(BinOp::Mul, one, i64::from(*count))
            }
            other => self.b.iconst(i64::from(other.size())),
        }
    }

    /// The size of a kernel record, only where the kernel has it: of what it lacks libbpf tells 0.
    pub fn size_of_known(&mut self, r: &RecordType) -> Value {
        let exists = self.b.late(Late::Type { record: stub_name(r), union: r.union, fact: TypeFact::Exists });
        self.require(exists, Refused::Type { record: spelled(&Type::Record(r.clone())) });
        self.kernel_size(r)
    }

    /// Goes on only where the kernel records that a record of the script contains have the sizes that it was laid
    /// out with.
    pub fn require_sizes(&mut self, record: &RecordType) {
        if record.origin != Origin::Script {
            return;
        }
        for field in self.shared.fields_of(record) {
            self.require_size(&field.ty);
        }
    }

    /// A number that the layout of a record of the script gives.
    pub fn as_laid_out(&mut self, record: &RecordType, number: i64) -> Value {
        self.require_sizes(record);
        self.b.iconst(number)
    }

    /// Goes on only where the bytes of a value are as many as on the build's target, for code that goes by their number.
    pub fn require_bytes(&mut self, e: &hir::Expr) {
        if let Some(field) = self.core_path(e).filter(|_| has_record(&e.ty)) {
            let size = self.b.late(field.fact(Fact::ByteSize));
            self.require_equal(size, e.ty.size(), Refused::Field { field: field.spelled(), ty: spelled(&e.ty) });
        }
        self.require_size(&e.ty);
    }

    fn require_size(&mut self, ty: &Type) {
        match ty {
            Type::Record(r) if is_kernel_record(ty) => {
                let size = self.size_of_known(r);
                self.require_equal(size, r.size, layout(ty, r));
            }
            Type::Record(r) => self.require_sizes(r),
            Type::Array { element, .. } => self.require_size(element),
            Type::Tuple(parts) => parts.iter().for_each(|part| self.require_size(part)),
            Type::Named(parts) => parts.iter().for_each(|(_, part)| self.require_size(part)),
            _ => {}
        }
    }

    /// Goes on only where a record without a name, whose fields cannot be asked for once it is copied, is laid out
    /// as on the build's target.
    pub fn require_layout(&mut self, core: &CorePlace, ty: &Type) {
        match ty {
            Type::Array { element, .. } => {
                self.require_layout(&core.element(0, element), element);
            }
            Type::Record(r) if r.is_kernel() && r.name.starts_with('.') => {
                let size = self.b.late(core.fact(Fact::ByteSize));
                self.require_equal(size, r.size, layout(ty, r));
                let start = self.b.late(core.fact(Fact::ByteOffset));
                for field in self.shared.fields_of(r) {
                    let place = self.field(Place::Core(core.clone()), ty, &field.step, &field.ty);
                    let (Place::Core(inner), None) = (place, field.step.bits) else { continue };
                    let at = self.b.late(inner.fact(Fact::ByteOffset));
                    let distance = self.b.bin(BinOp::Sub, at, start);
                    self.require_equal(distance, storage(&field.step, &field.ty).offset, layout(ty, r));
                    self.require_layout(&inner, &field.ty);
                }
            }
            _ => {}
        }
    }

    /// Goes on only where an array of numbers or text is as long as on the build's target.
    pub fn require_length(&mut self, core: &CorePlace, ty: &Type) {
        let is_array = matches!(ty, Type::Str { .. } | Type::Array { .. });
        if !is_array || is_kernel_record(ty) || ty.size() == 0 || core.path.is_empty() {
            return;
        }
        let size = self.b.late(core.fact(Fact::ByteSize));
        self.require_equal(size, ty.size(), Refused::Field { field: core.spelled(), ty: ty.to_string() });
    }

    /// Goes on only where a field of a kernel struct, or an argument, has the type that it has on the build's target: for
    /// who asks for its type or address. It is not evaluated.
    pub fn require_same_type(&mut self, e: &hir::Expr) {
        if let ExprKind::Argument { location, .. } = &e.kind {
            self.require_shape(location, &e.ty);
        } else if let Some(field) = self.core_path(e) {
            self.require_same_field(&field, &e.ty, bits_of(e));
        }
    }

    /// Does so for whatever an expression has its type from.
    pub fn require_same_types(&mut self, e: &hir::Expr) {
        let is_one = matches!(e.kind, ExprKind::Argument { .. }) || self.core_path(e).is_some();
        if is_one {
            self.require_way(e);
            self.require_same_bytes(e);
            return self.require_same_type(e);
        }
        e.children().into_iter().for_each(|e| self.require_same_types(e));
    }

    /// Goes on only where an array of bytes holds characters on the target as it does here, or does not: one is a string.
    fn require_same_bytes(&mut self, e: &hir::Expr) {
        let described = match &e.ty {
            Type::Str { capacity, .. } => format!("[{capacity}]c"),
            Type::Array { count, text: true, .. } => format!("[{count}]b"),
            _ => return,
        };
        if let Some(field) = self.core_path(e) {
            self.note_read(&CorePlace { described, ..field });
        }
    }

    fn require_same_field(&mut self, field: &CorePlace, ty: &Type, bits: Option<(u32, u32)>) {
        match ty {
            // Their own fields are found there, and what a pointer leads to is looked at where it is read.
            Type::Record(_) | Type::Pointer { .. } => return,
            Type::Array { element, .. } => {
                self.require_length(field, ty);
                return self.require_same_field(&field.element(0, element), element, None);
            }
            Type::Str { .. } => return self.require_length(field, ty),
            _ => {}
        }
        self.rely_on(field);
        let (bytes, bits) = storage_unit(bits, ty);
        let mut facts = vec![(Fact::ByteSize, bytes)];
        if !field.is_element() {
            facts.push((Fact::RightShift, 64 - bits));
            let signed = field.sign_here().filter(|_| field.sign_is_asked());
            facts.extend(signed.map(|signed| (Fact::Signed, u32::from(signed))));
        }
        let (same, other) = (self.b.block(0), self.b.block(0));
        for (fact, here) in facts {
            let there = self.b.late(field.fact(fact));
            self.go_on_where(Cond::Eq, there, i64::from(here), other);
        }
        self.b.jump(same, &[]);
        self.b.switch_to(other);
        self.refuse(Refused::Field { field: field.spelled(), ty: ty.to_string() });
        self.b.switch_to(same);
    }

    /// Goes on only where a field and the pointers on the way to it are there and are what they are taken for, though nothing
    /// is read.
    pub fn require_way(&mut self, e: &hir::Expr) {
        if let Some(link) = self.core_path(e) {
            self.rely_on(&link);
            let what = Refused::Field { field: link.spelled(), ty: e.ty.to_string() };
            let offset = self.b.late(link.fact(Fact::ByteOffset));
            let beyond = self.b.bin_imm(BinOp::Add, offset, 1);
            self.require(beyond, what);
        }
        let mut at = e;
        loop {
            match &at.kind {
                ExprKind::Field { base, .. } | ExprKind::Element { base, .. } => at = base,
                ExprKind::Deref(pointer) => return self.require_way(pointer),
                _ => return,
            }
        }
    }

    /// The way to a field of a kernel struct, from address 0.
    pub fn core_path(&mut self, e: &hir::Expr) -> Option<CorePlace> {
        match &e.kind {
            ExprKind::Field { base, field } => {
                let place = match (self.core_path(base), &base.ty) {
                    (Some(outer), _) => Place::Core(outer),
                    (None, Type::Record(r)) if is_kernel_record(&base.ty) => {
                        record_at(Base::Value(self.b.iconst(0)), Space::Kernel, r)
                    }
                    _ => return None,
                };
                match self.field(place, &base.ty, field, &e.ty) {
                    Place::Core(field) => Some(field),
                    _ => None,
                }
            }
            ExprKind::Element { base, index } => {
                let array = self.core_path(base)?;
                Some(array.element(number(index).unwrap_or(0) as u32, &e.ty))
            }
            _ => None,
        }
    }

    /// `sizeof` of what has `size` bytes on the build's target: of a field of a kernel struct those on the target, of all else these,
    /// only where the fields, arguments and kernel records in it are as they are here.
    pub fn size_of_field(&mut self, e: &hir::Expr, size: i64) -> Value {
        match (self.core_path(e), bits_of(e)) {
            (Some(field), None) => {
                self.require_way(e);
                return self.b.late(field.fact(Fact::ByteSize));
            }
            _ => self.require_same_types(e),
        }
        self.require_size(&e.ty);
        self.b.iconst(size)
    }

    fn require_equal(&mut self, value: Value, wanted: u32, what: Refused) {
        let (same, other) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Eq, value, i64::from(wanted), same, other);
        self.b.switch_to(other);
        self.refuse(what);
        self.b.switch_to(same);
    }
}

fn has_record(ty: &Type) -> bool {
    match ty {
        Type::Record(_) => true,
        Type::Array { element, .. } => has_record(element),
        _ => false,
    }
}

/// Of a bit field, where it begins and its width.
fn bits_of(e: &hir::Expr) -> Option<(u32, u32)> {
    if let ExprKind::Field { field, .. } = &e.kind { Some((field.bit_offset, field.bits?)) } else { None }
}

/// Bytes from which a number is taken, and its bits. Those of a bit field are of its type, or twice as many where it
/// crosses their bounds, as libbpf counts.
pub(crate) fn storage_unit(bits: Option<(u32, u32)>, ty: &Type) -> (u32, u32) {
    let unit = 8 * ty.size();
    let Some((at, bits)) = bits else { return (ty.size(), unit) };
    (if at % unit + bits > unit { 2 * ty.size() } else { ty.size() }, bits)
}

/// That a record is laid out as on the build's target.
fn layout(ty: &Type, r: &RecordType) -> Refused {
    Refused::Layout { record: spelled(ty), bytes: r.size }
}

/// The record as C writes it.
fn spelled(ty: &Type) -> String {
    match ty {
        Type::Array { element, .. } => spelled(element),
        Type::Record(r) if r.name.starts_with('.') => "a struct without a name".to_string(),
        Type::Record(r) if r.typedef => r.name.clone(),
        Type::Record(r) => format!("{} {}", if r.union { "union" } else { "struct" }, r.name),
        other => other.to_string(),
    }
}
