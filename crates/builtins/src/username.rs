//! `username`: the current user, by name.

use btc_ir::Op;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns, helpers};

/// The definition.
pub static USERNAME: Function = Function {
    name: "username",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::Username),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The user of the current task, printed by name.",
    lower: |l, _| {
        let both = l.b().helper(helpers::GET_CURRENT_UID_GID, &[]);
        Lowered::Value(l.b().push(Op::ZeroExtend(32, both)))
    },
};
