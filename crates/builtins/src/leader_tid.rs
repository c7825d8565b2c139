//! `leader_tid`: thread id of the thread group's leader.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns, task};

/// The definition.
pub static LEADER_TID: Function = Function {
    name: "leader_tid",
    aliases: &[],
    kind: Kind::Variable,
    params: &[Param::optional("task", ParamKind::Address)],
    returns: Returns::Infer(|c| {
        task::check(c);
        Type::UINT32
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Thread id of the leader of the thread group of a task, or of the current one: as the initial pid namespace has it.",
    lower: |l, call| Lowered::Value(task::id(l, call, "group_leader")),
};
