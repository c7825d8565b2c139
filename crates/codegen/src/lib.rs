//! IR to BPF instructions.
//!
//! Takes an [`ir::Module`](btc_ir::Module) that `ir::validate` accepts and returns one
//! [`Program`] a function, in the order of the functions. Knows no language, no ELF and no
//! BTF: whatever the target binds leaves as a [`btc_bpf::Reference`].
//!
//! What the verifier would have to follow too often is rewritten first ([`forget`], [`objects`], [`merges`], [`zeros`]). Then a
//! function goes through [`legalize`] (scratch prologue, large fills and copies),
//! [`isel`] (machine code over virtual registers), [`layout`] (the order of the blocks), [`regalloc`] with
//! [`spill`] and [`words`] (a register or stack word for each), and [`emit`] (bytes, branch distances, source lines; the [`guard`] of a
//! program that has one).

mod bits;
mod demote;
mod emit;
mod flow;
mod forget;
mod frame;
mod guard;
mod isel;
mod jumps;
mod layout;
mod legalize;
mod live;
mod liveness;
mod loops;
mod merges;
mod mir;
mod moves;
mod objects;
mod regalloc;
mod relief;
mod select;
pub mod share;
mod spill;
mod words;
mod zeros;

use std::collections::BTreeSet;

use btc_bpf::{Program, ProgramKind, STACK_SIZE, Target};
use btc_diagnostics::here;
use btc_ir::{Function, FunctionKind, Guard, Late, MapKind, Module, Value};

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
    /// Functions call each other deeper than the kernel takes: each loop over a map is one.
    TooDeep {
        /// The function.
        function: String,
        /// Functions in the deepest chain of calls.
        frames: usize,
        /// Functions that the kernel allows.
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
            CodegenError::TooDeep { function, frames, limit } => {
                write!(f, "`{function}` makes {frames} calls deep, and the kernel allows {limit}")
            }
            CodegenError::Invalid { function, what } => write!(f, "`{function}`: {what}"),
        }
    }
}

impl std::error::Error for CodegenError {}

/// Compiles all functions; sets the value size of the scratch map. What is too much for the stack is moved
/// to scratch memory, a part at a time, for that changes what needs the stack.
pub fn compile(module: &mut Module) -> Result<Vec<Program>, CodegenError> {
    for n in 0..module.functions.len() {
        change(module, n, |function, module| {
            forget::run(function, module);
            objects::run(function, module);
            merges::run(function, module);
            zeros::run(function, module);
        });
    }
    loop {
        match attempt(module)? {
            Attempt::Done(programs) => return Ok(programs),
            Attempt::Overflow { error, functions, excess } => {
                let relieved = functions.iter().any(|n| change(module, *n, |f, module| relief::run(f, module, excess)));
                if !relieved {
                    return Err(error);
                }
            }
        }
    }
}

/// Changes a function of a module by `f`, which may add to the module.
fn change<R>(module: &mut Module, n: usize, f: impl FnOnce(&mut Function, &mut Module) -> R) -> R {
    let mut function = module.functions[n].clone();
    let result = f(&mut function, module);
    module.functions[n] = function;
    result
}

/// What came of compiling all functions.
enum Attempt {
    Done(Vec<Program>),
    /// Some take too much of the stack: which, the largest first, and by how many bytes together.
    Overflow { error: CodegenError, functions: Vec<usize>, excess: u32 },
}

fn attempt(module: &mut Module) -> Result<Attempt, CodegenError> {
    let mut scratch_size = 0;
    let mut programs = Vec::with_capacity(module.functions.len());
    // Programs share scratch memory where there is not enough for each: they seldom run inside each other. A callback runs while
    // its program's objects live: its own lie behind those of all programs and earlier callbacks.
    let all: u32 = module.functions.iter().map(scratch_bytes).fold(0, u32::saturating_add);
    let shared = all > MAX_PER_CPU;
    let most = module.functions.iter().filter(|f| is_program(f)).map(scratch_bytes).max().unwrap_or(0);
    let mut taken = if shared { most } else { 0 };
    let callbacks: u32 = module.functions.iter().filter(|f| !is_program(f)).map(scratch_bytes).sum();
    let by_cpu = shared && taken.saturating_add(callbacks) > MAX_PER_CPU;
    for (n, function) in module.functions.iter().enumerate() {
        here::enter(function.span);
        let base = if is_program(function) && shared { 0 } else { taken };
        let legalize::Legal { mut func, size: scratch, pointer } =
            legalize::run(function, module.scratch_map, by_cpu, base)?;
        if share::worth(&func) {
            share::run(func.to_mut());
        }
        if base == taken {
            taken = taken.max(scratch);
        }
        scratch_size = scratch_size.max(scratch);
        match compile_function(&func, pointer, module) {
            Err(error @ CodegenError::TooLarge { needed, limit, .. }) => {
                return Ok(Attempt::Overflow { error, functions: vec![n], excess: needed - limit });
            }
            done => programs.push(done?),
        }
    }
    if let Some(map) = module.scratch_map {
        let map = &mut module.maps[map.index()];
        map.value_size = map.value_size.max(scratch_size).max(8);
        if by_cpu {
            (map.kind, map.max_entries) = (Some(MapKind::Array), CPUS);
        }
    }
    module.functions.iter().filter_map(legalize::guard).try_for_each(|guard| touches_no_stack(&guard, &programs))?;
    for (n, program) in programs.iter().enumerate().filter(|(_, p)| p.kind == ProgramKind::Entry) {
        count_maps(program, &programs, module)?;
        let deepest = deepest(n, &programs, |_| 1);
        if deepest.1.len() > MAX_FRAMES {
            let function = program.name.clone();
            return Err(CodegenError::TooDeep { function, frames: deepest.1.len(), limit: MAX_FRAMES });
        }
        let (needed, mut functions) = self::deepest(n, &programs, frame_size);
        if needed > STACK_SIZE {
            let error = CodegenError::TooLarge { function: program.name.clone(), needed, limit: STACK_SIZE };
            functions.sort_by_key(|n| std::cmp::Reverse(programs[*n].stack));
            return Ok(Attempt::Overflow { error, functions, excess: needed - STACK_SIZE });
        }
    }
    Ok(Attempt::Done(programs))
}

/// Checks what [`Guard`] promises of its functions.
fn touches_no_stack(guard: &Guard, programs: &[Program]) -> Result<(), CodegenError> {
    for function in [guard.enter, guard.leave].map(|id| &programs[id.index()]) {
        if function.stack > 0 {
            let what = format!("a function of a guard has {} bytes of stack", function.stack);
            return Err(CodegenError::Invalid { function: function.name.clone(), what });
        }
    }
    Ok(())
}

/// Bytes of stack that the kernel counts for a function (`check_max_stack_depth`).
fn frame_size(program: &Program) -> u32 {
    program.stack.max(1).next_multiple_of(frame::SMALLEST_FRAME)
}

/// The chain of calls that begins with a function and has the largest sum of what `size` tells. No function calls itself.
fn deepest(n: usize, programs: &[Program], size: fn(&Program) -> u32) -> (u32, Vec<usize>) {
    let called = programs[n].references.iter().filter_map(|r| match r.target {
        Target::FunctionCall(n) | Target::FunctionAddr(n) if (n as usize) < programs.len() => Some(n as usize),
        _ => None,
    });
    let (below, mut chain) = called.map(|n| deepest(n, programs, size)).max_by_key(|(sum, _)| *sum).unwrap_or_default();
    chain.push(n);
    (below.saturating_add(size(&programs[n])), chain)
}

/// Most bytes of a value of a per-CPU map (kernel: `PCPU_MIN_UNIT_SIZE`).
const MAX_PER_CPU: u32 = 32 << 10;
/// Entries of an array that takes the place of a per-CPU map: one a CPU. The runtime sets their number.
const CPUS: u32 = 256;

/// Most functions that may have called each other (kernel: `MAX_CALL_FRAMES`).
const MAX_FRAMES: usize = 8;

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
    let emitted = emit::run(&code, &allocation, frame, legalize::guard(func), &func.name)?;
    let (section, kind) = match &func.kind {
        FunctionKind::Program { section, .. } => (section.clone(), ProgramKind::Entry),
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
