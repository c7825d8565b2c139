//! Checks a module. What it finds is a bug of the phase that made the module, never the user's.
//!
//! Of a module:
//! - symbols of maps are identifiers that differ in their first 15 characters; keys and values have
//!   a size (the scratch map's value gets its own later), the ring buffer has none;
//! - globals in `.bss` are zero; the scratch map exists; symbols of functions differ.
//!
//! Of a function:
//! - the entry block exists, nothing jumps to it, and it has one parameter in a program, at most 5 else;
//! - every block has a terminator, and jumps pass one value for each parameter of their target;
//! - ids are in range; every value is defined once, and its definition dominates its uses
//!   (in unreachable blocks it need only exist);
//! - an operation has a result exactly when it yields one;
//! - extensions are of 8, 16 or 32 bits, swaps of 16, 32 or 64, atomic additions of 4 or 8 bytes;
//! - the bound of a `umin` fits 32 bits, which is what the kernel's verifier tracks well;
//! - accesses have a pointer as base where its definition tells, and stay inside stack objects,
//!   scratch objects and globals; nothing is stored to `.rodata`;
//! - `load_late` takes a byte offset or a tracepoint field, `late` anything but a tracepoint field;
//! - calls have at most 5 arguments, and as many as the kernel function or the function takes;
//!   programs are not called; only callbacks have their address taken;
//! - scratch objects need a scratch map.

use std::collections::HashSet;
use std::fmt;

use crate::{
    ArgumentPart, Block, Callee, Cfg, Fact, Function, FunctionKind, Guard, InstData, Jump, Late, Memory, Module, Op, Section,
    Terminator, UsdtPart, Value, Width,
};

/// Most errors that are collected.
const MAX_ERRORS: usize = 100;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The function; empty for the module's own parts.
    pub function: String,
    /// The block.
    pub block: Option<Block>,
    /// The instruction's text form, or what else is wrong; may be empty.
    pub place: String,
    /// The rule.
    pub message: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.function.is_empty() {
            write!(f, "function `{}`: ", self.function)?;
        }
        if let Some(block) = self.block {
            write!(f, "{block}: ")?;
        }
        if !self.place.is_empty() {
            write!(f, "`{}`: ", self.place)?;
        }
        f.write_str(&self.message)
    }
}

/// All rules that the module breaks (the first 100).
pub fn validate(module: &Module) -> Vec<Invalid> {
    let mut c = Checker { errors: Vec::new(), function: String::new(), block: None };
    module_parts(module, &mut c);
    for function in &module.functions {
        c.function.clone_from(&function.name);
        FunctionChecker { module, func: function, c: &mut c, defs: Vec::new() }.run();
        c.block = None;
    }
    c.errors
}

struct Checker {
    errors: Vec<Invalid>,
    function: String,
    block: Option<Block>,
}

impl Checker {
    fn error(&mut self, place: &dyn fmt::Display, message: impl Into<String>) {
        if self.errors.len() < MAX_ERRORS {
            let (function, place) = (self.function.clone(), place.to_string());
            self.errors.push(Invalid { function, block: self.block, place, message: message.into() });
        }
    }
}

fn module_parts(module: &Module, c: &mut Checker) {
    let mut symbols = HashSet::new();
    for (n, map) in module.maps.iter().enumerate() {
        let place = format!("map{n}");
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let digit = map.symbol.starts_with(|c: char| c.is_ascii_digit());
        if map.symbol.is_empty() || digit || !map.symbol.bytes().all(word) {
            c.error(&place, "the symbol is no identifier");
        } else if !symbols.insert(&map.symbol[..map.symbol.len().min(15)]) {
            c.error(&place, "another map has the same first 15 characters");
        }
        let sizes = map.key_size > 0 && map.value_size > 0;
        let scratch = module.scratch_map.is_some_and(|s| s.index() == n);
        match map.kind {
            Some(_) if !sizes && !scratch => c.error(&place, "the key or the value has no size"),
            None if map.key_size > 0 || map.value_size > 0 => c.error(&place, "a ring buffer has no keys"),
            _ => {}
        }
        if map.max_entries == 0 {
            c.error(&place, "no entries");
        }
    }
    if module.scratch_map.is_some_and(|s| s.index() >= module.maps.len()) {
        c.error(&"scratch_map", "no such map");
    }
    for (n, global) in module.globals.iter().enumerate() {
        if global.section == Section::Bss && global.init.iter().any(|b| *b != 0) {
            c.error(&format!("global{n}"), "`.bss` is not zero");
        }
    }
    let mut names = HashSet::new();
    for (n, function) in module.functions.iter().enumerate() {
        if !names.insert(&function.name) {
            c.error(&format!("fn{n}"), "another function has the same symbol");
        }
    }
}

/// Where a value is defined: block and instruction from 1, 0 for a parameter.
type Def = Option<(u32, u32)>;

struct FunctionChecker<'a> {
    module: &'a Module,
    func: &'a Function,
    c: &'a mut Checker,
    defs: Vec<Def>,
}

impl<'a> FunctionChecker<'a> {
    fn run(&mut self) {
        let func = self.func;
        let Some(entry) = func.blocks.first() else {
            return self.c.error(&"", "no blocks");
        };
        let params = entry.params.len();
        match &func.kind {
            FunctionKind::Program { .. } if params != 1 => {
                self.c.error(&"", format!("a program has 1 parameter, not {params}"));
            }
            FunctionKind::Program { guard: Some(guard), .. } => self.guard(guard),
            _ if params > 5 => self.c.error(&"", format!("{params} parameters, and 5 are the most")),
            _ => {}
        }
        let before = self.c.errors.len();
        self.define();
        self.in_blocks(|this, _, block| {
            for inst in &block.insts {
                this.inst(inst);
            }
            match &block.terminator {
                Some(t) => this.terminator(t),
                None => this.c.error(&"", "the block has no terminator"),
            }
        });
        if self.c.errors.len() == before {
            self.dominance();
        }
    }

    fn guard(&mut self, guard: &Guard) {
        for (id, params) in [(guard.enter, 1), (guard.leave, 0)] {
            let fits = |f: &Function| {
                f.kind == FunctionKind::Subprogram && f.blocks.first().is_some_and(|entry| entry.params.len() == params)
            };
            if !self.module.functions.get(id.index()).is_some_and(fits) {
                self.c.error(&"", format!("{id} is no subprogram of {params} parameters, as the guard wants it"));
            }
        }
        if !guard.lost.is_multiple_of(8) {
            self.c.error(&"", "the guard's counter is not aligned");
        }
    }

    fn in_blocks(&mut self, mut f: impl FnMut(&mut Self, Block, &'a crate::BlockData)) {
        let func = self.func;
        for (n, block) in func.blocks.iter().enumerate() {
            self.c.block = Some(Block(n as u32));
            f(self, Block(n as u32), block);
        }
        self.c.block = None;
    }

    fn define(&mut self) {
        self.defs = vec![None; self.func.values as usize];
        self.in_blocks(|this, at, block| {
            for param in &block.params {
                this.define_one(*param, (at.0, 0));
            }
            for (n, inst) in block.insts.iter().enumerate() {
                if inst.result.is_some() != inst.op.has_result() {
                    this.c.error(inst, "it has a result and should not, or the reverse");
                }
                if let Some(result) = inst.result {
                    this.define_one(result, (at.0, n as u32 + 1));
                }
            }
        });
    }

    fn define_one(&mut self, value: Value, at: (u32, u32)) {
        match self.defs.get_mut(value.index()) {
            Some(def @ None) => *def = Some(at),
            Some(Some(_)) => self.c.error(&value, "defined twice"),
            None => self.c.error(&value, "out of range"),
        }
    }

    fn check(&mut self, holds: bool, place: &dyn fmt::Display, message: &str) {
        if !holds {
            self.c.error(place, message);
        }
    }

    fn used(&mut self, value: Value, place: &dyn fmt::Display) {
        match self.defs.get(value.index()) {
            Some(Some(_)) => {}
            _ => self.c.error(place, format!("{value} is not defined")),
        }
    }

    fn inst(&mut self, inst: &InstData) {
        inst.op.for_each_operand(|v| self.used(v, inst));
        let m = self.module;
        match &inst.op {
            Op::SignExtend(n, _) | Op::ZeroExtend(n, _) => {
                self.check(matches!(n, 8 | 16 | 32), inst, "extensions are of 8, 16 or 32 bits");
            }
            Op::ByteSwap(n, _) => {
                self.check(matches!(n, 16 | 32 | 64), inst, "swaps are of 16, 32 or 64 bits")
            }
            Op::UMin(_, n) => self.check(*n <= u64::from(u32::MAX), inst, "the bound is over 32 bits"),
            Op::Load(w, mem) => self.access(*mem, w.bytes(), false, inst),
            Op::Store(w, mem, _) => self.access(*mem, w.bytes(), true, inst),
            Op::AtomicAdd(w, mem, _) => {
                self.check(matches!(w, Width::B4 | Width::B8), inst, "atomics are of 4 or 8 bytes");
                self.access(*mem, w.bytes(), true, inst);
            }
            Op::Clear(mem, len) => self.access(*mem, *len, true, inst),
            Op::Copy { to, from, len } => {
                self.access(*to, *len, true, inst);
                self.access(*from, *len, false, inst);
            }
            Op::SlotAddr(s) => self.check(s.index() < self.func.slots.len(), inst, "no such stack object"),
            Op::ScratchAddr(s) => {
                self.check(s.index() < self.func.scratch.len(), inst, "no such scratch object");
                self.check(m.scratch_map.is_some(), inst, "no scratch map");
            }
            Op::MapAddr(id) => self.check(id.index() < m.maps.len(), inst, "no such map"),
            Op::GlobalAddr(id) => self.check(id.index() < m.globals.len(), inst, "no such global"),
            Op::KfuncAddr(id) => self.check(id.index() < m.kfuncs.len(), inst, "no such kernel function"),
            Op::FuncAddr(id) => match m.functions.get(id.index()) {
                None => self.c.error(inst, "no such function"),
                Some(f) => self.check(f.kind == FunctionKind::Callback, inst, "not a callback"),
            },
            Op::Late(id) => self.check(id.index() < m.lates.len(), inst, "no such late constant"),
            Op::Extend(id, _) => {
                let late = m.lates.get(id.index());
                let extends = matches!(late, Some(Late::Argument { part: ArgumentPart::Extend, .. }));
                self.check(extends, inst, "the late constant tells of no extension");
            }
            Op::LoadLate(_, _, id) => match m.lates.get(id.index()) {
                None => self.c.error(inst, "no such late constant"),
                Some(late) => {
                    let offset = matches!(
                        late,
                        Late::Field { fact: Fact::ByteOffset, .. }
                            | Late::Argument { part: ArgumentPart::Offset, .. }
                            | Late::UsdtArgument { part: UsdtPart::Base | UsdtPart::Index, .. }
                    );
                    self.check(offset, inst, "the late constant is no offset");
                }
            },
            Op::Call(callee, args) => self.call(*callee, args.len(), inst),
            Op::Const(_) | Op::Bin(..) | Op::Cmp(..) => {}
        }
    }

    fn call(&mut self, callee: Callee, args: usize, inst: &InstData) {
        self.check(args <= 5, inst, "more than 5 arguments");
        let wanted = match callee {
            Callee::Helper(_) => return,
            Callee::Kfunc(id) => match self.module.kfuncs.get(id.index()) {
                Some(kfunc) => usize::from(kfunc.args),
                None => return self.c.error(inst, "no such kernel function"),
            },
            Callee::Function(id) => match self.module.functions.get(id.index()) {
                Some(f) => {
                    let program = matches!(f.kind, FunctionKind::Program { .. });
                    self.check(!program, inst, "programs cannot be called");
                    f.blocks.first().map_or(0, |b| b.params.len())
                }
                None => return self.c.error(inst, "no such function"),
            },
        };
        if wanted != args {
            self.c.error(inst, format!("{args} arguments, and {wanted} are wanted"));
        }
    }

    fn access(&mut self, m: Memory, len: u32, writes: bool, inst: &InstData) {
        let Some(Some((block, at))) = self.defs.get(m.base.index()).copied() else { return };
        let Some(at) = (at as usize).checked_sub(1) else { return };
        let size = match &self.func.blocks[block as usize].insts[at].op {
            Op::SlotAddr(s) => self.func.slots.get(s.index()).copied(),
            Op::ScratchAddr(s) => self.func.scratch.get(s.index()).copied(),
            Op::GlobalAddr(g) => self.module.globals.get(g.index()).map(|g| {
                if writes && g.section == Section::Rodata {
                    self.c.error(inst, "stores to read-only data");
                }
                u32::try_from(g.init.len()).unwrap_or(u32::MAX)
            }),
            Op::MapAddr(_) | Op::FuncAddr(_) | Op::KfuncAddr(_) => {
                return self.c.error(inst, format!("{} is no address of data", m.base));
            }
            _ => None,
        };
        let end = i64::from(m.offset) + i64::from(len);
        if size.is_some_and(|size| m.offset < 0 || end > i64::from(size)) {
            self.c.error(inst, "out of bounds");
        }
    }

    fn terminator(&mut self, t: &Terminator) {
        match t {
            Terminator::Jump(j) => self.jump(j, t),
            Terminator::Branch { left, right, then, otherwise, .. } => {
                self.used(*left, t);
                self.used(*right, t);
                self.jump(then, t);
                self.jump(otherwise, t);
            }
            Terminator::Return(v) => self.used(*v, t),
        }
    }

    fn jump(&mut self, jump: &Jump, t: &Terminator) {
        for arg in &jump.args {
            self.used(*arg, t);
        }
        if jump.block == Block(0) {
            self.c.error(t, "jumps to the entry block");
        }
        match self.func.blocks.get(jump.block.index()) {
            None => self.c.error(t, format!("no {}", jump.block)),
            Some(to) if to.params.len() != jump.args.len() => {
                let (n, wanted) = (jump.args.len(), to.params.len());
                self.c.error(t, format!("{n} values for the {wanted} parameters of {}", jump.block));
            }
            Some(_) => {}
        }
    }

    fn dominance(&mut self) {
        let cfg = Cfg::new(self.func);
        self.in_blocks(|this, at, block| {
            if !cfg.is_reachable(at) {
                return;
            }
            for (n, inst) in block.insts.iter().enumerate() {
                inst.op.for_each_operand(|v| this.dominated(&cfg, v, (at.0, n as u32 + 1), inst));
            }
            let end = (at.0, u32::MAX);
            match &block.terminator {
                Some(t @ Terminator::Jump(j)) => {
                    j.args.iter().for_each(|v| this.dominated(&cfg, *v, end, t));
                }
                Some(t @ Terminator::Branch { left, right, then, otherwise, .. }) => {
                    let args = then.args.iter().chain(&otherwise.args);
                    [left, right].into_iter().chain(args).for_each(|v| this.dominated(&cfg, *v, end, t));
                }
                Some(t @ Terminator::Return(v)) => this.dominated(&cfg, *v, end, t),
                None => {}
            }
        });
    }

    fn dominated(&mut self, cfg: &Cfg, v: Value, at: (u32, u32), place: &dyn fmt::Display) {
        let Some(Some(def)) = self.defs.get(v.index()).copied() else { return };
        let (from, to) = (Block(def.0), Block(at.0));
        let holds = if from == to { def.1 < at.1 } else { cfg.is_reachable(from) && cfg.dominates(from, to) };
        if !holds {
            self.c.error(place, format!("{v} does not dominate its use"));
        }
    }
}
