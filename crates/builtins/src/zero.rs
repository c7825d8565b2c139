//! `zero(@map)`: sets all values of a map to 0.

use btc_abi::Action;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static ZERO: Function = Function {
    name: "zero",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("map", ParamKind::Map)],
    returns: Returns::Fixed(Type::None),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Sets all values of a map to 0, when the record arrives: what the program adds until then is lost with them.",
    lower: |l, _| {
        let map = l.map(0);
        l.send(Action::Zero { map }, &[]);
        Lowered::None
    },
};
