//! `kfunc_allowed(name)`: whether programs of the probe's type may call a kernel function.

use btc_abi::GlobalValue;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static KFUNC_ALLOWED: Function = Function {
    name: "kfunc_allowed",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("name", ParamKind::LiteralStr)],
    returns: Returns::Fixed(Type::Bool),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Whether the kernel that runs the script has a BPF kernel function (kfunc) of that name and lets \
          probes of this type call it.",
    lower: |l, call| {
        let name = call.text(0).unwrap_or_default();
        let provider = l.provider().to_string();
        Lowered::Value(l.global(GlobalValue::KfuncAllowed { name, provider }))
    },
};
