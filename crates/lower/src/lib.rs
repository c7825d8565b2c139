//! HIR to IR: takes a checked program, returns a module and the manifest that goes with it.
//!
//! Names no builtin and no provider: it calls the hooks of their definitions.
//! Values that fit a register are SSA values; everything else is lowered *into*
//! the place that its user gives, so a text read by `str()` lands in the record
//! or key that wants it.

mod aggregate;
mod alone;
mod compare;
mod constant;
mod core_read;
mod encode;
mod exact;
mod expr;
mod extent;
mod for_map;
mod function;
mod global_function;
pub mod guard;
mod hooks;
mod identity;
mod into;
mod loops;
mod map;
mod named;
mod place;
mod read;
mod refusal;
mod registers;
mod room;
mod send;
mod sequence;
mod shared;
mod short_key;
mod stack;
mod stmt;
mod unwind;
mod usdt;

use std::collections::BTreeSet;

use btc_abi::Manifest;
use btc_diagnostics::SourceMap;
use btc_hir as hir;
use btc_ir::Module;

/// Operations of all programs of a script together. Behind as many no further one is lowered; the caller refuses it.
pub const MAX_OPS: usize = 3_000_000;

/// Lowers a program. `sources` places records and losses in the script.
pub fn lower(program: &hir::Program, sources: &SourceMap) -> (Module, Manifest) {
    let program = &sequence::sequence(program);
    let (module, manifest, needs) = attempt(program, sources, Needs::default());
    if needs == Needs::default() {
        return (module, manifest);
    }
    let (module, manifest, _) = attempt(program, sources, needs);
    (module, manifest)
}

/// What few scripts need, which is known only when all programs are lowered.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// A program stops the run: all look at the flag.
    pub stop: bool,
    /// Maps without key that programs empty for all CPUs.
    pub emptied: BTreeSet<hir::MapId>,
}

/// Lowers everything with what it needs. Also tells what it does need.
fn attempt(program: &hir::Program, sources: &SourceMap, needs: Needs) -> (Module, Manifest, Needs) {
    let mut module = Module { license: program.license.clone(), ..Module::default() };
    let mut shared = shared::Shared::new(program, sources, &mut module, needs);
    named::note_types(&mut shared);
    let mut ops = 0;
    for index in 0..program.probes.len() {
        let function = function::program(&mut module, &mut shared, index);
        ops += function.ops();
        module.add_function(function);
        if ops >= MAX_OPS {
            break;
        }
    }
    let found = std::mem::take(&mut shared.found);
    let manifest = shared.finish(&mut module);
    (module, manifest, found)
}
