//! `macaddr(bytes)`: a hardware address that prints as text.

use btc_diagnostics::Code;
use btc_types::Type;

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns, texts};

/// The definition.
pub static MACADDR: Function = Function {
    name: "macaddr",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("bytes", ParamKind::Bytes)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "A hardware address of 6 bytes, or at an address, that prints as `0A:BB:CC:DD:EE:FF`.",
    lower: |l, call| {
        let dest = l.dest();
        l.require_bytes(0);
        texts::copy(l, call, 0, dest, 6);
        Lowered::InDest
    },
};

fn check(c: &mut Check) -> Type {
    let arg = &c.args[0];
    let fits = match &arg.ty {
        Type::Str { .. } | Type::Array { .. } | Type::Record(_) => arg.ty.size() == 6,
        Type::Pointer { .. } | Type::Unknown => true,
        other => other.is_int(),
    };
    if !fits {
        let message = format!("macaddr() takes 6 bytes or an address, not `{}`", arg.ty);
        c.wrong_argument(Code::WrongType, 0, message);
    }
    Type::Mac
}
