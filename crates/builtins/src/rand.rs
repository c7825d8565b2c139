//! `rand`: a random number.

use btc_ir::Op;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns, helpers};

/// The definition.
pub static RAND: Function = Function {
    name: "rand",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::UINT32),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "A random number.",
    lower: |l, _| {
        let n = l.b().helper(helpers::GET_PRANDOM_U32, &[]);
        Lowered::Value(l.b().push(Op::ZeroExtend(32, n)))
    },
};
