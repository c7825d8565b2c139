//! Records: reserved in the ring buffer, filled in place, submitted.

use btc_abi::{Action, Encoding, Field, LossKind, Record};
use btc_hir as hir;
use btc_ir::{Block, Cond, MapId, Memory, Op, Value, Width};
use btc_types::{Space, Type, align_up};

use crate::function::FnLower;
use btc_builtins::helpers::{BPF_RB_NO_WAKEUP, RINGBUF_RESERVE, RINGBUF_SUBMIT};

/// Bytes of a record before its fields: the id and flags.
const HEADER: u32 = 8;

/// Where a field's value comes from.
pub(crate) enum FieldSource<'e> {
    /// An expression, written as its own type.
    Expr(&'e hir::Expr),
    /// A key expression, written as the map's key type.
    Key(&'e hir::Expr, Type, hir::MapId),
    /// A value in a register, as `uint64`.
    Value(Value),
    /// Text at an address; empty for NULL.
    Text(Value, Space),
    /// Bytes at an address.
    Bytes { address: Value, space: Space, length: Value, capacity: u32 },
}

/// Capacity of texts that are read straight into a record.
const TEXT: u32 = 256;

/// Records without fields that were sent one right after the other: nothing else happens in between.
#[derive(Default)]
pub(crate) struct Sent {
    row: Vec<u32>,
    /// The block that goes on behind the last one.
    end: Option<Block>,
}

impl FnLower<'_, '_, '_> {
    /// Sends a record. A full ring buffer loses it, which is counted, unless it is for control: then there is
    /// a second one.
    pub fn send(&mut self, mut action: Action, fields: &[FieldSource]) {
        let goes_on = self.sent.end == Some(self.b.current()) && self.b.is_at_start();
        if !goes_on {
            self.sent.row.clear();
        }
        if let Action::Clear { map, printed } = &mut action {
            *printed = self.print_that_takes(*map);
        }
        // Scalars first: what they need to compute must not stand between reserve and submit.
        let values: Vec<Option<Value>> = fields.iter().map(|f| self.early(f)).collect();
        let (layout, size) = self.layout(fields);
        let number = self.shared.manifest.records.len() as u32;
        let place = self.shared.place(self.b.span);
        let control = action.is_control();
        self.shared.manifest.records.push(Record { action, size, fields: layout.clone(), place });

        let (fill, lost, done) = (self.b.block(1), self.b.block(0), self.b.block(0));
        let events = self.shared.events(self.b.module);
        self.reserve(events, size, fill);
        if control {
            let second = self.shared.control(self.b.module);
            self.reserve(second, size, fill);
        }
        self.b.jump(lost, &[]);
        self.b.switch_to(lost);
        let loss = self.shared.loss(LossKind::Record, "record", self.b.span);
        self.count_loss(loss);
        self.b.jump(done, &[]);
        self.b.switch_to(fill);
        let record = self.b.block_param(fill, 0);
        let id = self.b.iconst(i64::from(number));
        self.b.store(Width::B8, record, 0, id);
        for ((field, value), place) in fields.iter().zip(values).zip(&layout) {
            let to = Memory { base: record, offset: place.offset as i32 };
            self.fill(field, value, to);
        }
        let flags = self.b.iconst(BPF_RB_NO_WAKEUP);
        self.b.helper(RINGBUF_SUBMIT, &[record, flags]);
        self.b.jump(done, &[]);
        self.b.switch_to(done);
        if fields.is_empty() {
            self.sent.row.push(number);
            self.sent.end = Some(done);
        }
    }

    /// The record just sent that prints a map which is cleared now. It takes what it prints: what other CPUs add between the
    /// two records would be gone otherwise, and never printed.
    fn print_that_takes(&mut self, cleared: u32) -> Option<u32> {
        for sent in self.sent.row.iter().rev() {
            match &mut self.shared.manifest.records[*sent as usize].action {
                Action::PrintMap { map, take, .. } if *map == cleared => {
                    *take = true;
                    return Some(*sent);
                }
                Action::Clear { map, .. } | Action::Zero { map } if *map == cleared => return None,
                _ => {}
            }
        }
        None
    }

    /// Asks a ring buffer for room: goes to `found` with its address, or on.
    fn reserve(&mut self, ring: MapId, size: u32, found: Block) {
        let map = self.b.map_addr(ring);
        let bytes = self.b.iconst(i64::from(size));
        let flags = self.b.iconst(0);
        let record = self.b.helper(RINGBUF_RESERVE, &[map, bytes, flags]);
        let (some, none) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Ne, record, 0, some, none);
        self.b.switch_to(some);
        self.b.jump(found, &[record]);
        self.b.switch_to(none);
    }

    /// The value of a scalar field, or of an aggregate that must be computed before.
    fn early(&mut self, field: &FieldSource) -> Option<Value> {
        match field {
            FieldSource::Expr(e) | FieldSource::Key(e, ..) if e.ty.is_scalar() => Some(self.scalar(e)),
            FieldSource::Expr(e) if matches!(e.kind, hir::ExprKind::Block { .. }) => {
                let memory = self.alloc(e.ty.size());
                self.into(e, memory, &e.ty);
                Some(self.pointer(memory))
            }
            _ => None,
        }
    }

    fn fill(&mut self, field: &FieldSource, value: Option<Value>, to: Memory) {
        match (field, value) {
            (FieldSource::Expr(e), Some(value)) if e.ty.is_scalar() => {
                self.b.store(crate::place::width_of(&e.ty), to.base, to.offset, value);
            }
            (FieldSource::Expr(e), Some(pointer)) => {
                let from = crate::place::Place::Direct(Memory { base: pointer, offset: 0 });
                self.copy_into(&from, &e.ty, to, &e.ty);
            }
            (FieldSource::Expr(e), None) => self.into(e, to, &e.ty),
            (FieldSource::Key(_, ty, _), Some(value)) => {
                self.b.store(crate::place::width_of(ty), to.base, to.offset, value);
            }
            (FieldSource::Key(e, ty, map), None) => {
                self.key_into(e, to, ty);
                self.shorten_key(*map, to, ty);
            }
            (FieldSource::Value(value), _) => self.b.store(Width::B8, to.base, to.offset, *value),
            (FieldSource::Text(address, space), _) => self.text_field(*address, *space, to),
            (FieldSource::Bytes { address, space, length, capacity }, _) => {
                let length = self.b.push(Op::UMin(*length, u64::from(*capacity)));
                self.b.store(Width::B4, to.base, to.offset, length);
                let to = Memory { base: to.base, offset: to.offset + 4 };
                self.read_sized(to, length, *address, *space);
            }
        }
    }

    fn text_field(&mut self, address: Value, space: Space, to: Memory) {
        let (some, none, done) = (self.b.block(0), self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Ne, address, 0, some, none);
        self.b.switch_to(some);
        self.read_str(to, TEXT, TEXT, None, address, space);
        self.b.jump(done, &[]);
        self.b.switch_to(none);
        let zero = self.b.iconst(0);
        self.b.store(Width::B1, to.base, to.offset, zero);
        self.b.jump(done, &[]);
        self.b.switch_to(done);
    }

    /// Offsets and encodings of the fields, and the record's size.
    fn layout(&mut self, fields: &[FieldSource]) -> (Vec<Field>, u32) {
        let mut at = HEADER;
        let mut layout = Vec::new();
        for field in fields {
            let (ty, encoding) = match field {
                FieldSource::Expr(e) => (e.ty.clone(), None),
                FieldSource::Key(_, ty, _) => (ty.clone(), None),
                FieldSource::Value(_) => (Type::UINT64, None),
                FieldSource::Bytes { capacity, .. } => (Type::Buffer { capacity: *capacity }, None),
                FieldSource::Text(..) => {
                    (Type::str(TEXT), Some(Encoding::Str { capacity: TEXT, cut_mark: true }))
                }
            };
            let encoding = encoding.unwrap_or_else(|| self.shared.encoding(&ty, self.b.module));
            // Every field begins at 8 bytes: keys are cleared in whole words.
            at = align_up(at, 8);
            layout.push(Field { name: String::new(), offset: at, encoding });
            at += align_up(ty.size(), 8);
        }
        (layout, align_up(at, 8))
    }
}
