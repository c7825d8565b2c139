//! `cgroupid(path)`: id of a cgroup.

use btc_abi::GlobalValue;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static CGROUPID: Function = Function {
    name: "cgroupid",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("path", ParamKind::LiteralStr)],
    returns: Returns::Fixed(Type::UINT64),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Id of the cgroup (version 2) at a path, on the machine that runs the script.",
    lower: |l, call| {
        let path = call.text(0).unwrap_or_default();
        Lowered::Value(l.global(GlobalValue::CgroupId(path)))
    },
};
