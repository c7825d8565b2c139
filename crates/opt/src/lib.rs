//! IR to IR passes.
//!
//! Takes a valid module and makes its functions do less. Each pass is a file and a free
//! function over one function; [`run`] holds their order. Knows no language and no BPF,
//! but keeps what the kernel's verifier needs: guards of kernel functions stay, bounds
//! (`umin`) stay where they are, calls are neither moved nor made twice.

pub mod block_params;
pub mod choices;
pub mod const_fold;
mod constants;
pub mod cse;
pub mod dce;
mod facts;
pub mod known_branches;
pub mod load_forward;
pub mod lookups;
pub mod mem2reg;
mod rewrite;
pub mod simplify;
pub mod simplify_cfg;

use btc_ir::{Function, Module};

pub use facts::Facts;

/// How much is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Nothing.
    None,
    /// All passes.
    #[default]
    Full,
}

/// A pass: its name, and the function that runs it and tells whether it changed anything.
pub type Pass = (&'static str, fn(&mut Function, &Facts) -> bool);

/// Run once, first.
pub const FIRST: &[Pass] = &[("simplify_cfg", |f, _| simplify_cfg::run(f)), ("mem2reg", |f, _| mem2reg::run(f))];

/// Run in turns until nothing changes.
pub const ROUND: &[Pass] = &[
    ("const_fold", |f, _| const_fold::run(f)),
    ("simplify", |f, _| simplify::run(f)),
    ("block_params", |f, _| block_params::run(f)),
    ("cse", cse::run),
    ("choices", choices::run),
    ("lookups", |f, _| lookups::run(f)),
    ("load_forward", |f, _| load_forward::run(f)),
    ("known_branches", |f, _| known_branches::run(f)),
    ("simplify_cfg", |f, _| simplify_cfg::run(f)),
    ("dce", |f, _| dce::run(f)),
];

/// Most rounds.
const ROUNDS: usize = 6;

/// Optimises all functions. Debug builds check the module after each pass, and panic
/// with its text when a pass broke it.
pub fn run(module: &mut Module, level: Level) {
    if level == Level::None {
        return;
    }
    let facts = Facts::of(module);
    for pass in FIRST {
        apply_with(module, *pass, &facts);
    }
    for _ in 0..ROUNDS {
        let mut changed = false;
        for pass in ROUND {
            changed |= apply_with(module, *pass, &facts);
        }
        if !changed {
            break;
        }
    }
}

/// The pass of a name.
pub fn pass(name: &str) -> Option<Pass> {
    FIRST.iter().chain(ROUND).find(|p| p.0 == name).copied()
}

/// Runs one pass over all functions; whether it changed anything.
pub fn apply(module: &mut Module, pass: Pass) -> bool {
    let facts = Facts::of(module);
    apply_with(module, pass, &facts)
}

fn apply_with(module: &mut Module, (name, pass): Pass, facts: &Facts) -> bool {
    let mut changed = false;
    for function in &mut module.functions {
        if !function.blocks.is_empty() {
            changed |= pass(function, facts);
        }
    }
    if cfg!(debug_assertions) && changed {
        let errors = btc_ir::validate(module);
        if let Some(error) = errors.first() {
            panic!("compiler bug, please report: after `{name}`: {error}\n{}", btc_ir::print(module));
        }
    }
    changed
}
