//! `jiffies`: ticks of the kernel.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns, helpers};

/// The definition.
pub static JIFFIES: Function = Function {
    name: "jiffies",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::UINT64),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Ticks of the kernel since boot.",
    lower: |l, _| Lowered::Value(l.b().helper(helpers::JIFFIES64, &[])),
};
