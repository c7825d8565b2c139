//! Scalar expressions: values in registers.

use std::ops::RangeInclusive;

use btc_abi::{Action, GlobalValue, Read};
use btc_hir::{self as hir, BinaryOp, CompareKind, ExprKind, Logic, UnaryOp};
use btc_ir::{BinOp, Block, Cond, Late, Memory, Op, Value, Width};
use btc_types::{EnumType, Type};

use crate::constant::number;
use crate::function::FnLower;
use crate::place::Place;
use crate::send::FieldSource;

impl FnLower<'_, '_, '_> {
    /// Evaluates for the effect alone.
    pub fn effect(&mut self, e: &hir::Expr) {
        match &e.kind {
            ExprKind::Ternary { condition, then, otherwise } => {
                let (yes, no, done) = (self.b.block(0), self.b.block(0), self.b.block(0));
                self.condition(condition, yes, no);
                self.b.switch_to(yes);
                self.effect(then);
                self.b.jump(done, &[]);
                self.b.switch_to(no);
                self.effect(otherwise);
                self.b.jump(done, &[]);
                self.b.switch_to(done);
            }
            ExprKind::Block { block, value } => {
                self.block(block);
                if let Some(value) = value {
                    self.effect(value);
                }
            }
            ExprKind::Call { .. } => {
                self.call(e, None);
            }
            ExprKind::Tuple(parts) => parts.iter().for_each(|p| self.effect(p)),
            _ if e.ty.is_scalar() => {
                self.scalar(e);
            }
            _ => {
                self.place(e);
            }
        }
    }

    /// Branches on a truth value, without making a number of it.
    pub fn condition(&mut self, e: &hir::Expr, yes: Block, no: Block) {
        match &e.kind {
            ExprKind::Logical { and, left, right } => {
                let more = self.b.block(0);
                if *and {
                    self.condition(left, more, no);
                } else {
                    self.condition(left, yes, more);
                }
                self.b.switch_to(more);
                self.condition(right, yes, no);
            }
            ExprKind::Unary { op: UnaryOp::Not, operand } => self.condition(operand, no, yes),
            ExprKind::Compare { op, kind: CompareKind::Scalar { signed }, left, right } => {
                let (left, right) = (self.scalar(left), self.scalar(right));
                self.b.branch(cond(*op, *signed), left, right, yes, no);
            }
            ExprKind::Cast(inner) if e.ty == Type::Bool && inner.ty.is_scalar() => {
                let value = self.scalar(inner);
                self.b.branch_imm(Cond::Ne, value, 0, yes, no);
            }
            _ => {
                let value = self.scalar(e);
                self.b.branch_imm(Cond::Ne, value, 0, yes, no);
            }
        }
    }

    /// A value that fits a register, extended to 64 bits by its type.
    pub fn scalar(&mut self, e: &hir::Expr) -> Value {
        match &e.kind {
            ExprKind::Int(n) => self.b.iconst(*n),
            ExprKind::Var(var) => {
                let m = self.vars[var];
                self.b.load(Width::B8, m.base, m.offset)
            }
            ExprKind::Map { map, key } => self.map_scalar(*map, key.as_deref(), &e.ty),
            ExprKind::Param(id) => {
                let global = self.shared.param(*id, false, self.b.module);
                let address = self.b.global_addr(global);
                self.b.load(Width::B8, address, 0)
            }
            ExprKind::ParamCount(id) => {
                let global = self.shared.param(*id, false, self.b.module);
                let address = self.b.global_addr(global);
                self.b.load(Width::B8, address, 0)
            }
            ExprKind::Context => self.ctx(),
            ExprKind::Call { .. } => self.call(e, None).expect("a call with a scalar value yields one"),
            ExprKind::Argument { location, dynamic } => self.argument_value(location, *dynamic, &e.ty),
            ExprKind::Unary { op, operand } => self.unary(*op, operand, &e.ty),
            ExprKind::Binary { op, left, right } => {
                let pointer = left.ty.is_pointer();
                // The verifier lets a known number be added to a pointer.
                let is_moved = matches!(op, BinaryOp::Add | BinaryOp::Sub) && pointer && number(right).is_some();
                if !is_moved {
                    let (left, right) = (self.number_of(left), self.number_of(right));
                    return self.binary(*op, left, right, Some(e));
                }
                let (left, right) = (self.scalar(left), self.scalar(right));
                if *op == BinaryOp::Sub {
                    // The verifier lets nothing be subtracted from a stack pointer.
                    let zero = self.b.iconst(0);
                    let negative = self.b.bin(BinOp::Sub, zero, right);
                    return self.b.bin(BinOp::Add, left, negative);
                }
                self.binary(*op, left, right, Some(e))
            }
            ExprKind::Compare { op, kind, left, right } => self.compare(*op, *kind, left, right),
            ExprKind::Logical { .. } => self.truth_value(e),
            ExprKind::Ternary { condition, then, otherwise } => {
                let (yes, no, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
                self.condition(condition, yes, no);
                self.b.switch_to(yes);
                let value = self.scalar(then);
                self.b.jump(done, &[value]);
                self.b.switch_to(no);
                let value = self.scalar(otherwise);
                self.b.jump(done, &[value]);
                self.b.switch_to(done);
                self.b.block_param(done, 0)
            }
            ExprKind::Cast(inner) => self.cast(inner, &e.ty),
            ExprKind::AddressOf(inner) => {
                // Whoever follows the pointer reads what it points at here.
                self.require_same_type(inner);
                let place = self.place_to_point_at(inner);
                let address = self.address(&place).0;
                // To the program it is a number.
                match place {
                    Place::Direct(_) => self.unknown(address),
                    Place::Remote { .. } | Place::Core(_) => address,
                }
            }
            ExprKind::Field { field, .. } => {
                let place = self.place(e);
                self.load_place(&place, &e.ty, Some(field))
            }
            ExprKind::Deref(_) | ExprKind::Element { .. } | ExprKind::Part { .. } => {
                let place = self.place(e);
                self.load_place(&place, &e.ty, None)
            }
            ExprKind::StepVar { var, delta, prefix } => {
                let m = self.vars[var];
                let old = self.b.load(Width::B8, m.base, m.offset);
                let delta = self.scalar(delta);
                let new = self.b.bin(BinOp::Add, old, delta);
                let new = self.extend(new, &e.ty);
                self.b.store(Width::B8, m.base, m.offset, new);
                if *prefix { new } else { old }
            }
            ExprKind::StepMap { map, key, delta, prefix } => {
                self.step_map(*map, key.as_deref(), *delta, *prefix)
            }
            ExprKind::KernelEnum { ty, variant, value } => self.kernel_enum(ty, variant, *value),
            ExprKind::SizeOf { of, size } => self.size_of_field(of, *size),
            ExprKind::KernelSize(record) if record.is_kernel() => self.size_of_known(record),
            ExprKind::KernelOffset { record, path, .. } if record.is_kernel() => self.kernel_offset(record, path),
            // Of a record of the script: what it contains must be as large as here.
            ExprKind::KernelSize(record) => self.as_laid_out(record, i64::from(record.size)),
            ExprKind::KernelOffset { record, value, .. } => self.as_laid_out(record, *value),
            ExprKind::Block { block, value } => {
                self.block(block);
                match value {
                    Some(value) => self.scalar(value),
                    None => self.b.iconst(0),
                }
            }
            ExprKind::Str(_) | ExprKind::Tuple(_) | ExprKind::MapRef(_) => unreachable!("no scalar: {e:?}"),
        }
    }

    fn kernel_enum(&mut self, ty: &EnumType, variant: &str, value: i64) -> Value {
        if ty.name.is_empty() {
            // Relocations know enums by their tags. Which one without a tag is meant the names in it tell.
            self.shared.enum_names(ty);
            return self.global(GlobalValue::Constant(variant.to_string(), value));
        }
        let range = range(ty, value);
        let number = self.b.late(Late::EnumValue { name: ty.name.clone(), variant: variant.to_string(), value });
        let (record, ty) = (format!("enum {}", ty.name), format!("{}..{}", range.start(), range.end()));
        let reads = &mut self.shared.manifest.reads;
        if !reads.iter().any(|r| r.record == record && r.path == variant) {
            let place = self.shared.place(self.b.span);
            self.shared.manifest.reads.push(Read { record, path: variant.to_string(), ty, place });
        }
        // libbpf gives what has 32 bits a sign.
        if *range.end() == i128::from(u32::MAX) { self.b.push(Op::ZeroExtend(32, number)) } else { number }
    }

    /// The place that `&x` points at.
    fn place_to_point_at(&mut self, e: &hir::Expr) -> Place {
        match &e.kind {
            ExprKind::Map { map, key } => {
                let size = e.ty.size();
                Place::Direct(self.map_value(*map, key.as_deref(), size))
            }
            _ => self.place(e),
        }
    }

    /// A value to compute with. What the verifier knows for a pointer takes few operations; of bytes that were swapped it knows
    /// nothing.
    fn number_of(&mut self, e: &hir::Expr) -> Value {
        let value = self.scalar(e);
        if e.ty.is_pointer() { self.unknown(value) } else { value }
    }

    /// A pointer as a number, to the verifier too.
    fn unknown(&mut self, pointer: Value) -> Value {
        (0..2).fold(pointer, |pointer, _| self.b.push(Op::ByteSwap(64, pointer)))
    }

    /// 1 or 0 from a condition.
    fn truth_value(&mut self, e: &hir::Expr) -> Value {
        let (yes, no, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        self.condition(e, yes, no);
        self.b.switch_to(yes);
        let one = self.b.iconst(1);
        self.b.jump(done, &[one]);
        self.b.switch_to(no);
        let zero = self.b.iconst(0);
        self.b.jump(done, &[zero]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    fn unary(&mut self, op: UnaryOp, operand: &hir::Expr, ty: &Type) -> Value {
        let value = self.number_of(operand);
        match op {
            UnaryOp::Neg => {
                let zero = self.b.iconst(0);
                self.b.bin(BinOp::Sub, zero, value)
            }
            UnaryOp::BitNot => {
                let flipped = self.b.bin_imm(BinOp::Xor, value, -1);
                self.extend(flipped, ty)
            }
            UnaryOp::Not => {
                let zero = self.b.iconst(0);
                self.b.cmp(Cond::Eq, value, zero)
            }
        }
    }

    /// Arithmetic over 64 bits. `e` is the whole expression, for the warning of a division by zero.
    pub fn binary(&mut self, op: BinaryOp, left: Value, right: Value, e: Option<&hir::Expr>) -> Value {
        let op = match op {
            BinaryOp::Add => BinOp::Add,
            BinaryOp::Sub => BinOp::Sub,
            BinaryOp::Mul => BinOp::Mul,
            BinaryOp::And => BinOp::And,
            BinaryOp::Or => BinOp::Or,
            BinaryOp::Xor => BinOp::Xor,
            BinaryOp::Shl => BinOp::Shl,
            BinaryOp::Shr { signed: true } => BinOp::AShr,
            BinaryOp::Shr { signed: false } => BinOp::LShr,
            BinaryOp::Div { signed } | BinaryOp::Mod { signed } => {
                let modulo = matches!(op, BinaryOp::Mod { .. });
                return self.divide(modulo, signed, left, right, e);
            }
        };
        self.b.bin(op, left, right)
    }

    /// Division: by a constant directly; else a divisor of 0 yields 1 and a warning.
    fn divide(
        &mut self,
        modulo: bool,
        signed: bool,
        left: Value,
        right: Value,
        e: Option<&hir::Expr>,
    ) -> Value {
        let constant = matches!(
            e.map(|e| &e.kind),
            Some(ExprKind::Binary { right, .. }) if number(right).is_some_and(|n| n != 0)
        );
        if constant {
            return self.quotient(modulo, signed, left, right);
        }
        let (zero, fine, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        self.b.branch_imm(Cond::Eq, right, 0, zero, fine);
        self.b.switch_to(fine);
        let result = self.quotient(modulo, signed, left, right);
        self.b.jump(done, &[result]);
        self.b.switch_to(zero);
        let outer = self.b.span;
        self.b.span = e.map_or(outer, |e| e.span);
        let text = "division by zero: the result is 1".to_string();
        self.send(Action::RuntimeWarning(text), &[] as &[FieldSource]);
        self.b.span = outer;
        let one = self.b.iconst(1);
        self.b.jump(done, &[one]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// BPF before version 4 divides unsigned numbers only: divide the magnitudes and set the sign.
    fn quotient(&mut self, modulo: bool, signed: bool, left: Value, right: Value) -> Value {
        let op = if modulo { BinOp::UMod } else { BinOp::UDiv };
        if !signed {
            return self.b.bin(op, left, right);
        }
        let sign_left = self.b.bin_imm(BinOp::AShr, left, 63);
        let sign_right = self.b.bin_imm(BinOp::AShr, right, 63);
        let left = self.apply_sign(left, sign_left);
        let right = self.apply_sign(right, sign_right);
        let result = self.b.bin(op, left, right);
        let sign = if modulo { sign_left } else { self.b.bin(BinOp::Xor, sign_left, sign_right) };
        self.apply_sign(result, sign)
    }

    /// `value` for a sign of 0, `-value` for a sign of -1.
    fn apply_sign(&mut self, value: Value, sign: Value) -> Value {
        let flipped = self.b.bin(BinOp::Xor, value, sign);
        self.b.bin(BinOp::Sub, flipped, sign)
    }

    fn cast(&mut self, inner: &hir::Expr, to: &Type) -> Value {
        if inner.ty.is_scalar() {
            let value = self.scalar(inner);
            return match to {
                Type::Bool if inner.ty != Type::Bool => {
                    let zero = self.b.iconst(0);
                    self.b.cmp(Cond::Ne, value, zero)
                }
                // An address is never negative, whatever its number was read from.
                Type::Pointer { .. } if inner.ty.is_numeric() && inner.ty.size() < 8 => {
                    self.b.push(Op::ZeroExtend(inner.ty.size() as u8 * 8, value))
                }
                _ if inner.ty.is_pointer() && to.is_int() => {
                    let value = self.unknown(value);
                    self.extend(value, to)
                }
                _ if to.size() < 8 => self.extend(value, to),
                _ => value,
            };
        }
        if let (Type::Str { .. }, Type::Bool) = (&inner.ty, to) {
            let place = self.direct(inner);
            let first = self.b.load(Width::B1, place.base, place.offset);
            let zero = self.b.iconst(0);
            return self.b.cmp(Cond::Ne, first, zero);
        }
        // The bytes of an array as a number.
        let place = self.place(inner);
        self.load_place(&place, to, None)
    }

    /// A narrow integer in a register, extended to 64 bits.
    pub fn extend(&mut self, value: Value, ty: &Type) -> Value {
        match (ty.size(), ty.is_signed()) {
            (8, _) => value,
            (size, true) => self.b.push(Op::SignExtend(size as u8 * 8, value)),
            (size, false) => self.b.push(Op::ZeroExtend(size as u8 * 8, value)),
        }
    }

    /// A value that is no scalar in memory that the program reads directly.
    pub fn direct(&mut self, e: &hir::Expr) -> Memory {
        match self.place(e) {
            Place::Direct(m) => m,
            elsewhere => {
                let memory = self.alloc(e.ty.size().max(8));
                self.copy_into(&elsewhere, &e.ty, memory, &e.ty);
                memory
            }
        }
    }
}

/// The numbers that a constant may have on the target, where it has this one here: those of its type that the instruction
/// has room for, which is made for this one.
fn range(ty: &EnumType, value: i64) -> RangeInclusive<i128> {
    let bits = u32::from(ty.size) * 8;
    match (i32::try_from(value).is_ok(), ty.signed) {
        (fits, true) => {
            let most = 1i128 << (if fits { bits.min(32) } else { bits } - 1);
            -most..=most - 1
        }
        // With ones above: the greatest numbers of 64 bits.
        (true, false) if value < 0 => (1 << 64) - (1 << 31)..=(1 << 64) - 1,
        (true, false) => 0..=(1 << bits.min(31)) - 1,
        (false, false) if u32::try_from(value).is_ok() => 0..=i128::from(u32::MAX),
        (false, false) => 0..=i128::from(u64::MAX),
    }
}

/// The condition of a comparison.
pub(crate) fn cond(op: Logic, signed: bool) -> Cond {
    match (op, signed) {
        (Logic::Eq, _) => Cond::Eq,
        (Logic::Ne, _) => Cond::Ne,
        (Logic::Lt, true) => Cond::SLt,
        (Logic::Le, true) => Cond::SLe,
        (Logic::Gt, true) => Cond::SGt,
        (Logic::Ge, true) => Cond::SGe,
        (Logic::Lt, false) => Cond::ULt,
        (Logic::Le, false) => Cond::ULe,
        (Logic::Gt, false) => Cond::UGt,
        (Logic::Ge, false) => Cond::UGe,
    }
}
