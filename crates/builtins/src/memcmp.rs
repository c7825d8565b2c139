//! `memcmp(left, right, n)`: compares bytes.

use btc_diagnostics::Code;
use btc_types::Type;

use crate::{Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, texts};

/// The definition.
pub static MEMCMP: Function = Function {
    name: "memcmp",
    aliases: &[],
    kind: Kind::Call,
    params: &[
        Param::new("left", ParamKind::Bytes),
        Param::new("right", ParamKind::Bytes),
        Param::new("n", ParamKind::Int),
    ],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Compares the first `n` bytes of two values, or of what two pointers point at: 0 when they are \
          equal, else the difference of the first two bytes that differ. A value counts with its \
          own size at most, a pointer with 1024 bytes.",
    lower,
};

fn check(c: &mut Check) -> Type {
    let Some(n) = c.int(2) else { return Type::INT64 };
    for arg in 0..2 {
        let ty = c.args[arg].ty.clone();
        let size = if ty.is_pointer() { texts::UNBOUNDED } else { ty.size() };
        if ty != Type::Unknown && !(0..=i64::from(size)).contains(&n) {
            let message = format!("memcmp() compares 0 to {size} bytes of a value of type `{ty}`, not {n}");
            c.wrong_argument(Code::OutOfRange, 2, message);
        }
    }
    Type::INT64
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let known = call.int(2).map(|n| u32::try_from(n).unwrap_or(0));
    let limit = match known {
        Some(_) => None,
        None => Some(l.value(2)),
    };
    let most = known.unwrap_or(texts::UNBOUNDED).min(texts::UNBOUNDED);
    let (a, b) = (texts::bytes(l, call, 0, most), texts::bytes(l, call, 1, most));
    let most = most.min(a.capacity).min(b.capacity);
    Lowered::Value(texts::compare(l, a.at, b.at, most, limit, false))
}
