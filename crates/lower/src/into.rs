//! Values into memory: every composite is written where its user wants it.

use btc_hir::{self as hir, ExprKind};
use btc_ir::{BinOp, Memory};
use btc_types::{PADDED_TEXT, Space, Type};

use crate::function::FnLower;
use crate::place::{Place, accesses, is_kernel_record, matching_parts, part_offset, width_of};

impl FnLower<'_, '_, '_> {
    /// Writes the value of `e`, converted to `ty`, to `to`.
    pub fn into(&mut self, e: &hir::Expr, to: Memory, ty: &Type) {
        if ty.is_scalar() {
            let value = self.scalar(e);
            return self.b.store(width_of(ty), to.base, to.offset, value);
        }
        match &e.kind {
            ExprKind::Str(text) => self.literal_into(text, to, ty),
            ExprKind::Call { .. } if fits(&e.ty, ty) => {
                self.call(e, Some(to));
                self.pad(&e.ty, to, ty);
            }
            ExprKind::Tuple(parts) => self.tuple_into(parts, &e.ty, to, ty),
            ExprKind::Ternary { condition, then, otherwise } => {
                let (yes, no, done) = (self.b.block(0), self.b.block(0), self.b.block(0));
                self.condition(condition, yes, no);
                self.b.switch_to(yes);
                self.into(then, to, ty);
                self.b.jump(done, &[]);
                self.b.switch_to(no);
                self.into(otherwise, to, ty);
                self.b.jump(done, &[]);
                self.b.switch_to(done);
            }
            ExprKind::Block { block, value } => {
                self.block(block);
                if let Some(value) = value {
                    self.into(value, to, ty);
                }
            }
            // The bytes of a number as an array, which need not be aligned as the number.
            ExprKind::Cast(inner) if inner.ty.is_scalar() => {
                let value = self.scalar(inner);
                let size = inner.ty.size().min(ty.size());
                for (width, at) in accesses([to.offset], size) {
                    let part = self.b.bin_imm(BinOp::LShr, value, i64::from(at) * 8);
                    self.b.store(width, to.base, to.offset + at as i32, part);
                }
                let rest = Memory { base: to.base, offset: to.offset + size as i32 };
                self.clear_bytes(rest, ty.size() - size);
            }
            // A string in other room: all of it that there is.
            ExprKind::Cast(inner) if inner.ty.is_str() && ty.is_str() => self.into(inner, to, ty),
            _ => {
                let from = self.place(e);
                self.copy_into(&from, &e.ty, to, ty);
            }
        }
    }

    /// [`FnLower::into`] where the value may be read from the place it goes to.
    pub fn write_with_overlap(&mut self, e: &hir::Expr, to: Memory, ty: &Type) {
        if matches!(e.kind, ExprKind::Call { .. } | ExprKind::Str(_)) {
            return self.into(e, to, ty);
        }
        let temporary = self.alloc(ty.size());
        self.into(e, temporary, ty);
        self.copy_into(&Place::Direct(temporary), ty, to, ty);
    }

    /// Writes a key: the same bytes for the same key, so gaps and unused room are 0.
    pub fn key_into(&mut self, e: &hir::Expr, to: Memory, ty: &Type) {
        if !ty.is_scalar() {
            self.b.clear(to.base, to.offset, ty.size().next_multiple_of(8));
        }
        self.into(e, to, ty);
    }

    fn literal_into(&mut self, text: &[u8], to: Memory, ty: &Type) {
        let capacity = ty.size() as usize;
        let mut bytes = text[..text.len().min(capacity.saturating_sub(1))].to_vec();
        bytes.push(0);
        let end = if capacity <= PADDED_TEXT as usize {
            capacity
        } else {
            bytes.len().next_multiple_of(8).min(capacity)
        };
        bytes.resize(end, 0);
        for (width, at) in accesses([to.offset], bytes.len() as u32) {
            let size = width.bytes() as usize;
            let mut word = [0u8; 8];
            word[..size].copy_from_slice(&bytes[at as usize..at as usize + size]);
            let value = self.b.iconst(i64::from_le_bytes(word));
            self.b.store(width, to.base, to.offset + at as i32, value);
        }
    }

    fn tuple_into(&mut self, parts: &[hir::Expr], from_ty: &Type, to: Memory, ty: &Type) {
        for (part, (_, target)) in parts.iter().zip(matching_parts(from_ty, ty)) {
            let Some((index, ty_of_part)) = target else { continue };
            let to = Memory { base: to.base, offset: to.offset + part_offset(ty, index) as i32 };
            self.into(part, to, ty_of_part);
        }
    }

    /// Zeros behind a value that is shorter than its place.
    fn pad(&mut self, from: &Type, to: Memory, ty: &Type) {
        let (have, want) = (from.size(), ty.size());
        if matches!(ty, Type::Str { .. }) && want <= PADDED_TEXT && have < want {
            let at = Memory { base: to.base, offset: to.offset + have as i32 };
            self.clear_bytes(at, want - have);
        }
    }

    /// Clears any number of bytes at any alignment.
    fn clear_bytes(&mut self, to: Memory, size: u32) {
        self.b.clear(to.base, to.offset, size);
    }

    /// Copies a value from its place, converted from `from_ty` to `ty`.
    pub fn copy_into(&mut self, from: &Place, from_ty: &Type, to: Memory, ty: &Type) {
        match (from, ty) {
            (_, Type::Str { capacity, .. }) => self.copy_text(from, from_ty, to, *capacity),
            (Place::Direct(m), Type::Tuple(_) | Type::Named(_)) => {
                self.copy_parts(*m, from_ty, to, ty);
            }
            (Place::Direct(m), _) => {
                self.b.copy(to, *m, from_ty.size().min(ty.size()));
            }
            (place, _) if is_kernel_record(ty) => self.copy_kernel_record(place, to, ty),
            (place, Type::Record(_)) => {
                if let Place::Core(core) = place {
                    self.require_layout(core, ty);
                }
                let (address, space) = self.address(place);
                self.read(to, ty.size(), address, space);
            }
            (place, _) => {
                if let Place::Core(core) = place {
                    self.require_layout(core, from_ty);
                    self.require_length(core, from_ty);
                }
                let (address, space) = self.address(place);
                self.read(to, from_ty.size().min(ty.size()), address, space);
            }
        }
    }

    fn copy_parts(&mut self, from: Memory, from_ty: &Type, to: Memory, ty: &Type) {
        for (i, (source, target)) in matching_parts(from_ty, ty).into_iter().enumerate() {
            let Some((index, target)) = target else { continue };
            let from = Memory { base: from.base, offset: from.offset + part_offset(from_ty, i) as i32 };
            let to = Memory { base: to.base, offset: to.offset + part_offset(ty, index) as i32 };
            if source.is_scalar() {
                let value = self.b.load(width_of(source), from.base, from.offset);
                let value = self.extend(value, source);
                self.b.store(width_of(target), to.base, to.offset, value);
            } else {
                self.copy_into(&Place::Direct(from), source, to, target);
            }
        }
    }

    /// Copies text. Short padded ones as words; long ones by the helper that stops at the NUL.
    fn copy_text(&mut self, from: &Place, from_ty: &Type, to: Memory, capacity: u32) {
        let have = from_ty.size();
        if let (Place::Direct(m), true) = (from, have <= PADDED_TEXT) {
            let size = have.min(capacity);
            self.b.copy(to, *m, size);
            if capacity > size {
                let rest = if capacity <= PADDED_TEXT { capacity - size } else { 1 };
                self.clear_bytes(Memory { base: to.base, offset: to.offset + size as i32 }, rest);
            }
            return;
        }
        if let Place::Core(core) = from {
            self.require_length(core, from_ty);
        }
        let (address, space) = self.address(from);
        let space = if matches!(from, Place::Direct(_)) { Space::Kernel } else { space };
        // A `char` array in a record need not end with a NUL: one byte more than it has room for.
        let limit = if matches!(from, Place::Direct(_)) { capacity } else { capacity.min(have + 1) };
        self.read_str(to, capacity, limit, None, address, space);
    }
}

/// Whether a call may write a value of type `from` straight to a place of type `to`.
fn fits(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::Str { capacity: a, .. }, Type::Str { capacity: b, .. }) => a <= b,
        (Type::Buffer { capacity: a }, Type::Buffer { capacity: b }) => a <= b,
        _ => from == to,
    }
}
