//! `write_user(to, from, length)`: writes to the process's memory.

use btc_diagnostics::Code;
use btc_ir::{Cond, Op};
use btc_types::Type;

use crate::{Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, helpers, texts};

/// The definition.
pub static WRITE_USER: Function = Function {
    name: "write_user",
    aliases: &[],
    kind: Kind::Call,
    params: &[
        Param::new("to", ParamKind::Address),
        Param::new("from", ParamKind::Bytes),
        Param::new("length", ParamKind::Int),
    ],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: true,
    doc: "Writes the first bytes of a value, or of what a pointer points at, to an address of the \
          current process; whether that worked. At most 1024 bytes.",
    lower,
};

fn check(c: &mut Check) -> Type {
    if c.int(2).is_some_and(|n| n < 0) {
        c.wrong_argument(Code::OutOfRange, 2, "a length is 0 or more");
    }
    Type::Bool
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let to = l.value(0);
    let known = call.int(2).map(|n| u32::try_from(n).unwrap_or(u32::MAX).min(texts::UNBOUNDED));
    let from = texts::bytes(l, call, 1, known.unwrap_or(texts::UNBOUNDED));
    let start = texts::pointer(l, from.at);
    let length = l.value(2);
    let b = l.b();
    let (some, none, done) = (b.block(0), b.block(0), b.block(1));
    // The helper takes no length of 0.
    b.branch_imm(Cond::Ne, length, 0, some, none);
    b.switch_to(none);
    let one = b.iconst(1);
    b.jump(done, &[one]);
    b.switch_to(some);
    let length = b.push(Op::UMin(length, u64::from(from.capacity)));
    let result = b.helper(helpers::PROBE_WRITE_USER, &[to, start, length]);
    let zero = b.iconst(0);
    let fine = b.cmp(Cond::Eq, result, zero);
    b.jump(done, &[fine]);
    b.switch_to(done);
    Lowered::Value(b.block_param(done, 0))
}
