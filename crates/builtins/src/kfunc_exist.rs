//! `kfunc_exist(name)`: whether the kernel has a function that BPF programs may call.

use btc_abi::GlobalValue;
use btc_ir::Cond;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static KFUNC_EXIST: Function = Function {
    name: "kfunc_exist",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("name", ParamKind::LiteralStr)],
    returns: Returns::Fixed(Type::Bool),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Whether the kernel that runs the script has a function of that name.",
    lower: |l, call| {
        let address = l.global(GlobalValue::KernelAddress(call.text(0).unwrap_or_default()));
        let b = l.b();
        let zero = b.iconst(0);
        Lowered::Value(b.cmp(Cond::Ne, address, zero))
    },
};
