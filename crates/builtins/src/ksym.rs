//! `ksym(address)`: a kernel address that prints as a symbol.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static KSYM: Function = Function {
    name: "ksym",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("address", ParamKind::Address)],
    returns: Returns::Fixed(Type::KernelSymbol),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The name of the kernel symbol at an address, looked up when it is printed.",
    lower: |l, _| Lowered::Value(l.value(0)),
};
