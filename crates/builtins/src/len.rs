//! `len(stack)`: number of frames; `len(@map)`: number of entries.

use btc_diagnostics::Code;
use btc_ir::{BinOp, Width};
use btc_types::Type;

use crate::{Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns};

/// The definition.
pub static LEN: Function = Function {
    name: "len",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("what", ParamKind::Bytes)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Number of entries of a map, or of frames of a stack.",
    lower,
};

fn check(c: &mut Check) -> Type {
    let span = c.span;
    match (&c.args[0].ty, c.args[0].map, c.args[0].keyed) {
        (Type::KernelStack(_) | Type::UserStack(_), None, _) => {}
        (_, Some(_), false) => c.error(Code::WrongType, span, "len() needs a map with keys"),
        (_, Some(_), true) | (Type::Unknown, ..) => {}
        (ty, ..) => {
            let message = format!("len() takes a map or a stack, not `{ty}`");
            c.error(Code::WrongType, span, message);
        }
    }
    Type::UINT64
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let arg = &call.args[0];
    let id = match &arg.ty {
        _ if arg.map.is_some() => return Lowered::Value(l.count_entries(0)),
        Type::UserStack(_) => {
            let stack = l.memory(0);
            l.b().load(Width::B8, stack.base, stack.offset)
        }
        _ => l.value(0),
    };
    // A stack's id holds the number of its frames.
    let frames = i64::from(btc_target::MAX_STACK_FRAMES);
    Lowered::Value(l.b().bin_imm(BinOp::And, id, frames))
}
