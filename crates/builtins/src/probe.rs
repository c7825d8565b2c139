//! `probe`: the attach point that fired, in full.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns};

/// The definition.
pub static PROBE: Function = Function {
    name: "probe",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::ProbeName),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The attach point that fired, in full.",
    lower: |l, _| Lowered::Value(l.probe_number()),
};
