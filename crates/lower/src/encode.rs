//! Types as the manifest describes them.

use btc_abi::{self as abi, BitRange, Encoding, EnumNames, Field, MapKind, Reduce};
use btc_hir as hir;
use btc_ir::Module;
use btc_types::{Aggregation, EnumType, RecordType, StackMode, Type, tuple_layout};

use crate::place::{Storage, storage};
use crate::shared::Shared;

impl Shared<'_> {
    /// How a value of a type lies in memory and is shown.
    pub fn encoding(&mut self, ty: &Type, module: &mut Module) -> Encoding {
        match ty {
            Type::Int { size, signed } => Encoding::Int { size: *size, signed: *signed },
            Type::Bool => Encoding::Bool,
            Type::Str { capacity, cut } => Encoding::Str { capacity: *capacity, cut_mark: *cut },
            Type::Buffer { capacity } => Encoding::Buffer { capacity: *capacity },
            Type::Pointer { .. } => Encoding::Pointer,
            Type::Array { count, text: true, .. } => Encoding::Str { capacity: *count, cut_mark: false },
            Type::Array { element, count, .. } => Encoding::Array {
                stride: element.size(),
                element: Box::new(self.encoding(element, module)),
                count: *count,
            },
            Type::Record(r) if self.record(r).is_some() => {
                Encoding::Record(self.record_fields(r, module))
            }
            Type::Record(r) => {
                Encoding::KernelRecord { name: r.name.clone(), union: r.union, size: r.size }
            }
            Type::Enum(e) => Encoding::Enum { size: e.size, signed: e.signed, names: self.enum_names(e) },
            Type::Tuple(parts) => Encoding::Tuple(self.fields(parts.iter().map(|t| ("", t)), module)),
            Type::Named(parts) => {
                Encoding::Record(self.fields(parts.iter().map(|(n, t)| (n.as_str(), t)), module))
            }
            Type::Inet => Encoding::Inet,
            Type::Mac => Encoding::Mac,
            Type::Timestamp { format } => {
                Encoding::Timestamp { format: format.clone(), clock: abi::TimestampClock::Boot }
            }
            Type::KernelSymbol => Encoding::KernelSymbol,
            Type::UserSymbol => Encoding::UserSymbol,
            Type::KernelStack(shape) => Encoding::KernelStack {
                mode: stack_mode(shape.mode),
                table: self.stack_table(shape.frames, module).1,
            },
            Type::UserStack(shape) => Encoding::UserStack {
                mode: stack_mode(shape.mode),
                table: self.stack_table(shape.frames, module).1,
            },
            Type::ProbeName => Encoding::ProbeName,
            Type::ProbeFunction => Encoding::ProbeFunction,
            Type::Username => Encoding::Username,
            Type::CgroupPath { pattern } => Encoding::CgroupPath { pattern: pattern.clone() },
            Type::ErrorText => Encoding::ErrorText,
            Type::SignalName => Encoding::SignalName,
            Type::SyscallName => Encoding::SyscallName,
            Type::Aggregation(a) => Encoding::Int { size: 8, signed: a.signed() },
            Type::Unknown | Type::None | Type::Meta(_) => Encoding::Int { size: 8, signed: true },
        }
    }

    fn fields<'t>(
        &mut self,
        parts: impl Iterator<Item = (&'t str, &'t Type)> + Clone,
        module: &mut Module,
    ) -> Vec<Field> {
        let (places, _) = tuple_layout(parts.clone().map(|(_, t)| t));
        parts
            .zip(places)
            .map(|((name, ty), place)| Field {
                name: name.to_string(),
                offset: place.offset,
                encoding: self.encoding(ty, module),
            })
            .collect()
    }

    /// The layout of a record that is fixed: of the script, of a user binary, or of the kernel without a name.
    fn record(&self, ty: &RecordType) -> Option<&hir::Record> {
        // Its size may not be known yet where a record points at itself.
        let name = |r: &'_ RecordType| (r.name.clone(), r.union, r.typedef, r.origin.clone());
        self.program.records.iter().find(|r| name(&r.ty) == name(ty))
    }

    /// The fields of such a record.
    pub fn fields_of(&self, ty: &RecordType) -> Vec<hir::RecordField> {
        self.record(ty).map(|r| r.fields.clone()).unwrap_or_else(|| panic!("no layout of `{}`", ty.name))
    }

    /// The named fields of such a struct.
    fn record_fields(&mut self, ty: &RecordType, module: &mut Module) -> Vec<Field> {
        let fields = self.fields_of(ty);
        let named = fields.iter().filter(|f| !f.step.name.is_empty());
        named
            .map(|f| (f, shown_storage(&f.step, &f.ty, ty.size)))
            .map(|(f, storage)| Field {
                name: f.step.name.clone(),
                offset: storage.offset,
                encoding: match (f.step.bits, &f.ty) {
                    // A truth value or enum too is a number there, as in bpftrace.
                    (Some(width), ty) if ty.is_numeric() => Encoding::Bits {
                        size: storage.size as u8,
                        signed: ty.is_signed(),
                        bits: BitRange { start: storage.start as u8, width: width as u8 },
                    },
                    _ => self.encoding(&f.ty, module),
                },
            })
            .collect()
    }

    /// The number of an enum in the manifest.
    pub fn enum_names(&mut self, e: &EnumType) -> u32 {
        let names = EnumNames {
            name: e.name.clone(),
            variants: e.variants.iter().map(|(n, v)| (*v, n.clone())).collect(),
            kernel: !e.script,
        };
        let known = self.manifest.enums.iter().position(|n| *n == names);
        known.unwrap_or_else(|| {
            self.manifest.enums.push(names);
            self.manifest.enums.len() - 1
        }) as u32
    }
}


/// What is shown of a bit field is its type's whole unit, where that lies in the record.
fn shown_storage(field: &hir::FieldStep, ty: &Type, record: u32) -> Storage {
    let unit = ty.size().max(1);
    let (offset, start) = (field.bit_offset / (unit * 8) * unit, field.bit_offset % (unit * 8));
    let whole = field.bits.is_some_and(|width| start + width <= unit * 8 && offset + unit <= record);
    if whole { Storage { offset, size: unit, start } } else { storage(field, ty) }
}

fn stack_mode(mode: StackMode) -> abi::StackMode {
    match mode {
        StackMode::Bpftrace => abi::StackMode::Bpftrace,
        StackMode::Perf => abi::StackMode::Perf,
        StackMode::Raw => abi::StackMode::Raw,
        StackMode::BuildId => abi::StackMode::BuildId,
    }
}

/// How a map's values are merged and shown.
pub(crate) fn reduce(ty: &Type) -> Reduce {
    let Type::Aggregation(a) = ty else { return Reduce::Last };
    match a.clone() {
        Aggregation::Count => Reduce::Count,
        Aggregation::Sum { signed } => Reduce::Sum { signed },
        Aggregation::Min { signed } => Reduce::Min { signed },
        Aggregation::Max { signed } => Reduce::Max { signed },
        Aggregation::Avg { signed } => Reduce::Avg { signed },
        Aggregation::Stats { signed } => Reduce::Stats { signed },
        Aggregation::Hist { bits } => Reduce::Hist { bits },
        Aggregation::LHist { min, max, step } => Reduce::LHist { min, max, step },
        Aggregation::TSeries { interval, buckets, aggregation, signed } => {
            Reduce::TSeries { interval, buckets, aggregation, signed }
        }
    }
}

/// Bytes that an aggregation stores.
pub(crate) fn stored_bytes(a: &Aggregation, kind: MapKind) -> u32 {
    // Types were checked: intervals are few, and so are buckets.
    u32::try_from(8 * reduce(&Type::Aggregation(a.clone())).words(kind)).unwrap_or(u32::MAX)
}
