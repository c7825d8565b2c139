//! `uid`: user id of the current task.

use btc_ir::Op;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns, helpers};

/// The definition.
pub static UID: Function = Function {
    name: "uid",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::UINT32),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "User id of the current task.",
    lower: |l, _| {
        let both = l.b().helper(helpers::GET_CURRENT_UID_GID, &[]);
        Lowered::Value(l.b().push(Op::ZeroExtend(32, both)))
    },
};
