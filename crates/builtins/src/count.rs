//! `count()`: an aggregation. How often it was called.

use btc_types::{Aggregation, Type};

use crate::{Function, Kind, Lowered, Probes, Returns};

/// The definition.
pub static COUNT: Function = Function {
    name: "count",
    aliases: &[],
    kind: Kind::Aggregation,
    params: &[],
    returns: Returns::Fixed(Type::Aggregation(Aggregation::Count)),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "How often it was called.",
    lower: |l, _| {
        let one = l.b().iconst(1);
        l.add_to_part(0, one);
        Lowered::InDest
    },
};
