//! `kaddr(name)`: address of a kernel symbol.

use btc_abi::{GlobalValue, Refused};
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
    doc: "Address of a kernel symbol. Where the kernel has none of that name, or hides its address, a script that \
          asks for it is not loaded; ask `kfunc_exist()` before.",
    lower: |l, call| {
        let name = call.text(0).unwrap_or_default();
        let address = l.global(GlobalValue::KernelAddress(name.clone()));
        l.require(address, Refused::KernelSymbol(name));
        Lowered::Value(address)
    },
};
