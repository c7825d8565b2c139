//! What a script must pass without a kernel: it compiles, and the IR before and after the
//! optimiser and the generated code leave behind what the oracle says.

use std::panic::{AssertUnwindSafe, catch_unwind};

use btc_abi::{Attach, GUARD, ITERATE, LOSSES, LossKind, Manifest};
use btc_diagnostics::Span;
use btc_driver::{Compilation, Emit, Files, Header, Includes, Options, compile, elf};
use btc_ir::machine::Machine;
use btc_ir::memory::{RegionKind, Trap};
use btc_ir::{FuncId, FunctionKind, GlobalId, Module, interp, parse, validate};
use btc_lower::guard::guard;
use btc_target::{NoSource, Source};

use crate::oracle::Outcome;
use crate::vm::Vm;
use crate::{Sample, decode};

/// Steps of a run: many more than the oracle's.
const STEPS: u64 = 50_000_000;
/// Bytes of the context of programs.
const CONTEXT: usize = 256;

/// A script includes nothing.
struct Nothing;

impl Includes for Nothing {
    fn load(&mut self, _: &str, _: bool, _: &str) -> Option<Header> {
        None
    }
}

impl Files for Nothing {
    fn import(&mut self, _: &str, _: &str) -> Option<Vec<(String, String)>> {
        None
    }
}

/// Compiles a script up to a stage; an error or a panic is told.
fn stage(text: &str, emit: Emit, source: &dyn Source) -> Result<Vec<u8>, String> {
    let options = Options { emit, allow_unsafe: true, ..Options::default() };
    let run = || -> Compilation { compile("random.bt", text, source, &mut Nothing, &options) };
    let compilation = catch_unwind(AssertUnwindSafe(run)).map_err(|_| "the compiler panics".to_string())?;
    let messages = compilation.messages(false);
    compilation.output.ok_or(messages)
}

/// Compiles a script to an object.
pub fn object(text: &str, source: &dyn Source) -> Result<Vec<u8>, String> {
    stage(text, Emit::Object, source)
}

fn module(text: &str, emit: Emit, manifest: &Manifest) -> Result<Module, String> {
    let ir = String::from_utf8_lossy(&stage(text, emit, &NoSource)?).into_owned();
    let mut module = parse(&ir).map_err(|e| format!("{e}"))?;
    let wrong = validate(&module);
    if !wrong.is_empty() {
        return Err(format!("invalid IR: {wrong:?}"));
    }
    bind(&mut module, manifest);
    Ok(module)
}

/// Writes the defaults of parameters, as the runtime does.
fn bind(module: &mut Module, manifest: &Manifest) {
    for param in &manifest.params {
        for global in &mut module.globals {
            if global.symbol == param.symbol {
                let n: i64 = param.default.parse().unwrap_or(0);
                global.init[..8].copy_from_slice(&n.to_le_bytes());
            } else if global.symbol == param.text_symbol {
                global.init[..param.default.len()].copy_from_slice(param.default.as_bytes());
            }
        }
    }
}

/// Positions of the programs, in the order in which they run.
fn programs(module: &Module, manifest: &Manifest) -> Vec<usize> {
    let place = |name: &str| module.functions.iter().position(|f| f.name == name).unwrap_or(0);
    let (ends, begins): (Vec<_>, Vec<_>) = manifest.probes.iter().partition(|p| p.attach == Attach::End);
    begins.into_iter().chain(ends).map(|p| place(&p.program)).collect()
}

/// How a kernel does the rounds of loops.
#[derive(Clone, Copy, PartialEq)]
enum Kernel {
    /// It has kernel functions.
    New,
    /// It has, and finds too long what does not go all its rounds by its iterator.
    Iterating,
    /// It has none.
    Old,
}

impl Kernel {
    const ALL: [Kernel; 3] = [Kernel::New, Kernel::Iterating, Kernel::Old];

    /// What the runtime makes of a module there.
    fn prepare(self, module: &Module) -> Module {
        let mut module = module.clone();
        let iterate = module.globals.iter_mut().filter(|g| self == Kernel::Iterating && g.symbol == ITERATE);
        iterate.for_each(|g| g.init.fill(0xff));
        module
    }
}

/// Runs all probes on one machine; `None` when it told that it could not do all rounds of a loop.
fn observe(
    module: &Module,
    manifest: &Manifest,
    kernel: Kernel,
    mut run: impl FnMut(&Module, usize, u64, &mut Machine) -> Result<u64, Trap>,
) -> Result<Option<Outcome>, String> {
    let module = &kernel.prepare(module);
    let mut machine = Machine::default();
    (machine.room, machine.kfuncs) = (u64::MAX, kernel != Kernel::Old);
    for function in programs(module, manifest) {
        let context = machine.memory.add(RegionKind::ReadOnly, vec![0; CONTEXT]);
        run(module, function, context, &mut machine).map_err(|e| format!("{e}"))?;
        if !machine.iterators.is_empty() {
            return Err("an iterator is not destroyed".to_string());
        }
    }
    // A loop may be cut short without iterators, if that is counted.
    if kernel == Kernel::Old && decode::lost(LossKind::Loop, manifest, module, &machine) > 0 {
        return Ok(None);
    }
    Ok(Some(decode::outcome(manifest, module, &machine)))
}

/// The lines that a script prints whose `$1` is the address of `bytes`, in the interpreter, before the optimiser and
/// after it, and as generated code.
pub fn printed(text: &str, bytes: &[u8]) -> Result<Vec<(&'static str, Vec<String>)>, String> {
    let object = object(text, &NoSource)?;
    let contents = elf::read(&object).map_err(|e| format!("{e}"))?;
    let mut manifest: Manifest =
        btc_abi::wire::decode(&contents.manifest.unwrap_or_default()).map_err(|e| format!("{e}"))?;
    let mut run = |module: &Module, code: bool| {
        let mut machine = Machine::default();
        (machine.room, machine.kfuncs) = (u64::MAX, true);
        let address = machine.memory.add(RegionKind::ReadOnly, bytes.to_vec());
        let mut module = module.clone();
        manifest.params.iter_mut().for_each(|p| p.default = address.to_string());
        bind(&mut module, &manifest);
        for function in programs(&module, &manifest) {
            let context = machine.memory.add(RegionKind::ReadOnly, vec![0; CONTEXT]);
            let result = match code {
                false => interp::run(&module, FuncId(function as u32), &[context], &mut machine, STEPS),
                true => {
                    let programs = btc_codegen::compile(&mut module).map_err(|e| e.to_string())?;
                    Vm::new(&module, &programs, &mut machine, STEPS).call(function, &[context])
                }
            };
            result.map_err(|e| format!("{e}"))?;
        }
        Ok::<_, String>(decode::outcome(&manifest, &module, &machine).lines)
    };
    let (raw, optimised) = (module(text, Emit::RawIr, &Manifest::default())?, module(text, Emit::Ir, &Manifest::default())?);
    Ok(vec![
        ("IR as lowered", run(&raw, false)?),
        ("IR as optimised", run(&optimised, false)?),
        ("generated code", run(&optimised, true)?),
    ])
}

/// What differs first. A read whose value nothing uses need not be made, but none is made twice.
pub fn difference(wanted: &Outcome, got: &Outcome) -> Option<String> {
    if got.failed_reads > wanted.failed_reads {
        return Some(format!("{} reads failed, and {} were to be made", got.failed_reads, wanted.failed_reads));
    }
    let all = |o: &Outcome| o.lines.iter().chain(&o.maps).cloned().collect::<Vec<_>>();
    let (wanted, got) = (all(wanted), all(got));
    let end = "(end)".to_string();
    let at = (0..wanted.len().max(got.len())).find(|n| wanted.get(*n) != got.get(*n))?;
    let line = |of: &[String]| of.get(at).unwrap_or(&end).clone();
    Some(format!("line {}: wanted `{}`, got `{}`", at + 1, line(&wanted), line(&got)))
}

/// Checks a sample without side inputs in the interpreter and the machine.
pub fn agree(sample: &Sample) -> Result<(), String> {
    let Some(wanted) = &sample.outcome else { return Ok(()) };
    let object = object(&sample.text, &NoSource)?;
    let contents = elf::read(&object).map_err(|e| format!("{e}"))?;
    let manifest = btc_abi::wire::decode(&contents.manifest.unwrap_or_default()).map_err(|e| format!("{e}"))?;
    let tell = |how: &str, kernel: Kernel, got: Result<Option<Outcome>, String>| {
        let wrong = got.map(|got| got.and_then(|got| difference(wanted, &got))).unwrap_or_else(Some);
        let place = match kernel {
            Kernel::New => "",
            Kernel::Iterating => " by iterators alone",
            Kernel::Old => " on an old kernel",
        };
        wrong.map_or(Ok(()), |wrong| Err(format!("{how}{place}: {wrong}")))
    };
    for (how, emit) in [("IR as lowered", Emit::RawIr), ("IR as optimised", Emit::Ir)] {
        let module = module(&sample.text, emit, &manifest)?;
        let run = |module: &Module, f, ctx, machine: &mut Machine| interp::run(module, FuncId(f as u32), &[ctx], machine, STEPS);
        for kernel in Kernel::ALL {
            tell(how, kernel, observe(&module, &manifest, kernel, run))?;
        }
    }
    let optimised = module(&sample.text, Emit::Ir, &manifest)?;
    for (how, guarded) in [("generated code", false), ("generated code with guards", true)] {
        let mut module = optimised.clone();
        if guarded {
            guard_all(&mut module);
        }
        let programs = btc_codegen::compile(&mut module).map_err(|e| e.to_string())?;
        let run = |module: &Module, f, ctx, machine: &mut Machine| {
            let result = Vm::new(module, &programs, machine, STEPS).call(f, &[ctx])?;
            if inside(module, machine) { Err(Trap::Invalid("a program ends and does not leave its guard".into())) } else { Ok(result) }
        };
        for kernel in Kernel::ALL {
            tell(how, kernel, observe(&module, &manifest, kernel, run))?;
        }
    }
    Ok(())
}

/// Gives every program a guard that has none. Its lost events would be counted in the last counter of losses.
pub fn guard_all(module: &mut Module) {
    let Some(losses) = module.globals.iter().position(|g| g.symbol == LOSSES) else { return };
    let lost = module.globals[losses].init.len() as u32 - 8;
    let made = guard(module, GlobalId(losses as u32), lost, Span::default());
    for function in &mut module.functions {
        if let FunctionKind::Program { guard, .. } = &mut function.kind {
            guard.get_or_insert(made);
        }
    }
}

/// Whether the guard's words say that a program runs.
pub fn inside(module: &Module, machine: &Machine) -> bool {
    let words = module.globals.iter().position(|g| g.symbol == GUARD);
    let bytes = words.and_then(|n| machine.global_bytes(GlobalId(n as u32)));
    bytes.is_some_and(|bytes| bytes.iter().any(|b| *b != 0))
}
