//! The spellings of the text form, one row each; `print` and `parse` share them.

use btc_abi::MapKind;

use crate::{ArgumentPart, BinOp, Cond, Fact, TypeFact, UsdtPart, Width};

/// Arithmetic.
pub const BINS: &[(BinOp, &str)] = &[
    (BinOp::Add, "add"),
    (BinOp::Sub, "sub"),
    (BinOp::Mul, "mul"),
    (BinOp::UDiv, "udiv"),
    (BinOp::UMod, "umod"),
    (BinOp::And, "and"),
    (BinOp::Or, "or"),
    (BinOp::Xor, "xor"),
    (BinOp::Shl, "shl"),
    (BinOp::LShr, "lshr"),
    (BinOp::AShr, "ashr"),
];

/// Comparisons, behind `cmp.` and `br.`.
pub const CONDS: &[(Cond, &str)] = &[
    (Cond::Eq, "eq"),
    (Cond::Ne, "ne"),
    (Cond::ULt, "ult"),
    (Cond::ULe, "ule"),
    (Cond::UGt, "ugt"),
    (Cond::UGe, "uge"),
    (Cond::SLt, "slt"),
    (Cond::SLe, "sle"),
    (Cond::SGt, "sgt"),
    (Cond::SGe, "sge"),
];

/// Widths in bytes, behind `load.` and `store.`.
pub const WIDTHS: &[(Width, &str)] =
    &[(Width::B1, "1"), (Width::B2, "2"), (Width::B4, "4"), (Width::B8, "8")];

/// Kinds of maps; the ring buffer is `ringbuf`.
pub const MAP_KINDS: &[(Option<MapKind>, &str)] = &[
    (Some(MapKind::Array), "array"),
    (Some(MapKind::PerCpuArray), "percpu_array"),
    (Some(MapKind::Hash), "hash"),
    (Some(MapKind::PerCpuHash), "percpu_hash"),
    (Some(MapKind::LruHash), "lru_hash"),
    (Some(MapKind::LruPerCpuHash), "lru_percpu_hash"),
    (Some(MapKind::LpmTrie), "lpm_trie"),
    (Some(MapKind::SpreadHash), "spread_hash"),
    (Some(MapKind::SpreadLruHash), "spread_lru_hash"),
    (None, "ringbuf"),
];

/// Facts about fields.
pub const FACTS: &[(Fact, &str)] = &[
    (Fact::ByteOffset, "byte_offset"),
    (Fact::ByteSize, "byte_size"),
    (Fact::Exists, "exists"),
    (Fact::Signed, "signed"),
    (Fact::LeftShift, "left_shift"),
    (Fact::RightShift, "right_shift"),
];

pub const USDT_PARTS: &[(UsdtPart, &str)] = &[
    (UsdtPart::Kind, "kind"),
    (UsdtPart::Low, "low"),
    (UsdtPart::High, "high"),
    (UsdtPart::Base, "base"),
    (UsdtPart::Index, "index"),
    (UsdtPart::Scale, "scale"),
    (UsdtPart::Shift, "shift"),
    (UsdtPart::Signed, "signed"),
];

pub const ARGUMENT_PARTS: &[(ArgumentPart, &str)] =
    &[(ArgumentPart::Offset, "offset"), (ArgumentPart::Extend, "extend"), (ArgumentPart::Direct, "direct")];

/// Facts about types.
pub const TYPE_FACTS: &[(TypeFact, &str)] =
    &[(TypeFact::Exists, "exists"), (TypeFact::Size, "size"), (TypeFact::TargetId, "target_id")];

/// The spelling of `what`.
pub fn name<T: PartialEq>(table: &[(T, &'static str)], what: &T) -> &'static str {
    table.iter().find(|(t, _)| t == what).map_or("?", |(_, name)| name)
}

/// What `name` spells.
pub fn named<T: Copy>(table: &[(T, &'static str)], name: &str) -> Option<T> {
    table.iter().find(|(_, n)| *n == name).map(|(t, _)| *t)
}
