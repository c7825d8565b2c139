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
          function (uretprobes: Linux 6.6). A pointer to an integer of the symbol's size where the binary is at hand \
          to tell, else to a `uint64`. It has no sign, whatever the variable has in C: `*(int32*)uaddr(\"x\")`.",
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
    let size = c.text(0).and_then(|name| (c.symbol_size)(&name));
    let size = size.and_then(|n| u8::try_from(n).ok()).filter(|n| matches!(n, 1 | 2 | 4 | 8)).unwrap_or(8);
    Type::pointer(Type::int(size, false), Space::User)
}
