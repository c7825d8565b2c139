//! `pid`: process id of the current task (the kernel calls it tgid), in the tracer's pid namespace.

use btc_ir::BinOp;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns, ids};

/// The definition.
pub static PID: Function = Function {
    name: "pid",
    aliases: &[],
    kind: Kind::Variable,
    params: &[Param::optional("namespace", ParamKind::Word(ids::NAMESPACES))],
    returns: Returns::Fixed(Type::UINT32),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Process id of the current task (the kernel calls it tgid), in the tracer's pid namespace.",
    lower: |l, call| {
        let both = ids::named(l, call);
        Lowered::Value(l.b().bin_imm(BinOp::LShr, both, 32))
    },
};
