//! Name resolution and type checking: takes an AST and a [`Target`], returns HIR
//! and diagnostics. Knows no IR, no BPF and no file system.
//!
//! Types are inferred over the whole script: [`check()`] walks all probes again
//! and again, each time with the types of variables and maps that the walk before
//! found, until nothing changes; only the last walk's diagnostics count.

mod attach;
mod c_constant;
mod c_defs;
mod c_fold;
mod check;
mod config;
mod constant;
mod facts;
mod fold;
mod macros;
mod records;
mod soft;
mod tables;

use btc_abi::Attach;
use btc_diagnostics::{Code, Diagnostic, Diagnostics};
use btc_hir as hir;
use btc_providers::Provider;
use btc_syntax::ast;
use btc_target::Target;

pub use config::{Options, SETTINGS, Setting, SettingKind};

/// Walks after which inference is taken not to end; each widens some type.
const MAX_WALKS: usize = 16;

/// The attach points of a script with their kinds, in order; nothing else of it is checked.
pub fn attach_points(
    program: &ast::Program,
    target: &Target,
    options: &Options,
    d: &mut Diagnostics,
) -> Vec<(&'static Provider, Attach)> {
    let settings = config::read(program, options, d);
    attach::resolve(program, target, (&settings, options), d).into_iter().map(|p| (p.provider, p.attach)).collect()
}

/// Checks a script.
pub fn check(
    program: &ast::Program,
    target: &Target,
    options: &Options,
    d: &mut Diagnostics,
) -> hir::Program {
    let mut expanded = program.clone();
    macros::expand(&mut expanded, d);
    let program = &expanded;
    let settings = config::read(program, options, d);
    let mut records = records::Records::collect(program, target, d);
    let mut folded = program.clone();
    c_fold::fold(&mut folded, &records);
    let program = &folded;
    let probes = attach::resolve(program, target, (&settings, options), d);
    if d.has_errors() {
        return hir::Program::default();
    }
    records.add_binaries(probes.iter().map(|p| &p.attach));
    let mut tables = tables::Tables::new(program, &settings, options, d);
    probes.iter().flat_map(|p| &p.params).for_each(|n| tables.fix_param(*n, options.param(*n)));
    for _ in 0..MAX_WALKS {
        let mut found = Diagnostics::new();
        tables.begin_walk();
        let checked: Vec<hir::Probe> = probes
            .iter()
            .enumerate()
            .map(|(index, probe)| {
                let cx = check::Context { target, records: &records, settings: &settings, options };
                check::probe(&cx, &mut tables, &mut found, index, probe)
            })
            .collect();
        if tables.report_too_many(d) {
            return hir::Program::default();
        }
        if !tables.changed && !tables.settle_loops() {
            tables.report_untyped(&mut found);
            d.append(&found);
            if let Some(broken) = records.endless() {
                let span = program.probes.first().map_or_else(Default::default, |p| p.span);
                let message = format!("the type `{}` contains itself, or too many others: what describes it is broken", broken.name);
                let help = "name the BTF of a kernel, such as a copy of /sys/kernel/btf/vmlinux";
                d.push(Diagnostic::error(Code::UnknownType, span, message).help(help));
                return hir::Program::default();
            }
            return hir::Program { records: records.own(), kernel_types: records.kernel_types(), ..tables.finish(checked, &settings) };
        }
    }
    let span = program.probes.first().map_or_else(Default::default, |p| p.span);
    d.push(Diagnostic::error(Code::TooLarge, span, "the types of this script grow without end"));
    hir::Program::default()
}
