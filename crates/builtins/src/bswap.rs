//! `bswap(n)`: the bytes of a number in reverse order.

use btc_ir::Op;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static BSWAP: Function = Function {
    name: "bswap",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("n", ParamKind::Int)],
    returns: Returns::Infer(|c| Type::int(c.args[0].ty.size().clamp(1, 8) as u8, false)),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The bytes of a number in reverse order; its size stays.",
    lower: |l, call| {
        let n = l.value(0);
        let bits = call.ty.size() as u8 * 8;
        let op = if bits == 8 { Op::ZeroExtend(8, n) } else { Op::ByteSwap(bits, n) };
        Lowered::Value(l.b().push(op))
    },
};

/// Whether what a function yields depends on how wide its argument is, beside its value.
pub fn is_by_width(function: &Function) -> bool {
    std::ptr::eq(function, &BSWAP)
}
