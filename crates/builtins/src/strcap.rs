//! `strcap(text)`: the room that a text has.

use btc_types::Type;

use crate::{Call, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, strlen};

/// The definition.
pub static STRCAP: Function = Function {
    name: "strcap",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("text", ParamKind::Bytes)],
    returns: Returns::Infer(strlen::check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The room in bytes that a text has, its NUL included, or an array of characters. Of a text at an \
          address, its length.",
    lower,
};

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    match &call.args[0].ty {
        Type::Pointer { .. } => strlen::lower(l, call),
        ty => {
            l.require_bytes(0);
            Lowered::Value(l.b().iconst(i64::from(ty.size())))
        }
    }
}
