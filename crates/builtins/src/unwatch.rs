//! `unwatch(address)`: takes a watchpoint away.

use btc_abi::Action;
use btc_types::Type;

use crate::{Extra, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static UNWATCH: Function = Function {
    name: "unwatch",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("address", ParamKind::Address)],
    returns: Returns::Fixed(Type::None),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Takes the watchpoints at an address away, soon after the call.",
    lower: |l, _| {
        let address = l.value(0);
        l.send(Action::Unwatch, &[Extra::Value(address)]);
        Lowered::None
    },
};
