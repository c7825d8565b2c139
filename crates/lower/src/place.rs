//! Places: where the bytes of a value are, and how they are reached.

use btc_hir::{self as hir, ExprKind, FieldStep};
use btc_ir::{BinOp, Cond, Fact, Leaf, Memory, Op, PathStep, Value, Width};
use btc_providers::Context;

use btc_types::{RecordType, Space, Type, tuple_layout};

use crate::constant::number;
use crate::function::FnLower;

/// Where the bytes of a value are.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In memory that the program reads directly.
    Direct(Memory),
    /// At an address that a helper reads from.
    Remote {
        /// The address.
        address: Value,
        /// Where it points to.
        space: Space,
    },
    /// In a record of the kernel at an address, by a path that is bound on the target.
    Core(CorePlace),
}

/// A field of a kernel record.
#[derive(Clone, Debug)]
pub(crate) struct CorePlace {
    /// The record's address.
    pub base: Base,
    /// Where it points to.
    pub space: Space,
    /// The record's name.
    pub record: String,
    /// Whether it is a union.
    pub union: bool,
    /// The way to the field; empty for the record itself.
    pub path: Vec<PathStep>,
    /// What the path ends at.
    pub leaf: Leaf,
    /// The same for the runtime, see [`btc_abi::Read::ty`].
    pub described: String,
    /// Whether the verifier sees something else there through a typed pointer.
    pub hidden: bool,
}

/// Fields further on than so many bytes are read by a helper: the displacement of a load has 15 bits, and on the target
/// the field may be further on still.
const FAR: u32 = 16 << 10;

/// How a record's address is known.
#[derive(Clone, Debug)]
pub(crate) enum Base {
    /// It is a value.
    Value(Value),
    /// It is a pointer in a field of another record: read together with it.
    Field(Box<CorePlace>),
}

impl FnLower<'_, '_, '_> {
    /// The place of a value that is no scalar, or that has a place anyway.
    pub fn place(&mut self, e: &hir::Expr) -> Place {
        match &e.kind {
            ExprKind::Var(var) => Place::Direct(self.vars[var]),
            ExprKind::Str(text) => {
                let global = self.shared.text(text, self.b.module);
                let base = self.b.global_addr(global);
                Place::Direct(Memory { base, offset: 0 })
            }
            ExprKind::Param(id) if e.ty.is_str() => {
                let global = self.shared.param(*id, true, self.b.module);
                let base = self.b.global_addr(global);
                Place::Direct(Memory { base, offset: 0 })
            }
            ExprKind::Map { map, key } if !e.ty.is_scalar() => {
                Place::Direct(self.map_value(*map, key.as_deref(), e.ty.size()))
            }
            ExprKind::Deref(pointer) => self.deref(pointer, &e.ty),
            ExprKind::Field { base, field } => {
                let place = self.place(base);
                self.field(place, &base.ty, field, &e.ty)
            }
            ExprKind::Element { base, index } => self.element(base, index, &e.ty),
            ExprKind::Part { base, index } => {
                let offset = part_offset(&base.ty, *index);
                let place = self.place(base);
                self.shift(place, offset)
            }
            ExprKind::Argument { location, dynamic } => {
                let address = self.argument_address(location, *dynamic);
                match &e.ty {
                    Type::Record(r) if is_kernel_record(&e.ty) => record_at(Base::Value(address), Space::Kernel, r),
                    _ => Place::Remote { address, space: Space::Kernel },
                }
            }
            ExprKind::Cast(inner)
                if !inner.ty.is_scalar() && !e.ty.is_scalar() && (!e.ty.is_str() || e.ty.size() <= inner.ty.size()) =>
            {
                self.place(inner)
            }
            _ => {
                let memory = self.alloc(e.ty.size().max(8));
                self.into(e, memory, &e.ty);
                Place::Direct(memory)
            }
        }
    }

    fn deref(&mut self, pointer: &hir::Expr, ty: &Type) -> Place {
        let space = match &pointer.ty {
            Type::Pointer { space, .. } => *space,
            _ => Space::Unknown,
        };
        match ty {
            Type::Record(r) if r.is_kernel() => self.core_record(pointer, r, space),
            _ => Place::Remote { address: self.scalar(pointer), space },
        }
    }

    /// A kernel record behind a pointer. When the pointer is itself a field of a kernel
    /// record, both are read in one chain.
    fn core_record(&mut self, pointer: &hir::Expr, r: &RecordType, space: Space) -> Place {
        let base = match &pointer.kind {
            ExprKind::Field { field, .. } => match self.place(pointer) {
                Place::Core(inner) if inner.space == Space::Kernel && space == Space::Kernel => {
                    Base::Field(Box::new(inner))
                }
                place => Base::Value(self.load_place(&place, &pointer.ty, Some(field))),
            },
            _ => Base::Value(self.scalar(pointer)),
        };
        record_at(base, space, r)
    }

    pub fn field(&mut self, place: Place, record: &Type, field: &FieldStep, ty: &Type) -> Place {
        match place {
            Place::Core(mut core) => {
                let member = core.path.iter_mut().rev().find(|step| matches!(step, PathStep::Member { .. }));
                if let (Some(PathStep::Member { record: of, .. }), Type::Record(r)) = (member, record) {
                    *of = Some((stub_name(r), r.union));
                }
                core.path.push(PathStep::Member { name: field.name.clone(), record: None });
                core.end_at(ty);
                core.hidden |= field.hidden || field.bit_offset / 8 > FAR;
                Place::Core(core)
            }
            // A copy of a kernel record keeps the target's layout: its fields are found there too.
            Place::Direct(m) if matches!(record, Type::Record(r) if r.is_kernel() && !r.name.starts_with('.')) => {
                let Type::Record(r) = record else { return Place::Direct(m) };
                let copy = record_at(Base::Value(self.pointer(m)), Space::Kernel, r);
                self.field(copy, record, field, ty)
            }
            other => {
                if let Type::Record(r) = record {
                    self.require_sizes(r);
                }
                self.shift(other, storage(field, ty).offset)
            }
        }
    }

    fn element(&mut self, base: &hir::Expr, index: &hir::Expr, ty: &Type) -> Place {
        let place = self.place(base);
        let bound = bound(&base.ty);
        match (number(index), place) {
            (Some(n), Place::Core(array)) if base.ty.size() > 0 => {
                let mut core = array.element(n as u32, ty);
                core.hidden |= n.saturating_mul(i64::from(ty.size())) > i64::from(FAR);
                Place::Core(core)
            }
            (Some(n), place) if !is_kernel_record(ty) && bound.is_none_or(|b| (0..b).contains(&n)) => {
                self.shift(place, (n as u32).wrapping_mul(ty.size().max(1)))
            }
            (_, place) => {
                if let Place::Core(core) = &place {
                    self.require_length(core, &base.ty);
                }
                let n = self.scalar(index);
                let stride = self.stride(&place, ty);
                let (start, space) = self.address(&place);
                let address = match bound {
                    Some(bound) => self.within(n, bound, start, stride),
                    None => self.at_index(n, start, stride),
                };
                match ty {
                    Type::Record(r) if is_kernel_record(ty) => record_at(Base::Value(address), space, r),
                    _ => Place::Remote { address, space },
                }
            }
        }
    }

    fn at_index(&mut self, index: Value, start: Value, stride: Value) -> Value {
        let offset = self.b.bin(BinOp::Mul, index, stride);
        self.b.bin(BinOp::Add, start, offset)
    }

    /// [`FnLower::at_index`] if the index is less than the bound, else the address of no memory: the read fails and is
    /// told as others are. The verifier wants the bound before the sum.
    fn within(&mut self, index: Value, bound: i64, start: Value, stride: Value) -> Value {
        let (inside, outside, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        // As an unsigned number, so that one below 0 is outside too.
        self.b.branch_imm(Cond::ULt, index, bound, inside, outside);
        self.b.switch_to(inside);
        // The verifier may have forgotten a number that was spilled: the bound stands beside its use, too.
        let index = self.b.push(Op::UMin(index, (bound - 1).max(0) as u64));
        let address = self.at_index(index, start, stride);
        self.b.jump(done, &[address]);
        self.b.switch_to(outside);
        let none = self.b.iconst(0);
        self.b.jump(done, &[none]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// The distance between elements of type `ty` of an array at a place.
    fn stride(&mut self, array: &Place, ty: &Type) -> Value {
        match (ty, array) {
            (Type::Record(r), Place::Core(core)) if r.is_kernel() => {
                self.b.late(core.element(0, ty).fact(Fact::ByteSize))
            }
            (Type::Record(r), _) if is_kernel_record(ty) => self.size_of_known(r),
            (Type::Array { element, count, .. }, _) if is_kernel_record(ty) => {
                let one = self.stride(array, element);
                self.b.bin_imm(BinOp::Mul, one, i64::from(*count))
            }
            (Type::Record(r), _) => self.as_laid_out(r, i64::from(ty.size().max(1))),
            _ => self.b.iconst(i64::from(ty.size().max(1))),
        }
    }

    /// The place so many bytes further on.
    fn shift(&mut self, place: Place, bytes: u32) -> Place {
        match place {
            Place::Direct(m) => Place::Direct(Memory { base: m.base, offset: m.offset + bytes as i32 }),
            Place::Remote { address, space } => {
                let address = self.b.add_imm(address, i64::from(bytes));
                Place::Remote { address, space }
            }
            Place::Core(core) => {
                let address = self.core_address(&core);
                let address = self.b.add_imm(address, i64::from(bytes));
                Place::Remote { address, space: core.space }
            }
        }
    }

    /// The address of a place, and where it points to.
    pub fn address(&mut self, place: &Place) -> (Value, Space) {
        match place {
            Place::Direct(m) => (self.pointer(*m), Space::Kernel),
            Place::Remote { address, space } => (*address, *space),
            Place::Core(core) => {
                let vouched = self.address_in_argument(core);
                (vouched.unwrap_or_else(|| self.core_address(core)), core.space)
            }
        }
    }

    /// The address of a field of a record that the context points at, such as `ctx.file.f_path`: a load from the context
    /// itself gives a pointer that the verifier vouches for, which some helpers want. It may be null, and then the address
    /// is: the verifier lets nothing be added before that is known.
    fn address_in_argument(&mut self, place: &CorePlace) -> Option<Value> {
        let Base::Field(argument) = &place.base else { return None };
        let Base::Value(base) = argument.base else { return None };
        // A function that is called back has a copy, of which the verifier knows nothing.
        let is_context = self.probe.provider.context == Context::Record && base == self.b.param(0);
        if !is_context || place.path.is_empty() {
            return None;
        }
        let (known, null, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        let record = self.b.load_late(Width::B8, base, argument.fact(Fact::ByteOffset));
        self.b.branch_imm(Cond::Ne, record, 0, known, null);
        self.b.switch_to(null);
        let none = self.b.iconst(0);
        self.b.jump(done, &[none]);
        self.b.switch_to(known);
        let offset = self.b.late(place.fact(Fact::ByteOffset));
        let address = self.b.bin(BinOp::Add, record, offset);
        self.b.jump(done, &[address]);
        self.b.switch_to(done);
        Some(self.b.block_param(done, 0))
    }

    /// Loads a scalar from its place.
    pub fn load_place(&mut self, place: &Place, ty: &Type, field: Option<&FieldStep>) -> Value {
        let bits = field.and_then(|f| f.bits.map(|width| (f.bit_offset, width)));
        if let Place::Core(core) = place {
            return self.load_core(core, ty, bits);
        }
        let storage = field.map_or(Storage { offset: 0, size: ty.size(), start: 0 }, |f| storage(f, ty));
        let memory = match place {
            Place::Remote { address, space } => {
                let slot = self.b.slot(if storage.size > 8 { 16 } else { 8 });
                let base = self.b.slot_addr(slot);
                let zero = self.b.iconst(0);
                self.b.store(Width::B8, base, 0, zero);
                if storage.size > 8 {
                    self.b.store(Width::B8, base, 8, zero);
                }
                let memory = Memory { base, offset: 0 };
                self.read(memory, storage.size, *address, *space);
                memory
            }
            Place::Direct(m) => *m,
            Place::Core(_) => unreachable!("read above"),
        };
        let low = self.gather(memory, storage.size.min(8));
        let Some((_, width)) = bits else { return self.extend(low, ty) };
        let signed = ty.is_signed();
        if storage.size <= 8 {
            return self.cut(low, storage.start, width, signed);
        }
        // The upper bits are in a ninth byte.
        let high = self.b.load(Width::B1, memory.base, memory.offset + 8);
        let high = self.b.bin_imm(BinOp::Shl, high, i64::from(64 - storage.start));
        let low = self.b.bin_imm(BinOp::LShr, low, i64::from(storage.start));
        let all = self.b.bin(BinOp::Or, low, high);
        self.cut(all, 0, width, signed)
    }

    /// The little-endian number of up to 8 bytes, wherever they lie.
    fn gather(&mut self, memory: Memory, size: u32) -> Value {
        let mut all = None;
        for (width, at) in accesses([memory.offset], size) {
            let piece = self.b.load(width, memory.base, memory.offset + at as i32);
            all = Some(match all {
                None => piece,
                Some(lower) => {
                    let piece = self.b.bin_imm(BinOp::Shl, piece, i64::from(at) * 8);
                    self.b.bin(BinOp::Or, lower, piece)
                }
            });
        }
        all.unwrap_or_else(|| self.b.iconst(0))
    }

    /// Takes the bits of a field out of a number.
    fn cut(&mut self, value: Value, start: u32, width: u32, signed: bool) -> Value {
        let left = self.b.bin_imm(BinOp::Shl, value, i64::from(64 - start - width));
        let shift = if signed { BinOp::AShr } else { BinOp::LShr };
        self.b.bin_imm(shift, left, i64::from(64 - width))
    }
}

/// How many elements an array or text has; `None` where its type does not tell.
fn bound(ty: &Type) -> Option<i64> {
    match ty {
        Type::Array { count, .. } if *count > 0 => Some(i64::from(*count)),
        Type::Str { capacity, .. } => Some(i64::from(*capacity)),
        _ => None,
    }
}

/// A kernel record as a place.
pub(crate) fn record_at(base: Base, space: Space, r: &RecordType) -> Place {
    let (record, union) = (stub_name(r), r.union);
    let (leaf, described) = (Leaf::Record(union), String::new());
    Place::Core(CorePlace { base, space, record, union, path: Vec::new(), leaf, described, hidden: false })
}

/// Whether a value's size is the kernel's own affair, and there is a name to ask for it.
pub(crate) fn is_kernel_record(ty: &Type) -> bool {
    match ty {
        Type::Record(r) => r.is_kernel() && !r.name.starts_with('.'),
        Type::Array { element, .. } => is_kernel_record(element),
        _ => false,
    }
}

/// How late constants mark a record that has a typedef and no tag.
pub(crate) const TYPEDEF: &str = "typedef ";

/// What late constants call a record: BTF leaves some unnamed, others have a typedef alone.
pub(crate) fn stub_name(record: &RecordType) -> String {
    match record.name.strip_prefix('.') {
        Some(id) => format!("anonymous{id}"),
        None if record.typedef => format!("{TYPEDEF}{}", record.name),
        None => record.name.clone(),
    }
}

/// The bytes of a record that hold a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Storage {
    /// The first one.
    pub offset: u32,
    /// Their number: up to 9 for a bit field.
    pub size: u32,
    /// Where in them a bit field begins.
    pub start: u32,
}

/// The bytes of a record that hold a field. Of a bit field these are the ones that it lies in and no others: a packed
/// one crosses the bounds of its type's units, and a unit may reach beyond its record.
pub(crate) fn storage(field: &FieldStep, ty: &Type) -> Storage {
    let Some(width) = field.bits else {
        return Storage { offset: field.bit_offset / 8, size: ty.size(), start: 0 };
    };
    let start = field.bit_offset % 8;
    Storage { offset: field.bit_offset / 8, size: (start + width).div_ceil(8), start }
}

/// Offset of a tuple's part.
pub(crate) fn part_offset(ty: &Type, index: usize) -> u32 {
    let places = match ty {
        Type::Tuple(parts) => tuple_layout(parts.iter()).0,
        Type::Named(parts) => tuple_layout(parts.iter().map(|(_, t)| t)).0,
        _ => Vec::new(),
    };
    places[index].offset
}

/// The parts of one tuple with the number and type that each has in another: by place, or
/// by name where they have names.
pub(crate) fn matching_parts<'a>(from: &'a Type, to: &'a Type) -> Vec<(&'a Type, Option<(usize, &'a Type)>)> {
    match (from, to) {
        (Type::Tuple(a), Type::Tuple(b)) => {
            a.iter().zip(b.iter()).enumerate().map(|(i, (source, target))| (source, Some((i, target)))).collect()
        }
        (Type::Named(a), Type::Named(b)) => {
            let place = |name: &String| {
                b.iter().enumerate().find(|(_, (other, _))| name == other).map(|(i, (_, target))| (i, target))
            };
            a.iter().map(|(name, source)| (source, place(name))).collect()
        }
        _ => Vec::new(),
    }
}

/// Splits `size` bytes at displacements into accesses that are naturally aligned at each:
/// stack memory allows no others. Yields widths and distances from the start.
pub(crate) fn accesses<const N: usize>(
    offsets: [i32; N],
    size: u32,
) -> impl Iterator<Item = (Width, u32)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let width = [Width::B8, Width::B4, Width::B2, Width::B1].into_iter().find(|w| {
            let bytes = w.bytes();
            let aligned = |offset: i32| (offset + at as i32).rem_euclid(bytes as i32) == 0;
            size - at >= bytes && offsets.iter().all(|o| aligned(*o))
        })?;
        let here = at;
        at += width.bytes();
        Some((width, here))
    })
}

/// The width of a stored scalar.
pub(crate) fn width_of(ty: &Type) -> Width {
    Width::of(ty.size()).unwrap_or_else(|| panic!("`{ty}` does not fit a register"))
}
