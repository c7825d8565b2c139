//! `kaddr(name)`: address of a kernel symbol.

use btc_abi::GlobalValue;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static KADDR: Function = Function {
    name: "kaddr",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("name", ParamKind::LiteralStr)],
    returns: Returns::Fixed(Type::UINT64),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Address of a kernel symbol; 0 where there is none.",
    lower: |l, call| {
        let name = call.text(0).unwrap_or_default();
        Lowered::Value(l.global(GlobalValue::KernelAddress(name)))
    },
};
