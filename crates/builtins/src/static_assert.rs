//! `static_assert(condition, message)`: refuses the script unless a condition holds.

use btc_diagnostics::Code;
use btc_types::Type;

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static STATIC_ASSERT: Function = Function {
    name: "static_assert",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("condition", ParamKind::Constant), Param::new("message", ParamKind::LiteralStr)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Refuses the script with a message unless a condition, known at compile time, holds.",
    lower: |_, _| Lowered::None,
};

fn check(c: &mut Check) -> Type {
    if c.int(0) == Some(0) {
        let message = c.text(1).unwrap_or_default();
        c.error(Code::UserError, c.span, message);
    }
    Type::None
}
