//! `tid`: thread id of the current task (the kernel calls it pid).

use btc_ir::Op;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns, helpers};

/// The definition.
pub static TID: Function = Function {
    name: "tid",
    aliases: &[],
    kind: Kind::Variable,
    params: &[Param::optional("namespace", ParamKind::Word(&["curr_ns", "init"]))],
    returns: Returns::Fixed(Type::UINT32),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Thread id of the current task (the kernel calls it pid).",
    lower: |l, _| {
        let both = l.b().helper(helpers::GET_CURRENT_PID_TGID, &[]);
        Lowered::Value(l.b().push(Op::ZeroExtend(32, both)))
    },
};
