//! `gid`: group id of the current task.

use btc_ir::BinOp;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns, helpers};

/// The definition.
pub static GID: Function = Function {
    name: "gid",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::UINT32),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Group id of the current task.",
    lower: |l, _| Lowered::Value({
        let both = l.b().helper(helpers::GET_CURRENT_UID_GID, &[]);
        l.b().bin_imm(BinOp::LShr, both, 32)
    }),
};
