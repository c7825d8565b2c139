//! `assert_str(value)`: refuses the script unless a value can be read as text.

use btc_diagnostics::Code;
use btc_types::Type;

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static ASSERT_STR: Function = Function {
    name: "assert_str",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("value", ParamKind::Any)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Refuses the script unless a value can be read as text: a text, an array or a pointer.",
    lower: |_, _| Lowered::None,
};

fn check(c: &mut Check) -> Type {
    let ty = &c.args[0].ty;
    if !matches!(ty, Type::Str { .. } | Type::Array { .. } | Type::Pointer { .. }) {
        let message = format!("a text, an array or a pointer is wanted, not `{ty}`");
        c.error(Code::WrongType, c.span, message);
    }
    Type::None
}
