//! What `min()` and `max()` share: each keeps the greatest of what [`Reduce::order`] makes of the numbers.

use btc_abi::Reduce;
use btc_ir::{BinOp, Cond, Value, Width};
use btc_types::{Aggregation, Type};

use crate::{Call, Lowered, Lowering};

/// Keeps the argument if it is the greatest so far. One store at most: whoever reads or clears meanwhile finds the
/// number or does not.
pub(crate) fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let order = match &call.ty {
        Type::Aggregation(Aggregation::Min { signed }) => Reduce::Min { signed: *signed }.order(),
        Type::Aggregation(Aggregation::Max { signed }) => Reduce::Max { signed: *signed }.order(),
        _ => return Lowered::None,
    };
    let n = l.value(0);
    let dest = l.dest();
    let b = l.b();
    let n = ordered(b, n, order);
    let old = b.load(Width::B8, dest.base, dest.offset);
    let (take, keep, zero, done) = (b.block(0), b.block(0), b.block(0), b.block(0));
    b.branch(Cond::UGt, n, old, take, keep);
    b.switch_to(take);
    b.store(Width::B8, dest.base, dest.offset, n);
    b.jump(done, &[]);
    b.switch_to(keep);
    b.branch_imm(Cond::Eq, n, 0, zero, done);
    b.switch_to(zero);
    let one = b.iconst(1);
    b.store(Width::B8, dest.base, dest.offset + 8, one);
    b.jump(done, &[]);
    b.switch_to(done);
    Lowered::InDest
}

fn ordered(b: &mut btc_ir::Builder<'_>, n: Value, order: u64) -> Value {
    if order == 0 { n } else { b.bin_imm(BinOp::Xor, n, order as i64) }
}
