//! Computes operations on constants, and gathers all constants at the head of the entry block.
//!
//! Requires: no unreachable blocks. Keeps: the blocks. Late constants are not constants.

use btc_ir::interp::{arithmetic, byte_swap, holds, sign_extend, zero_extend};
use btc_ir::{Cfg, Function, Op, Value};

use crate::constants::Constants;
use crate::rewrite::Rewrites;

/// Runs the pass.
pub fn run(func: &mut Function) -> bool {
    let mut constants = Constants::collect(func);
    let mut rewrites = Rewrites::new(func);
    for block in Cfg::new(func).order {
        let mut insts = std::mem::take(&mut func.blocks[block.index()].insts);
        insts.retain_mut(|inst| {
            inst.op.for_each_operand_mut(|v| *v = rewrites.get(*v));
            let (Some(result), Some(n)) = (inst.result, fold(&inst.op, &constants)) else { return true };
            let value = constants.value(func, n);
            rewrites.replace(result, value);
            value == result
        });
        func.blocks[block.index()].insts = insts;
    }
    rewrites.apply(func);
    constants.finish(func) | rewrites.any()
}

/// The number that an operation yields, when it is known.
fn fold(op: &Op, constants: &Constants) -> Option<i64> {
    let number = |v: &Value| constants.number(*v).map(|n| n as u64);
    let n = match op {
        Op::Const(n) => return Some(*n),
        Op::Bin(op, a, b) => arithmetic(*op, number(a)?, number(b)?),
        Op::Cmp(cond, a, b) => u64::from(holds(*cond, number(a)?, number(b)?)),
        Op::SignExtend(bits, a) => sign_extend(*bits, number(a)?),
        Op::ZeroExtend(bits, a) => zero_extend(*bits, number(a)?),
        Op::ByteSwap(bits, a) => byte_swap(*bits, number(a)?),
        Op::UMin(a, n) => number(a)?.min(*n),
        _ => return None,
    };
    Some(n as i64)
}
