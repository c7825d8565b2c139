//! `avg(n)`: an aggregation. The average of `n` over all calls.`

use btc_types::{Aggregation, Type};

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

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
    lower: |l, _| {
        let n = l.value(0);
        // The count comes last: who sees it sees the total.
        l.add_to_part(8, n);
        let one = l.b().iconst(1);
        l.add_to_part(0, one);
        Lowered::InDest
    },
};
