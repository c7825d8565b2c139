//! `strncmp(left, right, n)`: compares the first bytes of two texts.

use btc_diagnostics::Code;
use btc_ir::Value;
use btc_types::Type;

use crate::{Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, texts};

/// The definition.
pub static STRNCMP: Function = Function {
    name: "strncmp",
    aliases: &[],
    kind: Kind::Call,
    params: &[
        Param::new("left", ParamKind::Any),
        Param::new("right", ParamKind::Any),
        Param::new("n", ParamKind::Int),
    ],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Compares at most `n` bytes of two texts, none behind a NUL: 0 when they are equal, else 1.",
    lower,
};

fn check(c: &mut Check) -> Type {
    for n in 0..2 {
        if !texts::is_text(&c.args[n].ty) {
            let message = format!("strncmp() takes texts, not `{}`", c.args[n].ty);
            c.wrong_argument(Code::WrongType, n, message);
        }
    }
    if c.int(2).is_some_and(|n| n < 0) {
        c.wrong_argument(Code::OutOfRange, 2, "the number of bytes is 0 or more");
    }
    Type::INT64
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    if let Some(n) = call.int(2) {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        for (text, other) in [(1, 0), (0, 1)] {
            if let Some(text) = texts::literal(call, text) {
                let text = text.to_vec();
                return Lowered::Value(with_constant(l, call, other, &text, n));
            }
        }
    }
    let limit = match call.int(2) {
        Some(_) => None,
        None => Some(l.value(2)),
    };
    let (a, b) = (texts::text(l, call, 0), texts::text(l, call, 1));
    let most = a.capacity.min(b.capacity);
    let most = call.int(2).map_or(most, |n| most.min(u32::try_from(n).unwrap_or(u32::MAX)));
    Lowered::Value(texts::compare(l, a.at, b.at, most, limit, true))
}

/// The first bytes of an argument against a constant, by words: 0 or 1.
fn with_constant(
    l: &mut (dyn Lowering<'_> + '_),
    call: &Call,
    other: usize,
    text: &[u8],
    n: u32,
) -> Value {
    let mut bytes = text.to_vec();
    bytes.push(0);
    bytes.truncate(n as usize);
    let have = texts::text(l, call, other);
    if bytes.len() > have.capacity as usize {
        // The other text ends before the constant does.
        return l.b().iconst(1);
    }
    let (differ, done) = (l.b().block(0), l.b().block(1));
    l.equal_constant(have.at, &bytes, differ);
    let b = l.b();
    let zero = b.iconst(0);
    b.jump(done, &[zero]);
    b.switch_to(differ);
    let one = b.iconst(1);
    b.jump(done, &[one]);
    b.switch_to(done);
    b.block_param(done, 0)
}
