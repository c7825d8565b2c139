//! `delete(@map, key)`: deletes an entry.

use btc_diagnostics::Code;
use btc_ir::Cond;
use btc_types::Type;

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static DELETE: Function = Function {
    name: "delete",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("map", ParamKind::Map), Param::optional("key", ParamKind::Key)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Deletes the entry with a key, or the value of a map without keys; true when there was one.",
    lower: |l, call| {
        let result = l.delete(0, (call.args.len() > 1).then_some(1));
        let b = l.b();
        let zero = b.iconst(0);
        Lowered::Value(b.cmp(Cond::Eq, result, zero))
    },
};

fn check(c: &mut Check) -> Type {
    if c.args.len() == 1 && c.args[0].keyed {
        c.error(Code::WrongCount, c.span, "delete() of a map with keys takes a key, too; clear() deletes all entries");
    }
    Type::Bool
}
