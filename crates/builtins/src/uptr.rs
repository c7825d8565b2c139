//! `uptr(pointer)`: the same as a pointer to the process's memory.

use btc_types::Space;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns, kptr};

/// The definition.
pub static UPTR: Function = Function {
    name: "uptr",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("pointer", ParamKind::Address)],
    returns: Returns::Infer(|c| kptr::with_space(c, Space::User)),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The same address as a pointer to the process's memory.",
    lower: |l, _| Lowered::Value(l.value(0)),
};
