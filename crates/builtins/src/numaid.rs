//! `numaid`: the NUMA node.

use btc_ir::Op;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns, helpers};

/// The definition.
pub static NUMAID: Function = Function {
    name: "numaid",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::UINT32),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The NUMA node of the CPU that runs the probe.",
    lower: |l, _| {
        let node = l.b().helper(helpers::GET_NUMA_NODE_ID, &[]);
        Lowered::Value(l.b().push(Op::ZeroExtend(32, node)))
    },
};
