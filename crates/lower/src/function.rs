//! Programs: the frame around a probe's action.

use std::collections::HashMap;

use btc_abi::{self as abi, ProbeIdentity, Refused};
use btc_diagnostics::{Span, here};
use btc_hir as hir;
use btc_ir::{Builder, Cond, Function, FunctionKind, Memory, Module, ScratchId, Value, Width};
use btc_providers::Context;
use btc_types::Type;

use crate::for_map::{FRAME_NUMBER, FRAME_SIZE, FRAME_VARS};
use crate::identity::Syscalls;
use crate::loops::{self, Enclosing, Work};
use crate::send::Sent;
use crate::shared::Shared;

/// Bytes of stack that objects of a function may take; the rest of the 512 is for spills.
/// What does not fit lies in per-CPU scratch memory.
const STACK_BUDGET: u32 = 256;
/// Objects above this never go to the stack.
const STACK_OBJECT: u32 = 64;

/// Stack of a program and its callbacks together is 512 bytes: each takes less.
const STACK_BUDGET_WITH_CALLBACKS: u32 = 96;

/// Memory on the program's stack that its callbacks reach, see `for_map`.
#[derive(Clone)]
pub(crate) struct Frame {
    /// Its address.
    pub base: Value,
    /// Variables with their offset in the memory that the frame points at.
    pub vars: Vec<(hir::VarId, i32)>,
    /// Whether the current function is a callback.
    pub callback: bool,
}

/// A function being lowered.
pub(crate) struct FnLower<'m, 's, 'p> {
    pub b: Builder<'m>,
    pub shared: &'s mut Shared<'p>,
    pub probe: &'p hir::Probe,
    pub index: usize,
    /// Where variables live.
    pub vars: HashMap<hir::VarId, Memory>,
    /// Innermost last.
    pub loops: Vec<Enclosing>,
    /// What the verifier walks in the rounds of loops so far, and what each loop may take.
    pub work: [Work; 2],
    pub shares: [Work; 2],
    /// What is known of system calls, where the attach points may be those of many.
    pub syscalls: Option<Syscalls>,
    /// The frame, in a probe with loops over maps.
    pub frame: Option<Frame>,
    pub sent: Sent,
    used: Used,
}

/// What memory one function uses. A statement may take the scratch objects of an earlier one.
#[derive(Default)]
pub(crate) struct Used {
    /// Bytes of the stack, and how many there may be.
    stack: u32,
    stack_budget: u32,
    /// Those that the statement in hand uses, and those around it.
    temporaries: Vec<(u32, ScratchId)>,
    /// Those of statements that are done, with their sizes.
    free: Vec<(u32, ScratchId)>,
}

/// Lowers one probe and registers it in the manifest.
pub(crate) fn program(module: &mut Module, shared: &mut Shared<'_>, index: usize) -> Function {
    let program = shared.program;
    let probe = &program.probes[index];
    let symbol = format!("p{index}_{}", identifier(&probe.name));
    let section = probe.attach.section();
    let place = shared.place(probe.span);
    let table = (probe.provider.syscall_number)(&probe.attach).map(|number| (format!("btc_syscalls_{index}"), number));
    if !probe.dynamic_identity {
        shared.numbers.entry(probe.name.clone()).or_insert(index as u32);
    }
    let clause = *shared.clauses.entry(probe.whole).or_insert(index as u32);
    shared.manifest.probes.push(abi::Probe {
        name: probe.name.clone(),
        program: symbol.clone(),
        attach: probe.attach.clone(),
        missing: probe.missing,
        identity: if probe.dynamic_identity { ProbeIdentity::Dynamic } else { ProbeIdentity::Static },
        place,
        clause,
        table: table.as_ref().map(|(symbol, _)| symbol.clone()).unwrap_or_default(),
    });
    let table = table.map(|(symbol, number)| Syscalls::new(symbol, number, module));
    let guard = probe.provider.nests.then(|| shared.guard(probe.span, module));
    let b = Builder::new(module, symbol, FunctionKind::Program { section, guard }, 1, probe.span);
    let stack_budget = if probe.map_loops { STACK_BUDGET_WITH_CALLBACKS } else { STACK_BUDGET };
    let mut f = FnLower {
        b,
        shared,
        probe,
        index,
        vars: HashMap::new(),
        loops: Vec::new(),
        work: Default::default(),
        shares: loops::shares(probe),
        syscalls: table,
        frame: None,
        sent: Sent::default(),
        used: Used { stack_budget, ..Used::default() },
    };
    f.body();
    f.b.finish()
}

impl FnLower<'_, '_, '_> {
    /// Goes on with code for this part of the script.
    pub fn enter(&mut self, span: Span) {
        self.b.span = span;
        here::enter(span);
    }

    fn body(&mut self) {
        here::enter(self.probe.span);
        let leave = self.b.block(0);
        // END runs after an `exit()`, and an iterator's walk is finished: a count of all tasks is of all tasks.
        let goes_on = matches!(self.probe.attach, abi::Attach::End | abi::Attach::Iter { .. });
        if !goes_on && self.shared.needs.stop {
            let run = self.b.block(0);
            let flag = self.b.global_addr(self.shared.stopped);
            let stopped = self.b.load(Width::B4, flag, 0);
            self.b.branch_imm(Cond::Ne, stopped, 0, leave, run);
            self.b.switch_to(run);
        }
        if let Some(object) = self.probe.provider.object {
            let run = self.b.block(0);
            let object = self.b.load(Width::B8, self.b.param(0), object);
            self.b.branch_imm(Cond::Ne, object, 0, run, leave);
            self.b.switch_to(run);
        }
        self.restrict(leave);
        self.begin_of_syscall(leave);
        for named in &self.probe.named {
            self.enter(named.span);
            self.note_named(named);
        }
        self.note_all_arguments();
        for field in &self.probe.typed_by {
            self.enter(field.span);
            self.require_same_types(field);
        }
        for condition in &self.probe.decided {
            self.enter(condition.span);
            let same = self.scalar(condition);
            self.require(same, Refused::Decided);
        }
        self.enter(self.probe.span);
        // A filter that fails clears no memory for variables, but for its own.
        if self.probe.predicate_vars {
            self.declare();
        }
        if let Some(predicate) = &self.probe.predicate {
            let run = self.b.block(0);
            self.condition(predicate, run, leave);
            self.b.switch_to(run);
        }
        if !self.probe.predicate_vars {
            self.declare();
        }
        self.block(&self.probe.body);
        self.b.jump(leave, &[]);
        self.b.switch_to(leave);
        let zero = self.b.iconst(0);
        self.b.ret(zero);
    }

    fn declare(&mut self) {
        if self.probe.map_loops {
            self.declare_in_frame();
        }
        self.declare_vars();
    }

    /// Gives every variable a cleared place, but for those in the frame. Scalars have a slot of their own, which
    /// the optimiser turns into SSA values. Others are not on the stack where there are loops, see [`FnLower::alloc`].
    fn declare_vars(&mut self) {
        let loops = loops::outermost(&self.probe.body) > 0;
        for (n, var) in self.probe.vars.iter().enumerate().filter(|(_, var)| !var.shared) {
            let size = var_size(&var.ty);
            let memory = if var.ty.is_scalar() {
                let slot = self.b.slot(8);
                Memory { base: self.b.slot_addr(slot), offset: 0 }
            } else if loops {
                self.scratch(size)
            } else {
                self.alloc(size)
            };
            let var = hir::VarId(n as u32);
            self.vars.insert(var, memory);
            self.zero_var(var);
        }
    }

    /// Clears a variable.
    pub fn zero_var(&mut self, var: hir::VarId) {
        let (memory, ty) = (self.vars[&var], &self.probe.vars[var.0 as usize].ty);
        if ty.is_scalar() {
            let zero = self.b.iconst(0);
            self.b.store(Width::B8, memory.base, memory.offset, zero);
        } else {
            self.b.clear(memory.base, memory.offset, var_size(ty).next_multiple_of(8));
        }
    }

    /// Puts variables that callbacks use where they reach them: into scratch memory, whose address
    /// lies in the frame. On the stack the verifier would follow their values from one
    /// round of a loop to the next and find no end.
    fn declare_in_frame(&mut self) {
        let mut size = 0;
        let mut vars = Vec::new();
        for (n, var) in self.probe.vars.iter().enumerate().filter(|(_, var)| var.shared) {
            vars.push((hir::VarId(n as u32), size as i32));
            size += var_size(&var.ty).next_multiple_of(8);
        }
        let bytes = if self.probe.dynamic_identity { FRAME_SIZE + 8 } else { FRAME_SIZE };
        let slot = self.b.slot(bytes);
        let base = self.b.slot_addr(slot);
        self.b.clear(base, 0, FRAME_SIZE);
        let ctx = self.b.param(0);
        self.b.store(Width::B8, base, 0, ctx);
        if self.probe.dynamic_identity {
            let number = self.probe_number();
            self.b.store(Width::B8, base, FRAME_NUMBER, number);
        }
        if size > 0 {
            let memory = self.scratch(size);
            self.b.clear(memory.base, 0, size);
            self.b.store(Width::B8, base, FRAME_VARS, memory.base);
            for (var, offset) in &vars {
                self.vars.insert(*var, Memory { base: memory.base, offset: *offset });
            }
        }
        self.frame = Some(Frame { base, vars, callback: false });
    }

    /// The program's context.
    pub fn ctx(&mut self) -> Value {
        match &self.frame {
            Some(frame) if frame.callback => {
                let base = frame.base;
                self.b.load(Width::B8, base, 0)
            }
            _ => self.b.param(0),
        }
    }

    /// Begins to count the memory of a nested function; the outer one's.
    pub fn begin_memory(&mut self) -> Used {
        let stack_budget = self.used.stack_budget;
        std::mem::replace(&mut self.used, Used { stack_budget, ..Used::default() })
    }

    /// Goes on counting the memory of the outer function.
    pub fn end_memory(&mut self, outer: Used) {
        self.used = outer;
    }

    /// Puts no further object of this function on the stack, for those that are called where it is nearly full.
    pub fn leave_stack(&mut self) {
        self.used.stack_budget = 0;
    }

    /// Lowers a statement by `f`; the scratch memory that it takes is free afterwards.
    pub fn with_temporaries(&mut self, f: impl FnOnce(&mut Self)) {
        let around = self.used.temporaries.len();
        f(self);
        let done = self.used.temporaries.split_off(around);
        self.used.free.extend(done);
    }

    /// Memory for an object of this function, rounded up to 8 bytes, with whatever content. In a loop it is
    /// not on the stack: the verifier would compare what an earlier round left there.
    pub fn alloc(&mut self, size: u32) -> Memory {
        let size = size.max(1).next_multiple_of(8);
        if size <= STACK_OBJECT && !self.in_loop() && self.used.stack + size <= self.used.stack_budget {
            self.used.stack += size;
            let slot = self.b.slot(size);
            return Memory { base: self.b.slot_addr(slot), offset: 0 };
        }
        self.scratch(size)
    }

    /// Memory in the per-CPU scratch map.
    pub fn scratch(&mut self, size: u32) -> Memory {
        self.b.module.need_scratch();
        let size = size.next_multiple_of(8);
        let fits = self.used.free.iter().rposition(|(free, _)| *free == size);
        let (_, scratch) = match fits {
            Some(n) => self.used.free.swap_remove(n),
            None => (size, self.b.scratch(size)),
        };
        self.used.temporaries.push((size, scratch));
        let base = self.b.push(btc_ir::Op::ScratchAddr(scratch));
        Memory { base, offset: 0 }
    }

    /// A pointer to a place.
    pub fn pointer(&mut self, memory: Memory) -> Value {
        self.b.add_imm(memory.base, i64::from(memory.offset))
    }

    /// Ends the program with a result; what follows is unreachable. Only programs that the
    /// tracer runs itself have one: the kernel gives others' results a meaning.
    pub fn leave_with(&mut self, value: Value) {
        let has_result = self.probe.provider.context == Context::None;
        if !has_result || self.frame.as_ref().is_some_and(|f| f.callback) {
            return self.leave();
        }
        self.ret(value);
        let unreachable = self.b.block(0);
        self.b.switch_to(unreachable);
    }

    /// Ends the program; what follows is unreachable.
    pub fn leave(&mut self) {
        let in_callback = self.frame.as_ref().is_some_and(|f| f.callback);
        if in_callback {
            self.mark_returned();
        }
        // A callback that returns 1 ends its loop.
        let result = self.b.iconst(i64::from(in_callback));
        self.ret(result);
        let unreachable = self.b.block(0);
        self.b.switch_to(unreachable);
    }
}

/// Bytes that a variable takes.
fn var_size(ty: &Type) -> u32 {
    ty.size().max(8)
}

/// A name of letters, digits and underscores.
fn identifier(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(48).collect()
}
