//! `func`: the function of the attach point that fired.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns};

/// The definition.
pub static FUNC: Function = Function {
    name: "func",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::ProbeFunction),
    probes: Probes::Functions,
    is_unsafe: false,
    doc: "The function of the attach point that fired.",
    lower: |l, _| Lowered::Value(l.probe_number()),
};
