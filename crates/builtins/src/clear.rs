//! `clear(@map)`: deletes all entries of a map.

use btc_abi::Action;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static CLEAR: Function = Function {
    name: "clear",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("map", ParamKind::Map)],
    returns: Returns::Fixed(Type::None),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Deletes all entries of a map, when the record arrives: what the program adds until then goes, too, and `len()` counts it.",
    lower: |l, _| {
        let map = l.map(0);
        l.send(Action::Clear { map, printed: None }, &[]);
        Lowered::None
    },
};
