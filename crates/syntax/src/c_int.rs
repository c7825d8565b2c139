//! C's whole numbers on 64-bit machines: types of literals, the usual conversions, arithmetic that wraps around.
//!
//! The one place that calculates as C does: for `#if`, for literals with a suffix, and for what C definitions hold.

use crate::ast::{BinaryOp, UnaryOp};

/// An integer type of C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CType {
    /// Bytes.
    pub size: u8,
    /// Two's complement.
    pub signed: bool,
}

impl CType {
    /// `int`
    pub const INT: CType = CType { size: 4, signed: true };
    /// `unsigned int`
    pub const UINT: CType = CType { size: 4, signed: false };
    /// `long`
    pub const LONG: CType = CType { size: 8, signed: true };
    /// `unsigned long`
    pub const ULONG: CType = CType { size: 8, signed: false };

    /// The type of a literal: the first one of its suffix that holds it; only hexadecimal and octal ones become
    /// unsigned without `u`.
    pub fn of_literal(value: u64, unsigned: bool, long: bool, decimal: bool) -> CType {
        let fits = |ty: &&CType| ty.holds(i128::from(value)) && match ty.signed {
            true => !unsigned,
            false => unsigned || !decimal,
        };
        let all: &[CType] = if long { &[Self::LONG, Self::ULONG] } else { &[Self::INT, Self::UINT, Self::LONG, Self::ULONG] };
        // A decimal number beyond `long` has no type in C; compilers take `unsigned long`.
        all.iter().find(fits).copied().unwrap_or(Self::ULONG)
    }

    /// The type of an enum with values from `least` to `most`; the smallest one if it is packed. `None` if no type holds
    /// both.
    pub fn of_range(least: i128, most: i128, packed: bool) -> Option<CType> {
        let sizes: &[u8] = if packed { &[1, 2, 4, 8] } else { &[4, 8] };
        let types = sizes.iter().map(|size| CType { size: *size, signed: least < 0 });
        types.into_iter().find(|ty| ty.holds(least) && ty.holds(most))
    }

    fn holds(self, value: i128) -> bool {
        self.wrap(value) == value
    }

    fn wrap(self, value: i128) -> i128 {
        match (self.size, self.signed) {
            (1, true) => i128::from(value as i8),
            (1, false) => i128::from(value as u8),
            (2, true) => i128::from(value as i16),
            (2, false) => i128::from(value as u16),
            (4, true) => i128::from(value as i32),
            (4, false) => i128::from(value as u32),
            (_, true) => i128::from(value as i64),
            (_, false) => i128::from(value as u64),
        }
    }

    fn promoted(self) -> CType {
        if self.size < 4 { Self::INT } else { self }
    }

    /// The type that both operands are converted to.
    fn common(self, other: CType) -> CType {
        let (a, b) = (self.promoted(), other.promoted());
        match a.size.cmp(&b.size) {
            std::cmp::Ordering::Equal => CType { size: a.size, signed: a.signed && b.signed },
            std::cmp::Ordering::Greater => a,
            std::cmp::Ordering::Less => b,
        }
    }
}

/// A number with its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CInt {
    value: i128,
    ty: CType,
}

const OVERFLOW: &str = "this number overflows its type";
const BY_ZERO: &str = "this divides by zero";
const BAD_SHIFT: &str = "this shifts by more bits than the number has";

impl CInt {
    /// A number, cut to its type.
    pub fn new(value: i128, ty: CType) -> CInt {
        CInt { value: ty.wrap(value), ty }
    }

    /// A truth value: 0 or 1.
    pub fn truth(truth: bool) -> CInt {
        CInt::new(i128::from(truth), CType::INT)
    }

    /// The number.
    pub fn value(self) -> i128 {
        self.value
    }

    /// The number after it, in the first type that holds it.
    pub fn next(self) -> Option<CInt> {
        let value = self.value + 1;
        let types = [CType::INT, CType::UINT, CType::LONG, CType::ULONG];
        types.into_iter().find(|ty| ty.holds(value)).map(|ty| CInt::new(value, ty))
    }

    /// Bytes of its type.
    pub fn size(self) -> u8 {
        self.ty.size
    }

    /// Whether it is true.
    pub fn is_true(self) -> bool {
        self.value != 0
    }

    /// The cast to a type.
    pub fn cast(self, ty: CType) -> CInt {
        CInt::new(self.value, ty)
    }

    /// As the value of a conditional whose other value is `other`.
    pub fn beside(self, other: CInt) -> CInt {
        self.cast(self.ty.common(other.ty))
    }

    fn checked(value: i128, ty: CType) -> Result<CInt, &'static str> {
        if ty.signed && !ty.holds(value) { Err(OVERFLOW) } else { Ok(CInt::new(value, ty)) }
    }

    /// `op self`; what C does not define is an error.
    pub fn unary(self, op: UnaryOp) -> Result<CInt, &'static str> {
        let ty = self.ty.promoted();
        match op {
            UnaryOp::Neg => CInt::checked(-self.value, ty),
            UnaryOp::BitNot => Ok(CInt::new(!self.value, ty)),
            UnaryOp::Not => Ok(CInt::truth(self.value == 0)),
            UnaryOp::Deref | UnaryOp::AddrOf => Err("a constant has no address"),
        }
    }

    /// `self op other`; what C does not define is an error. Who evaluates `&&` and `||` looks at the left side first.
    pub fn binary(self, op: BinaryOp, other: CInt) -> Result<CInt, &'static str> {
        let ty = self.ty.common(other.ty);
        let (a, b) = (ty.wrap(self.value), ty.wrap(other.value));
        let number = |value| CInt::checked(value, ty);
        match op {
            BinaryOp::Add => number(a + b),
            BinaryOp::Sub => number(a - b),
            // Two numbers of 64 bits without a sign may need all of 128 bits.
            BinaryOp::Mul => number(a.wrapping_mul(b)),
            BinaryOp::Div | BinaryOp::Mod if b == 0 => Err(BY_ZERO),
            BinaryOp::Div => number(a / b),
            BinaryOp::Mod => number(a % b),
            BinaryOp::And => number(a & b),
            BinaryOp::Or => number(a | b),
            BinaryOp::Xor => number(a ^ b),
            BinaryOp::Shl | BinaryOp::Shr => self.shift(op, other.value),
            BinaryOp::Eq => Ok(CInt::truth(a == b)),
            BinaryOp::Ne => Ok(CInt::truth(a != b)),
            BinaryOp::Lt => Ok(CInt::truth(a < b)),
            BinaryOp::Le => Ok(CInt::truth(a <= b)),
            BinaryOp::Gt => Ok(CInt::truth(a > b)),
            BinaryOp::Ge => Ok(CInt::truth(a >= b)),
            BinaryOp::LogicalAnd => Ok(CInt::truth(self.is_true() && other.is_true())),
            BinaryOp::LogicalOr => Ok(CInt::truth(self.is_true() || other.is_true())),
        }
    }

    /// A shift has the type of its left side alone. `1 << 31` is taken as all compilers do.
    fn shift(self, op: BinaryOp, by: i128) -> Result<CInt, &'static str> {
        let ty = self.ty.promoted();
        if !(0..i128::from(ty.size) * 8).contains(&by) {
            return Err(BAD_SHIFT);
        }
        Ok(CInt::new(if op == BinaryOp::Shl { self.value << by } else { self.value >> by }, ty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(value: u64, unsigned: bool, long: bool, decimal: bool) -> CInt {
        CInt::new(i128::from(value), CType::of_literal(value, unsigned, long, decimal))
    }

    #[test]
    fn literals_have_their_types() {
        for (value, unsigned, long, decimal, ty) in [
            (1, false, false, true, CType::INT),
            (1, true, false, true, CType::UINT),
            (1, false, true, true, CType::LONG),
            (1, true, true, true, CType::ULONG),
            (0x8000_0000, false, false, true, CType::LONG),
            (0x8000_0000, false, false, false, CType::UINT),
            (0x8000_0000, true, false, true, CType::UINT),
            (1 << 32, true, false, true, CType::ULONG),
            (1 << 63, false, false, false, CType::ULONG),
            (1 << 63, false, false, true, CType::ULONG),
        ] {
            assert_eq!(CType::of_literal(value, unsigned, long, decimal), ty, "{value} {unsigned} {long} {decimal}");
        }
    }

    #[test]
    fn arithmetic_is_that_of_c() {
        let (one, two) = (literal(1, true, false, true), literal(2, true, false, true));
        assert_eq!(one.binary(BinaryOp::Sub, two).map(CInt::value), Ok(4_294_967_295));
        assert_eq!(literal(0, true, false, true).unary(UnaryOp::BitNot).map(CInt::value), Ok(4_294_967_295));
        assert_eq!(literal(0, false, false, true).unary(UnaryOp::BitNot).map(CInt::value), Ok(-1));
        let minus = CInt::new(-1, CType::INT);
        assert_eq!(minus.binary(BinaryOp::Lt, one), Ok(CInt::truth(false)));
        assert_eq!(minus.binary(BinaryOp::Lt, literal(1, false, true, true)), Ok(CInt::truth(true)));
        assert_eq!(minus.cast(CType { size: 1, signed: false }).value(), 255);
        let most = literal(i32::MAX as u64, false, false, true);
        assert_eq!(most.binary(BinaryOp::Add, most), Err(OVERFLOW));
        assert_eq!(one.binary(BinaryOp::Div, literal(0, false, false, true)), Err(BY_ZERO));
        assert_eq!(one.binary(BinaryOp::Shl, literal(32, false, false, true)), Err(BAD_SHIFT));
        let all = literal(u64::MAX, false, false, true);
        assert_eq!(all.binary(BinaryOp::Mul, all).map(CInt::value), Ok(1));
    }
}
