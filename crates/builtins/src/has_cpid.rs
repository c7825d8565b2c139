//! `has_cpid`: whether there is a child of `-c`.

use btc_abi::GlobalValue;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns};

/// The definition.
pub static HAS_CPID: Function = Function {
    name: "has_cpid",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::Bool),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Whether there is a child of `-c`.",
    lower: |l, _| Lowered::Value(l.global(GlobalValue::HasChild)),
};
