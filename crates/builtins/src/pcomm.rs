//! `pcomm`: name of the parent.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns, task};

/// The definition.
pub static PCOMM: Function = Function {
    name: "pcomm",
    aliases: &[],
    kind: Kind::Variable,
    params: &[Param::optional("task", ParamKind::Address)],
    returns: Returns::Infer(|c| {
        task::check(c);
        Type::str(task::TASK_COMM_LEN)
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Name of the parent of a task, or of the current one.",
    lower: |l, call| {
        task::comm(l, call, "real_parent");
        Lowered::InDest
    },
};
