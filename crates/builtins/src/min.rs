//! `min(n)`: an aggregation. The least `n` of all calls.

use btc_types::{Aggregation, Type};

use crate::{Function, Kind, Param, ParamKind, Probes, Returns, extreme};

/// The definition.
pub static MIN: Function = Function {
    name: "min",
    aliases: &[],
    kind: Kind::Aggregation,
    params: &[Param::new("n", ParamKind::Int)],
    returns: Returns::Infer(|c| {
        let signed = c.args.first().is_some_and(|a| a.ty.is_signed());
        Type::Aggregation(Aggregation::Min { signed })
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The least `n` of all calls.",
    lower: extreme::lower,
};
