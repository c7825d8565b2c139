//! Fields of kernel records, bound on the target (CO-RE).
//!
//! Where the target has `bpf_rdonly_cast` (Linux 6.2), one cast turns the address into a
//! typed pointer and each field is a plain load; where it has not, each field is a
//! `bpf_probe_read_kernel`. The verifier drops the form that the target does not use.

use btc_abi::{Read, Refused};
use btc_ir::{BinOp, Block, Callee, Cond, Fact, Late, Leaf, Memory, Op, PathStep, TypeFact, Value, Width};
use btc_hir::FieldStep;
use btc_providers::described;
use btc_types::{RecordType, Space, Type};

use crate::function::FnLower;
use crate::place::{Base, CorePlace, Place, TYPEDEF, record_at, stub_name};
use crate::room::storage_unit;

impl FnLower<'_, '_, '_> {
    /// Loads a scalar field. `bits` tells a bit field.
    pub fn load_core(&mut self, place: &CorePlace, ty: &Type, bits: Option<(u32, u32)>) -> Value {
        let unit = storage_unit(bits, ty);
        if place.space != Space::Kernel || place.path.is_empty() {
            self.rely_on(place);
            let base = self.base_value(place);
            return self.read_number(base, place, unit);
        }
        let (links, root) = self.links(place);
        links.iter().for_each(|link| self.rely_on(link));
        // The cast wants a struct, and does not look behind a typedef; a load sees the first member of a union.
        if links[0].record.starts_with(TYPEDEF) || links.iter().any(|link| link.hidden) {
            let address = links[..links.len() - 1].iter().fold(root, |address, link| self.read_link(address, link));
            return self.read_number(address, place, unit);
        }
        let (fast, slow, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        let by_helper = self.b.block(1);
        let kfunc = self.b.module.kfunc("bpf_rdonly_cast", 2);
        let present = self.b.push(Op::KfuncAddr(kfunc));
        self.b.branch_imm(Cond::Ne, present, 0, fast, slow);

        self.b.switch_to(fast);
        let first = links[0];
        let id = self.b.late(Late::Type {
            record: first.record.clone(),
            union: first.union,
            fact: TypeFact::TargetId,
        });
        let mut typed = self.b.call(Callee::Kfunc(kfunc), &[root, id]);
        for link in &links[..links.len() - 1] {
            typed = self.b.load_late(Width::B8, typed, link.fact(Fact::ByteOffset));
        }
        match self.load_typed(typed, place, ty, bits, by_helper) {
            Some(value) => self.b.jump(done, &[value]),
            None => self.b.jump(by_helper, &[typed]),
        }

        self.b.switch_to(slow);
        let address = links[..links.len() - 1].iter().fold(root, |address, link| self.read_link(address, link));
        self.b.jump(by_helper, &[address]);

        self.b.switch_to(by_helper);
        let address = self.b.block_param(by_helper, 0);
        let value = self.read_number(address, place, unit);
        self.b.jump(done, &[value]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// The records on the way to a field, outermost first, and the address it begins at.
    fn links<'c>(&mut self, place: &'c CorePlace) -> (Vec<&'c CorePlace>, Value) {
        let mut links = vec![place];
        let mut at = place;
        loop {
            match &at.base {
                Base::Value(root) => {
                    links.reverse();
                    return (links, *root);
                }
                Base::Field(inner) => {
                    links.push(inner);
                    at = inner;
                }
            }
        }
    }

    /// Loads a field through a typed pointer, or goes to `by_helper` with it: where the field's size or sign is not that of
    /// the build's target. `None` where no plain load reads it.
    fn load_typed(
        &mut self,
        typed: Value,
        place: &CorePlace,
        ty: &Type,
        bits: Option<(u32, u32)>,
        by_helper: Block,
    ) -> Option<Value> {
        if matches!(place.leaf, Leaf::Pointer) {
            return Some(self.b.load_late(Width::B8, typed, place.fact(Fact::ByteOffset)));
        }
        let size = ty.size();
        let width = Width::of(size).filter(|_| bits.is_none())?;
        let (same, other) = (self.b.block(0), self.b.block(0));
        let target_size = self.b.late(place.fact(Fact::ByteSize));
        self.b.branch_imm(Cond::Eq, target_size, i64::from(size), same, other);
        if self.shared.manifest.exact {
            self.refuse_type(other, place);
        } else {
            self.b.switch_to(other);
            self.b.jump(by_helper, &[typed]);
        }
        self.b.switch_to(same);
        if let Some(signed) = place.sign_here().filter(|_| place.sign_is_asked()) {
            let sign = self.b.late(place.fact(Fact::Signed));
            let agree = self.b.block(0);
            self.b.branch_imm(Cond::Eq, sign, i64::from(signed), agree, other);
            self.b.switch_to(agree);
        }
        let raw = self.b.load_late(width, typed, place.fact(Fact::ByteOffset));
        Some(match place.sign_here() {
            _ if size == 8 => raw,
            Some(true) => self.b.push(Op::SignExtend(size as u8 * 8, raw)),
            Some(false) => raw,
            None => self.extend_late(raw, place, size),
        })
    }

    /// Extends a loaded integer by the sign that the field has on the target.
    fn extend_late(&mut self, raw: Value, place: &CorePlace, size: u32) -> Value {
        let (signed, done) = (self.b.block(0), self.b.block(1));
        let sign = self.sign(place);
        let unsigned = self.b.block(0);
        self.b.branch_imm(Cond::Ne, sign, 0, signed, unsigned);
        self.b.switch_to(signed);
        let extended = self.b.push(Op::SignExtend(size as u8 * 8, raw));
        self.b.jump(done, &[extended]);
        self.b.switch_to(unsigned);
        self.b.jump(done, &[raw]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// A pointer in the record at `base` by way of a helper.
    fn read_link(&mut self, base: Value, place: &CorePlace) -> Value {
        self.read_number(base, place, (8, 64))
    }

    /// A field of the record at `base` by way of a helper: any size, bit fields too. `unit` are the bytes that it is taken
    /// from where the object is made, and its bits.
    fn read_number(&mut self, base: Value, place: &CorePlace, unit: (u32, u32)) -> Value {
        let slot = self.b.slot(8);
        let to = self.b.slot_addr(slot);
        let zero = self.b.iconst(0);
        self.b.store(Width::B8, to, 0, zero);
        let offset = self.b.late(place.fact(Fact::ByteOffset));
        let address = self.add(base, offset);
        let memory = Memory { base: to, offset: 0 };
        if matches!(place.leaf, Leaf::Pointer) {
            self.read(memory, 8, address, place.space);
            return self.b.load(Width::B8, to, 0);
        }
        let size = self.b.late(place.fact(Fact::ByteSize));
        let right = self.shift_of(place, Fact::RightShift);
        self.require_fit(place, size, right, unit);
        let size = self.b.push(Op::UMin(size, 8));
        self.read_sized(memory, size, address, place.space);
        let raw = self.b.load(Width::B8, to, 0);
        let left = self.shift_of(place, Fact::LeftShift);
        let raw = self.b.bin(BinOp::Shl, raw, left);
        let (signed, unsigned, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        let sign = self.sign(place);
        self.b.branch_imm(Cond::Ne, sign, 0, signed, unsigned);
        self.b.switch_to(signed);
        let value = self.b.bin(BinOp::AShr, raw, right);
        self.b.jump(done, &[value]);
        self.b.switch_to(unsigned);
        let value = self.b.bin(BinOp::LShr, raw, right);
        self.b.jump(done, &[value]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// Goes on only where a number has the sign on the target that it has here, and all values that it has there are among
    /// those of its type; in scripts that ask for more than values, where it is as wide. `unused` are the bits of 64 that it
    /// leaves there. Of enums old kernels do not tell the sign, of elements none does.
    fn require_fit(&mut self, place: &CorePlace, size: Value, unused: Value, (bytes, bits): (u32, u32)) {
        let own = match place.leaf {
            Leaf::Int { size, .. } | Leaf::Enum { size, .. } => u32::from(size),
            _ => return,
        };
        let (fits, other) = (self.b.block(0), self.b.block(0));
        if let Some(signed) = place.sign_here().filter(|_| place.sign_is_asked()) {
            let sign = self.b.late(place.fact(Fact::Signed));
            self.go_on_where(Cond::Eq, sign, i64::from(signed), other);
        }
        if self.shared.manifest.exact {
            self.go_on_where(Cond::Eq, size, i64::from(bytes), other);
            self.go_on_where(Cond::Eq, unused, 64 - i64::from(bits), other);
        } else {
            self.go_on_where(Cond::SGe, unused, 64 - 8 * i64::from(own), other);
        }
        self.b.jump(fits, &[]);
        self.refuse_type(other, place);
        self.b.switch_to(fits);
    }

    /// Goes on in a new block where a comparison holds, else to `other`.
    pub fn go_on_where(&mut self, cond: Cond, value: Value, number: i64, other: Block) {
        let next = self.b.block(0);
        self.b.branch_imm(cond, value, number, next, other);
        self.b.switch_to(next);
    }

    /// Refuses a number that is another on the target.
    fn refuse_type(&mut self, block: Block, place: &CorePlace) {
        self.b.switch_to(block);
        let ty = match place.leaf {
            Leaf::Enum { size, .. } => format!("enum of {size} bytes"),
            Leaf::Int { size, signed } => format!("{}int{}", if signed { "" } else { "u" }, 8 * size),
            _ => unreachable!("no number: {place:?}"),
        };
        self.refuse(Refused::Field { field: place.spelled(), ty });
    }

    /// Whether a field is signed: on the target, or, for elements of arrays and for enums, on the build's, and the runtime
    /// sees to it that it is so there ([`FnLower::rely_on`]). libbpf tells of elements no more than where they are and how
    /// large, and old kernels do not tell the sign of enums.
    fn sign(&mut self, place: &CorePlace) -> Value {
        match &place.leaf {
            Leaf::Int { signed, .. } if place.is_element() => self.b.iconst(i64::from(*signed)),
            Leaf::Enum { signed, .. } => self.b.iconst(i64::from(*signed)),
            _ if place.is_element() => self.b.iconst(0),
            _ => self.b.late(place.fact(Fact::Signed)),
        }
    }

    /// By how many bits a field that was loaded into 8 bytes is to be shifted, to the left or to the right.
    fn shift_of(&mut self, place: &CorePlace, side: Fact) -> Value {
        if !place.is_element() {
            return self.b.late(place.fact(side));
        }
        let size = self.b.late(place.fact(Fact::ByteSize));
        let bits = self.b.bin_imm(BinOp::Shl, size, 3);
        let whole = self.b.iconst(64);
        self.b.bin(BinOp::Sub, whole, bits)
    }

    /// The address of the record that a place begins at.
    fn base_value(&mut self, place: &CorePlace) -> Value {
        match &place.base {
            Base::Value(value) => *value,
            Base::Field(inner) => {
                self.load_core(inner, &Type::pointer(Type::None, Space::Kernel), None)
            }
        }
    }

    /// `sizeof` of a kernel record: 0 where the kernel has none of that name.
    pub fn kernel_size(&mut self, record: &RecordType) -> Value {
        self.b.late(Late::Type { record: stub_name(record), union: record.union, fact: TypeFact::Size })
    }

    /// `offsetof` of a field of a kernel record.
    pub fn kernel_offset(&mut self, record: &RecordType, path: &[(FieldStep, Type)]) -> Value {
        let base = Base::Value(self.b.iconst(0));
        let mut place = record_at(base, Space::Kernel, record);
        let mut of = Type::Record(record.clone());
        for (step, ty) in path {
            place = self.field(place, &of, step, ty);
            of = ty.clone();
        }
        let Place::Core(place) = place else { unreachable!("a field of a kernel record") };
        let offset = self.b.late(place.fact(Fact::ByteOffset));
        if path.last().is_none_or(|(step, _)| step.bits.is_none()) {
            return offset;
        }
        // That is where the unit of a bit field begins; the shifts tell its place in there.
        let right = self.shift_of(&place, Fact::RightShift);
        let left = self.shift_of(&place, Fact::LeftShift);
        let bits = self.b.bin(BinOp::Sub, right, left);
        let bytes = self.b.bin_imm(BinOp::LShr, bits, 3);
        self.b.bin(BinOp::Add, offset, bytes)
    }

    /// Has the runtime see to it that a field is what it is taken for, as far as libbpf does not look and the code does not.
    pub fn rely_on(&mut self, field: &CorePlace) {
        // A truth value is 0 or 1 and shown as a word, a byte is neither: no late constant tells which it is.
        let is_asked = field.sign_is_asked() && !matches!(field.described.as_str(), "b1" | "u1");
        if !is_asked {
            self.note_read(field);
        }
    }

    /// Has the runtime see to it that a field is what it is taken for.
    pub fn note_read(&mut self, field: &CorePlace) {
        if field.path.is_empty() || field.described.is_empty() {
            return;
        }
        let record = match field.record.starts_with(TYPEDEF) {
            true => field.record.clone(),
            false => format!("{} {}", if field.union { "union" } else { "struct" }, field.record),
        };
        let (path, ty) = (field.steps(), field.described.clone());
        let reads = &mut self.shared.manifest.reads;
        if !reads.iter().any(|r| r.record == record && r.path == path && r.ty == ty) {
            let place = self.shared.place(self.b.span);
            self.shared.manifest.reads.push(Read { record, path, ty, place });
        }
    }

    /// The address of a field.
    pub fn core_address(&mut self, place: &CorePlace) -> Value {
        let base = self.base_value(place);
        if place.path.is_empty() {
            return base;
        }
        self.rely_on(place);
        let offset = self.b.late(place.fact(Fact::ByteOffset));
        self.add(base, offset)
    }
}

impl CorePlace {
    /// A member of a struct at an address, for code that names one.
    pub fn member(base: Value, record: &str, path: &[&str], ty: &Type) -> CorePlace {
        let path = path.iter().map(|name| PathStep::Member { name: (*name).to_string(), record: None }).collect();
        let base = Base::Value(base);
        let (leaf, described) = (leaf_of(ty), described(ty));
        CorePlace { base, space: Space::Kernel, record: record.to_string(), union: false, path, leaf, described, hidden: false }
    }

    /// An element of the array that it is.
    pub fn element(&self, index: u32, ty: &Type) -> CorePlace {
        let mut element = self.clone();
        element.path.push(PathStep::Index(index));
        element.end_at(ty);
        element
    }

    /// Says what the path ends at, when a step was added.
    pub fn end_at(&mut self, ty: &Type) {
        self.leaf = leaf_of(ty);
        self.described = described(ty);
    }

    /// Whether it is a signed number here, if it is a number.
    pub fn sign_here(&self) -> Option<bool> {
        if let Leaf::Int { signed, .. } | Leaf::Enum { signed, .. } = self.leaf { Some(signed) } else { None }
    }

    /// Whether it is a number whose sign is a late constant.
    pub fn sign_is_asked(&self) -> bool {
        matches!(self.leaf, Leaf::Int { .. }) && !self.is_element()
    }

    /// The field for messages: `task_struct.comm`.
    pub fn spelled(&self) -> String {
        format!("{}.{}", self.record.strip_prefix(TYPEDEF).unwrap_or(&self.record), self.steps())
    }

    /// The way to the field: `se.statistics`.
    fn steps(&self) -> String {
        let step = |(n, step): (usize, &PathStep)| match step {
            PathStep::Member { name, .. } if n == 0 => name.clone(),
            PathStep::Member { name, .. } => format!(".{name}"),
            PathStep::Index(n) => format!("[{n}]"),
        };
        self.path.iter().enumerate().map(step).collect()
    }

    /// Whether it is an element of an array.
    pub fn is_element(&self) -> bool {
        matches!(self.path.last(), Some(PathStep::Index(_)))
    }

    /// A late constant about the field.
    pub fn fact(&self, fact: Fact) -> Late {
        Late::Field {
            record: self.record.clone(),
            union: self.union,
            path: self.path.clone(),
            leaf: self.leaf.clone(),
            fact,
        }
    }
}

/// The stub's type for a scalar field.
pub(crate) fn leaf_of(ty: &Type) -> Leaf {
    match ty {
        Type::Pointer { .. } => Leaf::Pointer,
        Type::Enum(e) => Leaf::Enum { size: e.size, signed: e.signed },
        Type::Str { .. } => Leaf::Array(Box::new(Leaf::Int { size: 1, signed: true })),
        Type::Array { element, .. } => Leaf::Array(Box::new(leaf_of(element))),
        Type::Record(r) => Leaf::Record(r.union),
        other => Leaf::Int { size: other.size().clamp(1, 8) as u8, signed: other.is_signed() },
    }
}

