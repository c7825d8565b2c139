//! Copies of records whose size is the kernel's own affair.
//!
//! The room for a copy, and places behind a kernel record that something contains, are those of the build's target.
//! Where the record is smaller, as much is copied as there is; where it would not fit, or what lies behind it would be
//! looked for at the wrong place, the program is refused.

use btc_abi::Refused;
use btc_ir::{BinOp, Cond, Fact, Late, Memory, PathStep, TypeFact, Value};
use btc_types::{Origin, RecordType, Type};

use crate::function::FnLower;
use crate::place::{CorePlace, Place, is_kernel_record, storage, stub_name};

impl FnLower<'_, '_, '_> {
    /// Copies a kernel record, or an array of them, from memory that a helper reads.
    pub fn copy_kernel_record(&mut self, from: &Place, to: Memory, ty: &Type) {
        let (address, space) = self.address(from);
        let room = ty.size();
        let size = self.target_size(ty);
        if let (Place::Core(core), Type::Record(_)) = (from, ty) {
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

    fn target_size(&mut self, ty: &Type) -> Value {
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

    fn require_size(&mut self, ty: &Type) {
        match ty {
            Type::Record(r) if is_kernel_record(ty) => {
                let size = self.size_of_known(r);
                self.require_equal(size, r.size, layout(ty, r));
            }
            Type::Record(r) => self.require_sizes(r),
            Type::Array { element, .. } => self.require_size(element),
            _ => {}
        }
    }

    /// Goes on only where a record without a name, whose fields cannot be asked for once it is copied, is laid out
    /// as on the build's target.
    pub fn require_layout(&mut self, core: &CorePlace, ty: &Type) {
        match ty {
            Type::Array { element, .. } => {
                let mut first = core.clone();
                first.path.push(PathStep::Index(0));
                self.require_layout(&first, element);
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

    fn require_equal(&mut self, value: Value, wanted: u32, what: Refused) {
        let (same, other) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Eq, value, i64::from(wanted), same, other);
        self.b.switch_to(other);
        self.refuse(what);
        self.b.switch_to(same);
    }
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
