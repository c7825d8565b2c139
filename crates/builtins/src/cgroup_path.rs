//! `cgroup_path(id, filter)`: a cgroup that prints as its path.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static CGROUP_PATH: Function = Function {
    name: "cgroup_path",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("id", ParamKind::Int), Param::optional("filter", ParamKind::LiteralStr)],
    returns: Returns::Infer(|c| Type::CgroupPath { pattern: c.text(1).unwrap_or_default() }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "A cgroup id that prints as the path of the cgroup in the hierarchies whose names match \
          the filter, a glob; version 2 is `unified`.",
    lower: |l, _| Lowered::Value(l.value(0)),
};
