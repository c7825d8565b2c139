//! `max(n)`: an aggregation. The greatest `n` of all calls.

use btc_ir::{Cond, Width};
use btc_types::{Aggregation, Type};

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static MAX: Function = Function {
    name: "max",
    aliases: &[],
    kind: Kind::Aggregation,
    params: &[Param::new("n", ParamKind::Int)],
    returns: Returns::Infer(|c| {
        let signed = c.args.first().is_some_and(|a| a.ty.is_signed());
        Type::Aggregation(Aggregation::Max { signed })
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The greatest `n` of all calls.",
    lower: |l, call| {
        let n = l.value(0);
        let dest = l.dest();
        let signed = matches!(&call.ty, Type::Aggregation(a) if a.signed());
        let (compare, take, done) = (l.b().block(0), l.b().block(0), l.b().block(0));
        // The second part tells a CPU that saw nothing from one whose greatest is 0.
        let set = l.b().load(Width::B8, dest.base, dest.offset + 8);
        l.b().branch_imm(Cond::Eq, set, 0, take, compare);
        l.b().switch_to(compare);
        let old = l.b().load(Width::B8, dest.base, dest.offset);
        let cond = if signed { Cond::SGt } else { Cond::UGt };
        l.b().branch(cond, n, old, take, done);
        l.b().switch_to(take);
        l.b().store(Width::B8, dest.base, dest.offset, n);
        let one = l.b().iconst(1);
        l.b().store(Width::B8, dest.base, dest.offset + 8, one);
        l.b().jump(done, &[]);
        l.b().switch_to(done);
        Lowered::InDest
    },
};
