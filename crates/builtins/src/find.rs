//! `find(@map, key, $value)`: an entry, if there is one.

use btc_diagnostics::Code;
use btc_types::Type;

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static FIND: Function = Function {
    name: "find",
    aliases: &[],
    kind: Kind::Call,
    params: &[
        Param::new("map", ParamKind::Map),
        Param::new("key", ParamKind::Key),
        Param::new("value", ParamKind::Out),
    ],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Whether a map has an entry with a key; its value then goes to a variable.",
    lower: |l, _| Lowered::Value(l.find(0, 1, 2)),
};

fn check(c: &mut Check) -> Type {
    if !c.args[0].keyed {
        c.error(Code::WrongType, c.span, "find() needs a map with keys");
    }
    Type::Bool
}
