//! Replaces block parameters that are always passed one value (or themselves) by that value.
//!
//! Requires: no unreachable blocks. Keeps: the blocks.

use btc_ir::{Function, Value};

use crate::dce::keep_params;
use crate::rewrite::{Rewrites, jumps};

/// What is known of a parameter.
#[derive(Clone, Copy, PartialEq)]
enum Passed {
    Nothing,
    One(Value),
    Many,
}

/// Runs the pass.
pub fn run(func: &mut Function) -> bool {
    let mut rewrites = Rewrites::new(func);
    let mut kept: Vec<Option<Vec<bool>>> =
        func.blocks.iter().map(|b| (!b.params.is_empty()).then(|| vec![true; b.params.len()])).collect();
    if let Some(entry) = kept.first_mut() {
        *entry = None;
    }
    // One replaced parameter may leave another with one value; a few turns reach nearly all.
    for _ in 0..4 {
        if !turn(func, &mut rewrites, &mut kept) {
            break;
        }
    }
    if !rewrites.any() {
        return false;
    }
    keep_params(func, &kept);
    rewrites.apply(func);
    true
}

fn turn(func: &Function, rewrites: &mut Rewrites, kept: &mut [Option<Vec<bool>>]) -> bool {
    let mut passed: Vec<Vec<Passed>> =
        func.blocks.iter().map(|b| vec![Passed::Nothing; b.params.len()]).collect();
    for jump in func.blocks.iter().filter_map(|b| b.terminator.as_ref()).flat_map(jumps) {
        let params = &func.block(jump.block).params;
        for ((param, arg), passed) in params.iter().zip(&jump.args).zip(&mut passed[jump.block.index()]) {
            let arg = rewrites.get(*arg);
            if arg == rewrites.get(*param) {
                continue;
            }
            *passed = match *passed {
                Passed::Nothing => Passed::One(arg),
                Passed::One(v) if v == arg => Passed::One(v),
                _ => Passed::Many,
            };
        }
    }
    let mut changed = false;
    for (b, block) in func.blocks.iter().enumerate() {
        let Some(kept) = &mut kept[b] else { continue };
        for (n, param) in block.params.iter().enumerate() {
            if let (Passed::One(v), true) = (passed[b][n], kept[n]) {
                let v = rewrites.get(v);
                // Two parameters may have named each other in this very turn.
                if v != *param {
                    rewrites.replace(*param, v);
                    kept[n] = false;
                    changed = true;
                }
            }
        }
    }
    changed
}
