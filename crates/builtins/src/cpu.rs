//! `cpu`: number of the CPU that the probe fired on.

use btc_ir::Op;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns, helpers};

/// The definition.
pub static CPU: Function = Function {
    name: "cpu",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::UINT32),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Number of the CPU that the probe fired on.",
    lower: |l, _| {
        let cpu = l.b().helper(helpers::GET_SMP_PROCESSOR_ID, &[]);
        Lowered::Value(l.b().push(Op::ZeroExtend(32, cpu)))
    },
};
