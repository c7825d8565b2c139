//! `ppid`: process id of the parent.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns, task};

/// The definition.
pub static PPID: Function = Function {
    name: "ppid",
    aliases: &[],
    kind: Kind::Variable,
    params: &[Param::optional("task", ParamKind::Address)],
    returns: Returns::Infer(|c| {
        task::check(c);
        Type::UINT32
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Process id of the parent of a task, or of the current one: as the initial pid namespace has it, also where the tracer is in another.",
    lower: |l, call| Lowered::Value(task::id(l, call, "real_parent")),
};
