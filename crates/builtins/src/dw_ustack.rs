//! `dw_ustack`: the user stack, as bpftrace takes it by DWARF.

use btc_diagnostics::{Code, Diagnostic};
use btc_types::Type;

use crate::{Check, Function, Kind, Param, ParamKind, Probes, Returns, kstack, ustack};

/// The definition.
pub static DW_USTACK: Function = Function {
    name: "dw_ustack",
    aliases: &[],
    kind: Kind::Variable,
    params: &[
        Param::optional("mode", ParamKind::Any),
        Param::optional("limit", ParamKind::LiteralInt),
    ],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "As `ustack`: btc follows frame pointers, and warns that it does.",
    lower: ustack::USTACK.lower,
};

fn check(c: &mut Check) -> Type {
    let message = "dw_ustack() follows frame pointers here, as ustack() does";
    let help = "callers of code that was built without frame pointers are missing";
    c.diagnostics.push(Diagnostic::warning(Code::Unsupported, c.span, message).help(help));
    Type::UserStack(kstack::shape(c))
}
