//! IR to BPF instructions.
//!
//! Takes an [`ir::Module`](btc_ir::Module) that `ir::validate` accepts and returns one
//! [`Program`] a function, in the order of the functions. Knows no language, no ELF and no
//! BTF: whatever the target binds leaves as a [`btc_bpf::Reference`].
//!
//! A function goes through [`legalize`] (scratch prologue, large fills and copies),
//! [`isel`] (machine code over virtual registers), [`layout`] (the order of the blocks), [`regalloc`] with
//! [`spill`] (a register or stack word for each), and [`emit`] (bytes, branch distances, source lines).

mod emit;
mod frame;
mod isel;
mod jumps;
mod layout;
mod legalize;
mod liveness;
mod mir;
mod moves;
mod regalloc;
mod select;
pub mod share;
mod spill;

use std::collections::BTreeSet;

use btc_bpf::{Program, ProgramKind, STACK_SIZE, Target};
use btc_diagnostics::here;
use btc_ir::{Function, FunctionKind, Late, MapKind, Module, Value};

/// Why a function cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodegenError {
    /// The stack objects of a function do not fit.
    TooLarge {
        /// The function.
        function: String,
        /// Bytes of stack that it needs.
        needed: u32,
        /// Bytes that there are.
        limit: u32,
    },
    /// A function has more instructions than the kernel takes.
    TooLong {
        /// The function.
        function: String,
        /// Its length in instruction slots.
        insns: usize,
        /// Slots that the kernel takes.
        limit: usize,
    },
    /// A program uses more maps than the kernel lets it.
    TooManyMaps {
        /// The function.
        function: String,
        /// Maps that it and what it calls use; the globals of a section count as one.
        maps: usize,
        /// Maps that the kernel allows.
        limit: usize,
    },
    /// The IR breaks a rule that `ir::validate` checks: a bug of an earlier pass.
    Invalid {
        /// The function.
        function: String,
        /// The rule.
        what: String,
    },
}

impl std::fmt::Display for CodegenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CodegenError::TooLarge { function, needed, limit } => {
                write!(f, "`{function}` needs {needed} bytes of stack, and there are {limit}")
            }
            CodegenError::TooLong { function, insns, limit } => {
                write!(f, "`{function}` has {insns} instructions, and the kernel takes {limit}")
            }
            CodegenError::TooManyMaps { function, maps, limit } => {
                write!(f, "`{function}` uses {maps} maps, and the kernel allows {limit}")
            }
            CodegenError::Invalid { function, what } => write!(f, "`{function}`: {what}"),
        }
    }
}

impl std::error::Error for CodegenError {}

/// Compiles all functions; sets the value size of the scratch map.
pub fn compile(module: &mut Module) -> Result<Vec<Program>, CodegenError> {
    let mut scratch_size = 0;
    let mut programs = Vec::with_capacity(module.functions.len());
    // Programs never run inside each other, so they share scratch memory. A callback runs while
    // its program's objects live: its own lie behind those of all programs and earlier callbacks.
    let mut taken = module.functions.iter().filter(|f| is_program(f)).map(scratch_bytes).max().unwrap_or(0);
    let callbacks: u32 = module.functions.iter().filter(|f| !is_program(f)).map(scratch_bytes).sum();
    let by_cpu = taken.saturating_add(callbacks) > MAX_PER_CPU;
    for function in &module.functions {
        here::enter(function.span);
        let base = if is_program(function) { 0 } else { taken };
        let legalize::Legal { mut func, size: scratch, pointer } =
            legalize::run(function, module.scratch_map, by_cpu, base)?;
        if share::worth(&func) {
            share::run(func.to_mut());
        }
        if !is_program(function) {
            taken = scratch;
        }
        scratch_size = scratch_size.max(scratch);
        programs.push(compile_function(&func, pointer, module)?);
    }
    if let Some(map) = module.scratch_map {
        let map = &mut module.maps[map.index()];
        map.value_size = map.value_size.max(scratch_size).max(8);
        if by_cpu {
            (map.kind, map.max_entries) = (Some(MapKind::Array), CPUS);
        }
    }
    for program in programs.iter().filter(|p| p.kind == ProgramKind::Entry) {
        count_maps(program, &programs, module)?;
        let needed = stack_of(program, &programs);
        if needed > STACK_SIZE {
            return Err(CodegenError::TooLarge { function: program.name.clone(), needed, limit: STACK_SIZE });
        }
    }
    Ok(programs)
}

/// Bytes of stack of a program with the deepest chain of what it calls, as the kernel counts
/// (`check_max_stack_depth`). No function calls itself.
fn stack_of(program: &Program, programs: &[Program]) -> u32 {
    let called = program.references.iter().filter_map(|r| match r.target {
        Target::FunctionCall(n) | Target::FunctionAddr(n) => programs.get(n as usize),
        _ => None,
    });
    let deepest = called.map(|p| stack_of(p, programs)).max().unwrap_or(0);
    program.stack.max(1).next_multiple_of(frame::SMALLEST_FRAME).saturating_add(deepest)
}

/// Most bytes of a value of a per-CPU map (kernel: `PCPU_MIN_UNIT_SIZE`).
const MAX_PER_CPU: u32 = 32 << 10;
/// Entries of an array that takes the place of a per-CPU map: one a CPU. The runtime sets their number.
const CPUS: u32 = 256;

/// Most maps that the kernel lets a program use.
const MAX_MAPS: usize = 64;

/// Refuses a program that uses too many maps, itself and by what it calls.
fn count_maps(program: &Program, programs: &[Program], module: &Module) -> Result<(), CodegenError> {
    let mut maps = BTreeSet::new();
    let mut functions = vec![program];
    let mut seen = BTreeSet::new();
    while let Some(function) = functions.pop() {
        for reference in &function.references {
            match reference.target {
                Target::FunctionCall(n) | Target::FunctionAddr(n) if seen.insert(n) => {
                    functions.extend(programs.get(n as usize));
                }
                Target::Map(n) => {
                    maps.insert(format!("map {n}"));
                }
                // libbpf makes a map of each section.
                Target::Global(n, _) => {
                    maps.insert(format!("{:?}", module.globals[n as usize].section));
                }
                Target::Late(n) if matches!(module.lates[n as usize], Late::KernelVersion) => {
                    maps.insert("kconfig".to_string());
                }
                _ => {}
            }
        }
    }
    if maps.len() > MAX_MAPS {
        let function = program.name.clone();
        return Err(CodegenError::TooManyMaps { function, maps: maps.len(), limit: MAX_MAPS });
    }
    Ok(())
}

fn is_program(func: &Function) -> bool {
    matches!(func.kind, FunctionKind::Program { .. })
}

fn scratch_bytes(func: &Function) -> u32 {
    func.scratch.iter().map(|bytes| bytes.div_ceil(8) * 8).fold(0, u32::saturating_add)
}

fn compile_function(func: &Function, scratch: Option<Value>, module: &Module) -> Result<Program, CodegenError> {
    let mut code = isel::run(func, scratch, module)?;
    layout::run(&mut code);
    let allocation = regalloc::run(&mut code, &func.name)?;
    let frame = frame::Frame::new(&func.slots, code.spills);
    let emitted = emit::run(&code, &allocation, frame, &func.name)?;
    let (section, kind) = match &func.kind {
        FunctionKind::Program { section } => (section.clone(), ProgramKind::Entry),
        FunctionKind::Subprogram => (".text".to_string(), ProgramKind::Subprogram),
        FunctionKind::Global => (".text".to_string(), ProgramKind::Global),
        FunctionKind::Callback => (".text".to_string(), ProgramKind::Callback),
    };
    Ok(Program {
        name: func.name.clone(),
        section,
        kind,
        params: func.blocks[0].params.len() as u32,
        insns: emitted.insns,
        references: emitted.references,
        lines: emitted.lines,
        stack: emitted.stack,
    })
}

#[cfg(test)]
mod tests;
