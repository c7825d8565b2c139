//! `tseries(n, interval, count, aggregation)`: an aggregation. A number over time.

use btc_abi::GlobalValue;
use btc_diagnostics::Code;
use btc_ir::{BinOp, Cond, Memory, Op, Value, Width};
use btc_types::{Aggregation, Type};

use crate::{Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, helpers};

/// The definition.
pub static TSERIES: Function = Function {
    name: "tseries",
    aliases: &[],
    kind: Kind::Aggregation,
    params: &[
        Param::new("n", ParamKind::Int),
        Param::new("interval", ParamKind::LiteralInt),
        Param::new("count", ParamKind::LiteralInt),
        Param::optional("aggregation", ParamKind::LiteralStr),
    ],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The last `n` of each interval, such as `1s`, for so many intervals; or the `avg`, `max`, \
          `min` or `sum` of all in an interval.",
    lower,
};

/// Intervals that a per-CPU value can hold (kernel: `PCPU_MIN_UNIT_SIZE` is 32 KiB).
const MAX_INTERVALS: i64 = 1000;

/// Bytes of an interval: value, what the aggregation needs besides, number of the interval.
const BUCKET: i64 = 24;
/// Where the first one stands, and the word before it, see [`btc_abi::Reduce::TSeries`].
const BUCKETS: i32 = 8;
const DONE: i32 = 0;

fn check(c: &mut Check) -> Type {
    let (interval, count) = (c.int(1).unwrap_or(1), c.int(2).unwrap_or(1));
    let aggregation = c.text(3).unwrap_or_else(|| "none".to_string());
    if interval < 1 {
        c.wrong_argument(Code::OutOfRange, 1, format!("tseries() needs an interval above 0, not {interval}"));
    }
    if !(1..=MAX_INTERVALS).contains(&count) {
        c.wrong_argument(Code::OutOfRange, 2, format!("tseries() keeps 1 to {MAX_INTERVALS} intervals, not {count}"));
    }
    if c.args.len() > 3 && !matches!(aggregation.as_str(), "avg" | "max" | "min" | "sum") {
        c.wrong_argument(Code::BadLiteral, 3, format!("tseries() knows avg, max, min and sum, not `{aggregation}`"));
    }
    Type::Aggregation(Aggregation::TSeries {
        interval: interval.max(1) as u64,
        buckets: count.clamp(1, MAX_INTERVALS) as u32,
        aggregation,
        signed: c.args[0].ty.is_signed(),
    })
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let Type::Aggregation(Aggregation::TSeries { interval, buckets, aggregation, signed }) = &call.ty else {
        return Lowered::None;
    };
    let n = l.value(0);
    let boot = l.b().helper(helpers::KTIME_GET_BOOT_NS, &[]);
    // Intervals begin at whole minutes and hours of the clock on the wall.
    let ahead = l.global(GlobalValue::RealtimeOffset);
    let now = l.b().bin(BinOp::Add, boot, ahead);
    let dest = l.dest();
    let one = l.b().iconst(1);
    l.add_to_part(BUCKETS + *buckets as i32 * BUCKET as i32, one);
    let b = l.b();
    let epoch = b.bin_imm(BinOp::UDiv, now, *interval as i64);
    let index = b.bin_imm(BinOp::UMod, epoch, i64::from(*buckets));
    let index = b.push(Op::UMin(index, u64::from(*buckets) - 1));
    let offset = b.bin_imm(BinOp::Mul, index, BUCKET);
    let bucket = Memory { base: b.bin(BinOp::Add, dest.base, offset), offset: dest.offset + BUCKETS };
    let (used, same, fresh, done) = (b.block(0), b.block(0), b.block(0), b.block(0));
    let meta = b.load(Width::B8, bucket.base, bucket.offset + 8);
    b.branch_imm(Cond::Ne, meta, 0, used, fresh);
    b.switch_to(used);
    let old = b.load(Width::B8, bucket.base, bucket.offset + 16);
    b.branch(Cond::Eq, old, epoch, same, fresh);
    b.switch_to(fresh);
    let first = if aggregation == "none" { now } else { one };
    b.store(Width::B8, bucket.base, bucket.offset, n);
    b.store(Width::B8, bucket.base, bucket.offset + 8, first);
    b.store(Width::B8, bucket.base, bucket.offset + 16, epoch);
    b.jump(done, &[]);
    b.switch_to(same);
    add(l, bucket, n, now, aggregation, *signed);
    let b = l.b();
    b.jump(done, &[]);
    b.switch_to(done);
    l.add_to_part(DONE, one);
    Lowered::InDest
}

/// Another number in an interval that has one.
fn add(
    l: &mut (dyn Lowering<'_> + '_),
    bucket: Memory,
    n: Value,
    now: Value,
    aggregation: &str,
    signed: bool,
) {
    let b = l.b();
    let old = b.load(Width::B8, bucket.base, bucket.offset);
    match aggregation {
        "avg" | "sum" => {
            let total = b.bin(BinOp::Add, old, n);
            b.store(Width::B8, bucket.base, bucket.offset, total);
            let count = b.load(Width::B8, bucket.base, bucket.offset + 8);
            let count = b.add_imm(count, 1);
            b.store(Width::B8, bucket.base, bucket.offset + 8, count);
        }
        "min" | "max" => {
            let (take, keep) = (b.block(0), b.block(0));
            let better = match (aggregation, signed) {
                ("min", true) => Cond::SLt,
                ("min", false) => Cond::ULt,
                (_, true) => Cond::SGt,
                (_, false) => Cond::UGt,
            };
            b.branch(better, n, old, take, keep);
            b.switch_to(take);
            b.store(Width::B8, bucket.base, bucket.offset, n);
            b.jump(keep, &[]);
            b.switch_to(keep);
        }
        _ => {
            b.store(Width::B8, bucket.base, bucket.offset, n);
            b.store(Width::B8, bucket.base, bucket.offset + 8, now);
        }
    }
}
