//! `lhist(n, min, max, step)`: an aggregation. A histogram with buckets of equal width.

use btc_diagnostics::Code;
use btc_ir::{BinOp, Cond, Op};
use btc_types::{Aggregation, Type};

use crate::{Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, hist};

/// The definition.
pub static LHIST: Function = Function {
    name: "lhist",
    aliases: &[],
    kind: Kind::Aggregation,
    params: &[
        Param::new("n", ParamKind::Number),
        Param::new("min", ParamKind::LiteralInt),
        Param::new("max", ParamKind::LiteralInt),
        Param::new("step", ParamKind::LiteralInt),
    ],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "A histogram of `n`, an `int64`, from `min` to `max` with buckets of width `step`. A `uint64` from 2^63 on, such as `retval` of an error, \
          counts as below `min`. Where `step` does not divide the range, the last bucket has the rest of it and all that is above, as in bpftrace.",
    lower,
};

/// Buckets that a map value can reasonably hold.
const MAX_BUCKETS: i64 = 1000;

fn check(c: &mut Check) -> Type {
    let (min, max, step) =
        (c.int(1).unwrap_or(0), c.int(2).unwrap_or(1), c.int(3).unwrap_or(1));
    let span = c.span;
    if step < 1 {
        c.error(Code::OutOfRange, span, format!("lhist() needs a step of 1 or more, not {step}"));
    } else if min < 0 {
        c.error(Code::OutOfRange, span, "lhist() needs a minimum of 0 or more");
    } else if min >= max {
        c.error(Code::OutOfRange, span, format!("lhist() needs min < max, not {min} and {max}"));
    } else if step > max.saturating_sub(min) {
        c.error(Code::OutOfRange, span, format!("a step of {step} is more than all from {min} to {max}"));
    } else if (max - min) / step > MAX_BUCKETS {
        let message = format!("lhist() can have {MAX_BUCKETS} buckets at most; use a larger step");
        c.error(Code::OutOfRange, span, message);
    }
    let max = max.max(min.saturating_add(1));
    Type::Aggregation(Aggregation::LHist { min, max, step: step.max(1) as u64 })
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let Type::Aggregation(Aggregation::LHist { min, max, step }) = call.ty else {
        return Lowered::None;
    };
    let last = i64::from(btc_abi::Reduce::LHist { min, max, step }.buckets()) - 1;
    let n = l.value(0);
    let signed = hist::has_sign(&call.args[0].ty);
    let b = l.b();
    let done = b.block(1);
    let (below, not_below, above, within) = (b.block(0), b.block(0), b.block(0), b.block(0));
    let (less, not_less) = if signed { (Cond::SLt, Cond::SGe) } else { (Cond::ULt, Cond::UGe) };
    b.branch_imm(less, n, min, below, not_below);
    b.switch_to(below);
    let first = b.iconst(0);
    b.jump(done, &[first]);
    b.switch_to(not_below);
    b.branch_imm(not_less, n, max, above, within);
    b.switch_to(above);
    let end = b.iconst(last);
    b.jump(done, &[end]);
    b.switch_to(within);
    let distance = b.bin_imm(BinOp::Sub, n, min);
    let index = b.bin_imm(BinOp::UDiv, distance, step as i64);
    let bucket = b.bin_imm(BinOp::Add, index, 1);
    b.jump(done, &[bucket]);
    b.switch_to(done);
    let bucket = b.block_param(done, 0);
    let bucket = b.push(Op::UMin(bucket, last as u64));
    hist::add_to_bucket(l, bucket);
    Lowered::InDest
}
