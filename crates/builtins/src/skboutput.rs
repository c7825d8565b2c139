//! `skboutput(file, skb, length, offset)`: a packet into a file.

use btc_abi::Action;
use btc_ir::{BinOp, Cond};
use btc_types::{Space, Type};

use crate::{Call, Extra, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, helpers};

/// The definition.
pub static SKBOUTPUT: Function = Function {
    name: "skboutput",
    aliases: &[],
    kind: Kind::Call,
    params: &[
        Param::new("file", ParamKind::LiteralStr),
        Param::new("skb", ParamKind::Address),
        Param::new("length", ParamKind::Int),
        Param::new("offset", ParamKind::Int),
    ],
    returns: Returns::Fixed(Type::INT64),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Appends the data of a `struct sk_buff *` from an offset on to a pcap file: at most 2048 \
          bytes, and only what lies in the buffer itself, not in fragments. Works in every probe \
          that has a buffer; the result is 0. No file is overwritten but an empty one or a capture of the \
          user's own. An object writes below the current folder, or that of `--output-dir`.",
    lower,
};

/// Room for a packet in a record.
const CAPACITY: u32 = 2048;

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let (skb, length, offset) = (l.value(1), l.value(2), l.value(3));
    let field = |l: &mut (dyn Lowering<'_> + '_), name: &str, ty: Type| {
        l.kernel_field(skb, "sk_buff", &[name], &ty)
    };
    let data = field(l, "data", Type::pointer(Type::int(1, false), Space::Kernel));
    let all = field(l, "len", Type::UINT32);
    let elsewhere = field(l, "data_len", Type::UINT32);
    let time = l.b().helper(helpers::KTIME_GET_BOOT_NS, &[]);
    let b = l.b();
    let here = b.bin(BinOp::Sub, all, elsewhere);
    let (some, done) = (b.block(0), b.block(0));
    b.branch(Cond::ULt, offset, here, some, done);
    b.switch_to(some);
    let rest = b.bin(BinOp::Sub, here, offset);
    let (shorter, send) = (b.block(0), b.block(1));
    let whole = b.block(0);
    b.branch(Cond::ULt, length, rest, shorter, whole);
    b.switch_to(shorter);
    b.jump(send, &[length]);
    b.switch_to(whole);
    b.jump(send, &[rest]);
    b.switch_to(send);
    let length = b.block_param(send, 0);
    let address = b.bin(BinOp::Add, data, offset);
    let bytes = Extra::Bytes { address, space: Space::Kernel, length, capacity: CAPACITY };
    let file = call.text(0).unwrap_or_default();
    l.send(Action::Packet { path: file }, &[Extra::Value(time), Extra::Value(length), bytes]);
    let b = l.b();
    b.jump(done, &[]);
    b.switch_to(done);
    Lowered::Value(b.iconst(0))
}
