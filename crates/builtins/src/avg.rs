//! `avg(n)`: an aggregation. The average of `n` over all calls.`

use btc_types::{Aggregation, Type};

use crate::{Function, Kind, Param, ParamKind, Probes, Returns, mean};

/// The definition.
pub static AVG: Function = Function {
    name: "avg",
    aliases: &[],
    kind: Kind::Aggregation,
    params: &[Param::new("n", ParamKind::Int)],
    returns: Returns::Infer(|c| {
        let signed = c.args.first().is_some_and(|a| a.ty.is_signed());
        Type::Aggregation(Aggregation::Avg { signed })
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The average of `n` over all calls.",
    lower: mean::lower,
};
