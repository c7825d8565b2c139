//! Maps: reads, assignments, atomic updates, aggregations.

use btc_abi::{LossKind, MapKind};
use btc_hir::{self as hir, BinaryOp};
use btc_ir::{BinOp, Block, Cond, MapId, Memory, Op, Value, Width};
use btc_types::{PADDED_TEXT, Type, align_up};

use crate::encode::stored_bytes;
use crate::function::FnLower;
use btc_builtins::helpers::{BPF_ANY, BPF_NOEXIST, MAP_DELETE_ELEM, MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM};
use crate::place::{Place, width_of};
use crate::shared::Storage;

impl<'p> FnLower<'_, '_, 'p> {
    pub fn hir_map(&self, map: hir::MapId) -> &'p hir::Map {
        &self.shared.program.maps[map.0 as usize]
    }

    /// The BPF map, of one that has keys.
    pub fn map_id(&self, map: hir::MapId) -> MapId {
        match self.shared.maps[map.0 as usize] {
            Storage::Map(id) => id,
            Storage::Variable(_) => unreachable!("`{}` has no keys", self.hir_map(map).name),
        }
    }

    /// The address of a map that is a variable.
    fn variable(&mut self, map: hir::MapId) -> Option<Value> {
        match self.shared.maps[map.0 as usize] {
            Storage::Map(_) => None,
            Storage::Variable(global) => Some(self.b.global_addr(global)),
        }
    }

    pub fn kind(&self, map: hir::MapId) -> MapKind {
        self.shared.manifest.maps[map.0 as usize].kind
    }

    /// Bytes of the value without the mark of an assigned map.
    pub fn stored_size(&self, map: hir::MapId) -> u32 {
        match &self.hir_map(map).value {
            Type::Aggregation(a) => stored_bytes(a, self.kind(map)),
            other => align_up(other.size().max(1), 8),
        }
    }

    /// A pointer to the key in memory.
    pub fn key(&mut self, map: hir::MapId, key: Option<&hir::Expr>) -> Value {
        let ty = self.hir_map(map).key.clone();
        match (key, ty) {
            (Some(key), Some(ty)) => {
                let memory = self.alloc(ty.size());
                self.key_into(key, memory, &ty);
                self.shorten_key(map, memory, &ty);
                self.pointer(memory)
            }
            _ => {
                let slot = self.b.slot(8);
                let base = self.b.slot_addr(slot);
                let zero = self.b.iconst(0);
                self.b.store(Width::B8, base, 0, zero);
                base
            }
        }
    }

    pub fn lookup(&mut self, map: hir::MapId, key: Value) -> Value {
        let map = self.b.map_addr(self.map_id(map));
        self.b.helper(MAP_LOOKUP_ELEM, &[map, key])
    }

    /// The value of an entry as a number; 0 when there is none.
    pub fn map_scalar(&mut self, map: hir::MapId, key: Option<&hir::Expr>, ty: &Type) -> Value {
        if let Some(at) = self.variable(map) {
            return self.stored_scalar(map, at, ty);
        }
        let key = self.key(map, key);
        let found = self.lookup(map, key);
        let (some, none, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        self.b.branch_imm(Cond::Ne, found, 0, some, none);
        self.b.switch_to(some);
        let value = self.stored_scalar(map, found, ty);
        self.b.jump(done, &[value]);
        self.b.switch_to(none);
        let zero = self.b.iconst(0);
        self.b.jump(done, &[zero]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// The number that a stored value is or stands for.
    fn stored_scalar(&mut self, map: hir::MapId, at: Value, ty: &Type) -> Value {
        match &self.hir_map(map).value {
            Type::Aggregation(_) => self.aggregate_number(map, at),
            _ => {
                let value = self.b.load(width_of(ty), at, 0);
                self.extend(value, ty)
            }
        }
    }

    /// Copies the value of an entry to a variable; 1 when there is one, else 0.
    pub fn find_entry(&mut self, map: hir::MapId, key: &hir::Expr, to: hir::VarId) -> Value {
        let (to, want) = (self.vars[&to], self.probe.vars[to.0 as usize].ty.clone());
        let key = self.key(map, Some(key));
        let found = self.lookup(map, key);
        let (some, none, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        self.b.branch_imm(Cond::Ne, found, 0, some, none);
        self.b.switch_to(some);
        match self.hir_map(map).value.clone() {
            Type::Aggregation(_) => {
                let value = self.aggregate_number(map, found);
                self.b.store(Width::B8, to.base, to.offset, value);
            }
            have if have.is_scalar() => {
                let value = self.b.load(width_of(&have), found, 0);
                let value = self.extend(value, &have);
                self.b.store(Width::B8, to.base, to.offset, value);
            }
            have => {
                let from = Place::Direct(Memory { base: found, offset: 0 });
                self.copy_into(&from, &have, to, &want);
            }
        }
        let one = self.b.iconst(1);
        self.b.jump(done, &[one]);
        self.b.switch_to(none);
        let zero = self.b.iconst(0);
        self.b.jump(done, &[zero]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// The value of an entry in memory; zeros when there is none. Read only.
    pub fn map_value(&mut self, map: hir::MapId, key: Option<&hir::Expr>, size: u32) -> Memory {
        if let Some(base) = self.variable(map) {
            return Memory { base, offset: 0 };
        }
        let key = self.key(map, key);
        let found = self.lookup(map, key);
        let (none, done) = (self.b.block(0), self.b.block(1));
        let some = self.b.block(0);
        self.b.branch_imm(Cond::Ne, found, 0, some, none);
        self.b.switch_to(some);
        self.b.jump(done, &[found]);
        self.b.switch_to(none);
        let zeros = self.shared.zeros(size, self.b.module);
        let zeros = self.b.global_addr(zeros);
        self.b.jump(done, &[zeros]);
        self.b.switch_to(done);
        Memory { base: self.b.block_param(done, 0), offset: 0 }
    }

    /// `@m[k] = value`
    pub fn set_map(&mut self, map: hir::MapId, key: Option<&hir::Expr>, value: &hir::Expr) {
        let ty = self.hir_map(map).value.clone();
        let Some(constant_key) = key else {
            return self.set_single(map, value, &ty);
        };
        if self.set_constant(map, constant_key, value) {
            return;
        }
        if ty.is_scalar() {
            let value = self.scalar(value);
            let key = self.key(map, key);
            return self.store_or_insert(map, key, value, &ty);
        }
        let size = self.stored_size(map);
        let memory = self.alloc(size);
        if needs_clearing(&ty) {
            self.b.clear(memory.base, memory.offset, size);
        }
        self.into(value, memory, &ty);
        let key = self.key(map, key);
        let pointer = self.pointer(memory);
        self.update(map, key, pointer, BPF_ANY);
    }

    /// A map without key is written in place.
    fn set_single(&mut self, map: hir::MapId, value: &hir::Expr, ty: &Type) {
        if ty.is_scalar() {
            let value = self.scalar(value);
            return self.with_single(map, |f, at| f.b.store(width_of(ty), at.base, at.offset, value));
        }
        let size = self.stored_size(map);
        let memory = self.alloc(size);
        self.into(value, memory, ty);
        self.with_single(map, |f, at| f.copy_into(&Place::Direct(memory), ty, at, ty));
    }

    /// Runs `write` on the value of a map without key and marks the map as assigned.
    fn with_single(&mut self, map: hir::MapId, write: impl FnOnce(&mut Self, Memory)) {
        if let Some(at) = self.variable(map) {
            if self.kind(map).is_spread() {
                return self.with_own_part(map, at, |f, part| f.write_single(map, part.base, write));
            }
            return self.write_single(map, at, write);
        }
        let key = self.key(map, None);
        let done = self.b.block(0);
        let found = match self.kind(map) {
            MapKind::PerCpuArray => {
                let (found, some) = (self.lookup(map, key), self.b.block(0));
                self.b.branch_imm(Cond::Ne, found, 0, some, done);
                self.b.switch_to(some);
                found
            }
            _ => self.entry(map, key, done),
        };
        self.write_single(map, found, write);
        self.b.jump(done, &[]);
        self.b.switch_to(done);
    }

    fn write_single(&mut self, map: hir::MapId, at: Value, write: impl FnOnce(&mut Self, Memory)) {
        write(self, Memory { base: at, offset: 0 });
        let one = self.b.iconst(1);
        let mark = self.stored_size(map) as i32;
        self.b.store(Width::B8, at, mark, one);
    }

    /// Stores a scalar in an existing entry in place, or adds one.
    fn store_or_insert(&mut self, map: hir::MapId, key: Value, value: Value, ty: &Type) {
        let found = self.lookup(map, key);
        let (some, none, done) = (self.b.block(0), self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Ne, found, 0, some, none);
        self.b.switch_to(some);
        self.b.store(width_of(ty), found, 0, value);
        self.b.jump(done, &[]);
        self.b.switch_to(none);
        let pointer = self.in_slot(value);
        self.update(map, key, pointer, BPF_ANY);
        self.b.jump(done, &[]);
        self.b.switch_to(done);
    }

    fn in_slot(&mut self, value: Value) -> Value {
        let slot = self.b.slot(8);
        let base = self.b.slot_addr(slot);
        self.b.store(Width::B8, base, 0, value);
        base
    }

    /// `bpf_map_update_elem`; a full map is counted.
    fn update(&mut self, map: hir::MapId, key: Value, value: Value, flags: i64) -> Value {
        let id = self.b.map_addr(self.map_id(map));
        let mode = self.b.iconst(flags);
        let result = self.b.helper(MAP_UPDATE_ELEM, &[id, key, value, mode]);
        if flags == BPF_ANY {
            let name = &self.hir_map(map).name;
            self.count_negative(result, LossKind::MapFull, name);
        }
        result
    }

    /// The entry of a key, made with zeros when there is none; goes to `full` when it cannot be.
    fn entry(&mut self, map: hir::MapId, key: Value, full: Block) -> Value {
        let found = self.lookup(map, key);
        let (none, done, some) = (self.b.block(0), self.b.block(1), self.b.block(0));
        self.b.branch_imm(Cond::Ne, found, 0, some, none);
        self.b.switch_to(some);
        self.b.jump(done, &[found]);
        self.b.switch_to(none);
        let zeros = match self.kind(map).is_spread() {
            true => self.shared.blank(self.b.module),
            false => self.shared.zeros(self.shared.manifest.maps[map.0 as usize].value_size, self.b.module),
        };
        let zeros = self.b.global_addr(zeros);
        // Another CPU may be faster: then its entry is found below.
        self.update(map, key, zeros, BPF_NOEXIST);
        let again = self.lookup(map, key);
        let (there, lost) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Ne, again, 0, there, lost);
        self.b.switch_to(lost);
        let name = &self.hir_map(map).name;
        let loss = self.shared.loss(LossKind::MapFull, name, self.b.span);
        self.count_loss(loss);
        self.b.jump(full, &[]);
        self.b.switch_to(there);
        self.b.jump(done, &[again]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// Runs `write` on the entry of a key, made when there is none.
    pub fn with_entry(
        &mut self,
        map: hir::MapId,
        key: Option<&hir::Expr>,
        write: impl FnOnce(&mut Self, Memory),
    ) {
        if key.is_none() {
            return self.with_single(map, write);
        }
        let key = self.key(map, key);
        let done = self.b.block(0);
        let entry = self.entry(map, key, done);
        if self.kind(map).is_spread() {
            self.with_own_part(map, entry, write);
        } else {
            write(self, Memory { base: entry, offset: 0 });
        }
        self.b.jump(done, &[]);
        self.b.switch_to(done);
    }

    /// `@m[k] op= value`: additions are atomic, so that no CPU's is lost.
    pub fn update_map(
        &mut self,
        map: hir::MapId,
        key: Option<&hir::Expr>,
        op: BinaryOp,
        value: &hir::Expr,
    ) {
        let right = self.scalar(value);
        let ty = self.hir_map(map).value.clone();
        self.with_entry(map, key, |f, at| match op {
            BinaryOp::Add => f.atomic_add(at, right),
            BinaryOp::Sub => {
                let zero = f.b.iconst(0);
                let negative = f.b.bin(BinOp::Sub, zero, right);
                f.atomic_add(at, negative);
            }
            _ => {
                let left = f.b.load(width_of(&ty), at.base, at.offset);
                let left = f.extend(left, &ty);
                let result = f.binary(op, left, right, None);
                f.b.store(width_of(&ty), at.base, at.offset, result);
            }
        });
    }

    fn atomic_add(&mut self, at: Memory, value: Value) {
        self.b.push(Op::AtomicAdd(Width::B8, at, value));
    }

    /// `@m[k]++`; the value is the one before or after the step.
    pub fn step_map(
        &mut self,
        map: hir::MapId,
        key: Option<&hir::Expr>,
        delta: i64,
        prefix: bool,
    ) -> Value {
        let slot = self.b.slot(8);
        let kept = self.b.slot_addr(slot);
        let zero = self.b.iconst(0);
        self.b.store(Width::B8, kept, 0, zero);
        self.with_entry(map, key, |f, at| {
            let old = f.b.load(Width::B8, at.base, at.offset);
            f.b.store(Width::B8, kept, 0, old);
            let delta = f.b.iconst(delta);
            f.atomic_add(at, delta);
        });
        let old = self.b.load(Width::B8, kept, 0);
        if prefix { self.b.add_imm(old, delta) } else { old }
    }

    /// `delete(@m, k)`: 0 when there was an entry.
    pub fn delete_entry(&mut self, map: hir::MapId, key: Option<&hir::Expr>) -> Value {
        if key.is_some() {
            let key = self.key(map, key);
            let id = self.b.map_addr(self.map_id(map));
            return self.b.helper(MAP_DELETE_ELEM, &[id, key]);
        }
        if let Some(at) = self.variable(map) {
            return if self.kind(map).is_spread() { self.unassign_parts(map, at) } else { self.unassign(map, at) };
        }
        self.shared.found.emptied.insert(map);
        if self.kind(map) == MapKind::PerCpuArray {
            return self.b.iconst(0);
        }
        let key = self.key(map, None);
        let id = self.b.map_addr(self.map_id(map));
        self.b.helper(MAP_DELETE_ELEM, &[id, key])
    }

    /// Clears the value of a map without key and its mark: 0 when it was assigned, else 1.
    fn unassign(&mut self, map: hir::MapId, at: Value) -> Value {
        let size = self.stored_size(map);
        let mark = self.b.load(Width::B8, at, size as i32);
        self.b.clear(at, 0, size + 8);
        let zero = self.b.iconst(0);
        self.b.cmp(Cond::Eq, mark, zero)
    }
}

/// Whether a value in memory has gaps that nobody writes.
fn needs_clearing(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(_) | Type::Named(_) | Type::Record(_))
        || (ty.is_str() && ty.size() > PADDED_TEXT)
        || !ty.size().is_multiple_of(8)
}
