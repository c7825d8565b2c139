//! `has_key(@map, key)`: whether a map has an entry.

use btc_diagnostics::Code;
use btc_ir::Cond;
use btc_types::Type;

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static HAS_KEY: Function = Function {
    name: "has_key",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("map", ParamKind::Map), Param::new("key", ParamKind::Key)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Whether a map has an entry with a key.",
    lower: |l, _| {
        let found = l.lookup(0, 1);
        let b = l.b();
        let zero = b.iconst(0);
        Lowered::Value(b.cmp(Cond::Ne, found, zero))
    },
};

fn check(c: &mut Check) -> Type {
    if !c.args[0].keyed {
        c.error(Code::WrongType, c.span, "has_key() needs a map with keys");
    }
    Type::Bool
}
