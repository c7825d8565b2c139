//! `hist(n, bits)`: an aggregation. A histogram over powers of two, each cut into 2^bits buckets.

use btc_abi::Reduce;
use btc_diagnostics::Code;
use btc_ir::{BinOp, Cond, Op, Value};
use btc_types::{Aggregation, Type};

use crate::{Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns};

/// Whether an aggregation takes its number before the key of the map: histograms do, as in bpftrace.
pub fn is_before_key(function: &Function) -> bool {
    std::ptr::eq(function, &HIST) || std::ptr::eq(function, &crate::lhist::LHIST)
}

/// The definition.
pub static HIST: Function = Function {
    name: "hist",
    aliases: &[],
    kind: Kind::Aggregation,
    params: &[Param::new("n", ParamKind::Number), Param::optional("bits", ParamKind::LiteralInt)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "A histogram of `n`, an `int64`, over powers of two; `bits` (0 to 5) cut each power into 2^bits buckets. A `uint64` from 2^63 on, such as \
          `retval` of an error, counts as below 0.",
    lower,
};

fn check(c: &mut Check) -> Type {
    let bits = c.int(1).unwrap_or(0);
    if !(0..=5).contains(&bits) {
        c.error(Code::OutOfRange, c.span, format!("hist() takes 0 to 5 bits, not {bits}"));
    }
    Type::Aggregation(Aggregation::Hist { bits: bits.clamp(0, 5) as u8 })
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let bits = call.int(1).unwrap_or(0).clamp(0, 5) as u8;
    let n = l.value(0);
    let bucket = bucket(l, n, bits, has_sign(&call.args[0].ty));
    let last = i64::from(Reduce::Hist { bits }.buckets()) - 1;
    // The verifier cannot follow the logarithm; the bound is true by construction.
    let bucket = l.b().push(Op::UMin(bucket, last as u64));
    add_to_bucket(l, bucket);
    Lowered::InDest
}

/// Whether a number counts as below 0 where its top bit is set: it has a sign, or all bits of the `int64` that histograms take. So
/// `retval` and `arg0` of an error are below 0 there, though they are a `uint64` elsewhere, as in bpftrace.
pub(crate) fn has_sign(ty: &Type) -> bool {
    ty.is_signed() || ty.size() == 8
}

/// Adds 1 to a bucket of the destination.
pub(crate) fn add_to_bucket(l: &mut (dyn Lowering<'_> + '_), bucket: Value) {
    let dest = l.dest();
    let b = l.b();
    let offset = b.bin_imm(BinOp::Shl, bucket, 3);
    let at = b.bin(BinOp::Add, dest.base, offset);
    let one = b.iconst(1);
    l.add_to(btc_ir::Memory { base: at, offset: dest.offset }, one);
}

/// The bucket of `n`, as `abi::Reduce::Hist` numbers them.
fn bucket(l: &mut (dyn Lowering<'_> + '_), n: Value, bits: u8, signed: bool) -> Value {
    let b = l.b();
    let done = b.block(1);
    let (small, large) = (b.block(0), b.block(0));
    if signed {
        let (negative, positive) = (b.block(0), b.block(0));
        b.branch_imm(Cond::SLt, n, 0, negative, positive);
        b.switch_to(negative);
        let zero = b.iconst(0);
        b.jump(done, &[zero]);
        b.switch_to(positive);
    }
    b.branch_imm(Cond::ULt, n, 1 << bits, small, large);
    b.switch_to(small);
    let direct = b.bin_imm(BinOp::Add, n, 1);
    b.jump(done, &[direct]);
    b.switch_to(large);
    let e = log2(b, n);
    let bits = i64::from(bits);
    let above = b.bin_imm(BinOp::Sub, e, bits);
    let power = b.bin_imm(BinOp::Add, above, 1);
    let first = b.bin_imm(BinOp::Shl, power, bits);
    let shifted = b.bin(BinOp::LShr, n, above);
    let within = b.bin_imm(BinOp::And, shifted, (1 << bits) - 1);
    let sum = b.bin(BinOp::Add, first, within);
    let bucket = b.bin_imm(BinOp::Add, sum, 1);
    b.jump(done, &[bucket]);
    b.switch_to(done);
    b.block_param(done, 0)
}

/// Index of the top set bit of `n`, which is not 0: a binary search without branches,
/// since BPF (before version 4) cannot count leading zeros.
fn log2(b: &mut btc_ir::Builder<'_>, n: Value) -> Value {
    let (mut n, mut log) = (n, b.iconst(0));
    for step in [32, 16, 8, 4, 2, 1] {
        let limit = b.iconst((1i64 << step) - 1);
        let above = b.cmp(Cond::UGt, n, limit);
        let shift = b.bin_imm(BinOp::Mul, above, step);
        n = b.bin(BinOp::LShr, n, shift);
        log = b.bin(BinOp::Add, log, shift);
    }
    log
}
