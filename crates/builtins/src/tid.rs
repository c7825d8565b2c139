//! `tid`: thread id of the current task (the kernel calls it pid), in the tracer's pid namespace.

use btc_ir::Op;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns, ids};

/// The definition.
pub static TID: Function = Function {
    name: "tid",
    aliases: &[],
    kind: Kind::Variable,
    params: &[Param::optional("namespace", ParamKind::Word(ids::NAMESPACES))],
    returns: Returns::Fixed(Type::UINT32),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Thread id of the current task (the kernel calls it pid), in the tracer's pid namespace.",
    lower: |l, call| {
        let both = ids::named(l, call);
        Lowered::Value(l.b().push(Op::ZeroExtend(32, both)))
    },
};
