//! `stats(n)`: an aggregation. Count, average and sum of `n` over all calls.`

use btc_types::{Aggregation, Type};

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static STATS: Function = Function {
    name: "stats",
    aliases: &[],
    kind: Kind::Aggregation,
    params: &[Param::new("n", ParamKind::Int)],
    returns: Returns::Infer(|c| {
        let signed = c.args.first().is_some_and(|a| a.ty.is_signed());
        Type::Aggregation(Aggregation::Stats { signed })
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Count, average and sum of `n` over all calls.",
    lower: |l, _| {
        let n = l.value(0);
        // The count comes last: who sees it sees the total.
        l.add_to_part(8, n);
        let one = l.b().iconst(1);
        l.add_to_part(0, one);
        Lowered::InDest
    },
};
