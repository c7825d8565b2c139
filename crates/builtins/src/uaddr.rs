//! `uaddr(name)`: address of a symbol in the probed process.

use btc_diagnostics::Code;
use btc_types::{Space, Type};

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static UADDR: Function = Function {
    name: "uaddr",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("name", ParamKind::LiteralStr)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Address of a symbol of the probed binary, as it lies in the process, in uprobes and uretprobes of one \
          function (uretprobes: Linux 6.6). Where the binary is at hand, a pointer to the integer that its debug information \
          tells, or without that to one with a sign of the symbol's size; else to a `uint64`.",
    lower: |l, call| {
        let name = call.text(0).unwrap_or_default();
        Lowered::Value(l.user_symbol(&name))
    },
};

fn check(c: &mut Check) -> Type {
    if !matches!(c.probe.provider, "uprobe" | "uretprobe") {
        let message = format!("`uaddr` does not exist in `{}` probes", c.probe.provider);
        c.error(Code::NotInProbe, c.span, message);
    } else if c.probe.is_line {
        c.error(Code::NotInProbe, c.span, "uaddr() needs a probe of a function or an address, not of a line");
    } else if c.probe.is_pattern {
        c.error(Code::NotInProbe, c.span, "uaddr() needs a probe of one function, not a pattern");
    }
    let ty = c.text(0).and_then(|name| (c.symbol_type)(&name));
    Type::pointer(ty.unwrap_or(Type::UINT64), Space::User)
}
