//! `len(stack)`: number of frames; `len(@map)`: number of entries.

use btc_diagnostics::Code;
use btc_types::Type;

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static LEN: Function = Function {
    name: "len",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("what", ParamKind::Any)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Number of entries of a map, or of frames of a stack.",
    lower: |l, _| Lowered::Value(l.count_entries(0)),
};

fn check(c: &mut Check) -> Type {
    let span = c.span;
    match (&c.args[0].ty, c.args[0].map, c.args[0].keyed) {
        (_, Some(_), false) => c.error(Code::WrongType, span, "len() needs a map with keys"),
        (_, Some(_), true) => {}
        _ => c.error(Code::Unsupported, span, "len() is not supported yet"),
    }
    Type::UINT64
}
