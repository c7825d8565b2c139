//! `leader_comm`: name of the thread group's leader.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns, task};

/// The definition.
pub static LEADER_COMM: Function = Function {
    name: "leader_comm",
    aliases: &[],
    kind: Kind::Variable,
    params: &[Param::optional("task", ParamKind::Address)],
    returns: Returns::Infer(|c| {
        task::check(c);
        Type::str(task::TASK_COMM_LEN)
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Name of the leader of the thread group of a task, or of the current one.",
    lower: |l, call| {
        task::comm(l, call, "group_leader");
        Lowered::InDest
    },
};
