//! `ncpus`: number of possible CPUs.

use btc_abi::GlobalValue;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns};

/// The definition.
pub static NCPUS: Function = Function {
    name: "ncpus",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::UINT64),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Number of possible CPUs.",
    lower: |l, _| Lowered::Value(l.global(GlobalValue::Cpus)),
};
