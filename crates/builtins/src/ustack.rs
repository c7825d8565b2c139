//! `ustack`, `ustack(mode, limit)`: the user stack.

use btc_ir::{BinOp, Width};
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns, ids, kstack};

/// The definition.
pub static USTACK: Function = Function {
    name: "ustack",
    aliases: &[],
    kind: Kind::Variable,
    params: &[
        Param::optional("mode", ParamKind::Any),
        Param::optional("limit", ParamKind::LiteralInt),
    ],
    returns: Returns::Infer(|c| Type::UserStack(kstack::shape(c))),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The user stack, at most `limit` frames, shown in a form: bpftrace, perf, raw or build_id.",
    lower: |l, call| {
        let Type::UserStack(shape) = call.ty else { return Lowered::None };
        let id = l.stack(true, shape);
        let dest = l.dest();
        let both = ids::own(l);
        let b = l.b();
        let pid = b.bin_imm(BinOp::LShr, both, 32);
        b.store(Width::B8, dest.base, dest.offset, id);
        b.store(Width::B8, dest.base, dest.offset + 8, pid);
        Lowered::InDest
    },
};
