//! `str_concat(left, right)`: two texts as one.

use btc_diagnostics::Code;
use btc_ir::{BinOp, Memory, Op};
use btc_types::{PADDED_TEXT, Type};

use crate::strlen::without_nul;
use crate::{Bytes, Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, helpers, texts};

/// The definition.
pub static STR_CONCAT: Function = Function {
    name: "str_concat",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("left", ParamKind::Any), Param::new("right", ParamKind::Any)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Two texts as one.",
    lower,
};

fn check(c: &mut Check) -> Type {
    let mut capacity = 1;
    let mut cut = false;
    for n in 0..2 {
        let arg = &c.args[n];
        capacity = u32::saturating_add(capacity, match &arg.ty {
            Type::Pointer { .. } => texts::UNBOUNDED,
            Type::Str { capacity, cut: was } => {
                cut |= was;
                capacity.saturating_sub(1)
            }
            other => other.size(),
        });
        if !texts::is_text(&arg.ty) {
            let message = format!("str_concat() takes texts, not `{}`", arg.ty);
            c.wrong_argument(Code::WrongType, n, message);
        }
    }
    Type::Str { capacity, cut }
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let (left, right) = (texts::text(l, call, 0), texts::text(l, call, 1));
    let dest = l.dest();
    let size = call.ty.size();
    // Short texts are padded with zeros; and before Linux 5.12 a helper writes to a variable
    // place on the stack only when all of it holds something.
    if size <= PADDED_TEXT {
        l.b().clear(dest.base, dest.offset, size);
    }
    let room = Bytes::room;
    let end = append(l, dest, left.at, room(&left));
    let end = l.b().push(Op::UMin(end, u64::from(room(&left)) - 1));
    let to = texts::pointer(l, dest);
    let to = l.b().bin(BinOp::Add, to, end);
    append(l, Memory { base: to, offset: 0 }, right.at, room(&right));
    Lowered::InDest
}

/// Copies a text of at most `size` bytes with its NUL; its length without.
fn append(l: &mut (dyn Lowering<'_> + '_), to: Memory, from: Memory, size: u32) -> btc_ir::Value {
    let (to, from) = (texts::pointer(l, to), texts::pointer(l, from));
    let b = l.b();
    let size = b.iconst(i64::from(size));
    let copied = b.helper(helpers::PROBE_READ_KERNEL_STR, &[to, size, from]);
    without_nul(l, copied)
}
