//! `cpid`: process id of the child that `-c` starts, or of the process that `-p` names.

use btc_abi::GlobalValue;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns};

/// The definition.
pub static CPID: Function = Function {
    name: "cpid",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::UINT64),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Process id of the child that `-c` starts, or of the process that `-p` names.",
    lower: |l, _| Lowered::Value(l.global(GlobalValue::ChildPid)),
};
