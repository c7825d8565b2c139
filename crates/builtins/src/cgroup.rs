//! `cgroup`: id of the current task's cgroup (version 2).

use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns, helpers};

/// The definition.
pub static CGROUP: Function = Function {
    name: "cgroup",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::UINT64),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Id of the current task's cgroup (version 2).",
    lower: |l, _| Lowered::Value(l.b().helper(helpers::GET_CURRENT_CGROUP_ID, &[])),
};
