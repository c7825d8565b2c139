//! `pid`: process id of the current task (the kernel calls it tgid), in the tracer's pid namespace.

use btc_ir::BinOp;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns, helpers};

/// The definition.
pub static PID: Function = Function {
    name: "pid",
    aliases: &[],
    kind: Kind::Variable,
    params: &[Param::optional("namespace", ParamKind::Word(&["curr_ns", "init"]))],
    returns: Returns::Fixed(Type::UINT32),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Process id of the current task (the kernel calls it tgid), in the tracer's pid namespace.",
    lower: |l, _| {
        let both = l.b().helper(helpers::GET_CURRENT_PID_TGID, &[]);
        Lowered::Value(l.b().bin_imm(BinOp::LShr, both, 32))
    },
};
