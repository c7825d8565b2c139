//! Machine code to instructions: moves between places, blocks in layout order, jump
//! distances, references and source lines.
//!
//! Requires: an allocation for the code. Keeps: the first instruction has a line; lines
//! ascend strictly and never point at the second slot of a 64-bit load. A block that does
//! nothing but jump is left out, and so is a jump to what follows.

use btc_bpf::opcode as op;
use btc_bpf::{Insn, Line, Reference, Reg, Target};
use btc_ir::{BinOp, Cond, Guard, LateId, Width};

use crate::CodegenError;
use crate::frame::Frame;
use crate::guard;
use crate::isel::inverted;
use crate::jumps::Jumps;
use crate::mir::{Base, Callee, Code, Dest, Form, Inst, Off, Opd, Pos, Source, VReg};
use crate::moves::{self, Place};
use crate::regalloc::Allocation;

/// Most instructions that the kernel takes in one program.
const MAX_INSNS: usize = 1_000_000;

/// A function's machine code.
pub struct Emitted {
    pub insns: Vec<Insn>,
    pub references: Vec<Reference>,
    pub lines: Vec<Line>,
    pub stack: u32,
}

struct Emitter<'a> {
    allocation: &'a Allocation,
    frame: Frame,
    guard: Option<Guard>,
    insns: Vec<Insn>,
    references: Vec<Reference>,
    lines: Vec<Line>,
    jumps: Jumps,
    pos: Pos,
    /// Number of the current instruction of the machine code.
    number: u32,
    /// Stack words for moves that find no free register: for cycles, for saving a register.
    emergency: [Option<u32>; 2],
}

/// Emits the code of a function.
pub fn run(
    code: &Code,
    allocation: &Allocation,
    frame: Frame,
    guard: Option<Guard>,
    function: &str,
) -> Result<Emitted, CodegenError> {
    let mut e = Emitter {
        allocation,
        frame,
        guard,
        insns: Vec::new(),
        references: Vec::new(),
        lines: Vec::new(),
        jumps: Jumps::new(code, &[], &[]),
        pos: Pos { file: 0, start: 0 },
        number: 0,
        emergency: [None; 2],
    };
    let goals = e.goals(code);
    let order = reachable(code, &goals);
    e.jumps = Jumps::new(code, &order, &goals);
    if let (Some(guard), Some((_, pos))) = (guard, code.blocks[code.layout[0]].first()) {
        e.pos = *pos;
        e.sequence(guard::enter(&guard));
    }
    for (n, &b) in order.iter().enumerate() {
        e.jumps.begin(b, e.insns.len());
        e.block(code, n, &order, &goals);
    }
    if !e.jumps.finish(&mut e.insns) || e.insns.len() > MAX_INSNS {
        return Err(CodegenError::TooLong { function: function.to_string(), insns: e.insns.len(), limit: MAX_INSNS });
    }
    let calls = e.references.iter().any(|r| matches!(r.target, Target::FunctionCall(_)));
    let stack = e.frame.finish(function, calls)?;
    Ok(Emitted { insns: e.insns, references: e.references, lines: e.lines, stack })
}

/// Blocks of the layout that the entry reaches when jumps go straight to their goals.
fn reachable(code: &Code, goals: &[usize]) -> Vec<usize> {
    let mut seen = vec![false; code.blocks.len()];
    let mut work = vec![code.layout[0]];
    seen[code.layout[0]] = true;
    while let Some(b) = work.pop() {
        for next in code.successors(b) {
            if !std::mem::replace(&mut seen[goals[next]], true) {
                work.push(goals[next]);
            }
        }
    }
    code.layout.iter().copied().filter(|b| seen[*b]).collect()
}

fn alu_code(op: BinOp) -> u8 {
    match op {
        BinOp::Add => op::ADD,
        BinOp::Sub => op::SUB,
        BinOp::Mul => op::MUL,
        BinOp::UDiv => op::DIV,
        BinOp::UMod => op::MOD,
        BinOp::And => op::AND,
        BinOp::Or => op::OR,
        BinOp::Xor => op::XOR,
        BinOp::Shl => op::LSH,
        BinOp::LShr => op::RSH,
        BinOp::AShr => op::ARSH,
    }
}

fn jump_code(cond: Cond) -> u8 {
    match cond {
        Cond::Eq => op::JEQ,
        Cond::Ne => op::JNE,
        Cond::ULt => op::JLT,
        Cond::ULe => op::JLE,
        Cond::UGt => op::JGT,
        Cond::UGe => op::JGE,
        Cond::SLt => op::JSLT,
        Cond::SLe => op::JSLE,
        Cond::SGt => op::JSGT,
        Cond::SGe => op::JSGE,
    }
}

impl Emitter<'_> {
    fn reg(&self, v: VReg) -> Reg {
        self.allocation.regs[v.0 as usize]
    }

    /// By block: where a jump to it ends up, past blocks that only jump.
    fn goals(&self, code: &Code) -> Vec<usize> {
        let mut goals: Vec<usize> = (0..code.blocks.len()).collect();
        for &b in &code.layout {
            let Some(((Inst::Jump(to), _), rest)) = code.blocks[b].split_last() else { continue };
            if rest.iter().all(|(i, _)| self.is_nothing(i)) {
                goals[b] = *to;
            }
        }
        for b in 0..goals.len() {
            let mut goal = goals[b];
            // A loop of empty blocks has no end: stay where the count runs out.
            for _ in 0..goals.len() {
                if goals[goal] == goal {
                    break;
                }
                goal = goals[goal];
            }
            goals[b] = if goals[goal] == goal { goal } else { b };
        }
        goals
    }

    /// Whether an instruction turns out to be a move from a place to itself.
    fn is_nothing(&self, inst: &Inst) -> bool {
        match inst {
            Inst::Set { d, s: Source::Reg(s) } => self.reg(*d) == self.reg(*s),
            Inst::Moves(moves) => moves.iter().all(|m| match m {
                (Dest::Reg(d), Source::Reg(s)) => self.reg(*d) == self.reg(*s),
                (Dest::Spill(d), Source::Spill(s)) => d == s,
                _ => false,
            }),
            _ => false,
        }
    }

    fn push(&mut self, insn: Insn) {
        let Pos { file, start } = self.pos;
        if self.lines.last().is_none_or(|l| (l.file, l.start) != (file, start)) {
            self.lines.push(Line { insn: self.insns.len() as u32, file, start });
        }
        self.insns.push(insn);
    }

    fn refer(&mut self, target: Target) {
        self.references.push(Reference { insn: self.insns.len() as u32, target });
    }

    /// A 64-bit load that a relocation fills.
    fn wide(&mut self, d: Reg, target: Target) {
        self.refer(target);
        let [low, high] = Insn::load_imm64(d, 0);
        self.push(low);
        self.insns.push(high);
    }

    fn set_imm(&mut self, d: Reg, n: i64) {
        if let Ok(n) = i32::try_from(n) {
            self.push(Insn::mov_imm(d, n));
        } else if let Ok(n) = u32::try_from(n) {
            self.push(Insn::mov32_imm(d, n));
        } else {
            let [low, high] = Insn::load_imm64(d, n as u64);
            self.push(low);
            self.insns.push(high);
        }
    }

    fn add(&mut self, d: Reg, n: i32) {
        if n != 0 {
            self.push(Insn::alu_imm(op::ADD, d, n));
        }
    }

    fn set(&mut self, d: Reg, s: Source) {
        match s {
            Source::Reg(s) => {
                let s = self.reg(s);
                if s != d {
                    self.push(Insn::mov(d, s));
                }
            }
            Source::Imm(n) => self.set_imm(d, n),
            Source::Slot(slot, off) => {
                let off = self.frame.slot(slot).saturating_add(off);
                self.push(Insn::mov(d, Reg::FP));
                self.push(Insn::alu_imm(op::ADD, d, off));
            }
            Source::Sum(base, off) => {
                self.set(d, Source::Reg(base));
                self.add(d, off);
            }
            Source::Addr(target) => self.wide(d, target),
            Source::Late(late, form) => self.late(d, late, form),
            Source::Spill(word) => self.push(Insn::load(8, d, Reg::FP, self.frame.word(word))),
        }
    }

    fn late(&mut self, d: Reg, late: LateId, form: Form) {
        match form {
            Form::Wide => self.wide(d, Target::Late(late.0)),
            Form::Imm => {
                self.refer(Target::Late(late.0));
                self.push(Insn::mov_imm(d, 0));
            }
        }
    }

    fn base(&self, base: Base, off: i32) -> (Reg, i16) {
        match base {
            Base::Reg(r) => (self.reg(r), off as i16),
            Base::Slot(slot) => (Reg::FP, self.frame.slot(slot).saturating_add(off) as i16),
        }
    }

    /// Emits the `nth` block of the order.
    fn block(&mut self, code: &Code, nth: usize, order: &[usize], goals: &[usize]) {
        let (b, next) = (order[nth], order.get(nth + 1).copied());
        let first = self.allocation.starts[b];
        for (n, (inst, pos)) in code.blocks[b].iter().enumerate() {
            if self.jumps.due(&self.insns) {
                self.jumps.islands(&mut self.insns, nth);
            }
            self.pos = *pos;
            self.number = first + n as u32;
            match inst {
                Inst::Jump(to) => self.jump(goals[*to], next),
                Inst::Branch { cond, a, b, then, otherwise } => {
                    self.branch(*cond, *a, *b, goals[*then], goals[*otherwise], next);
                }
                other => self.inst(other),
            }
        }
    }

    fn jump(&mut self, to: usize, next: Option<usize>) {
        if next != Some(to) {
            let off = self.jumps.add(self.insns.len(), to);
            self.push(Insn::jump(off));
        }
    }

    fn compare(&mut self, cond: Cond, a: VReg, b: Opd, off: i16) {
        let (code, a) = (jump_code(cond), self.reg(a));
        self.push(match b {
            Opd::Imm(n) => Insn::jump_imm(code, a, n, off),
            Opd::Reg(b) => Insn::jump_reg(code, a, self.reg(b), off),
        });
    }

    fn branch(&mut self, cond: Cond, a: VReg, b: Opd, then: usize, otherwise: usize, next: Option<usize>) {
        if then == otherwise {
            return self.jump(then, next);
        }
        let (cond, to, rest) =
            if next == Some(then) { (inverted(cond), otherwise, then) } else { (cond, then, otherwise) };
        let off = self.jumps.add(self.insns.len(), to);
        self.compare(cond, a, b, off);
        self.jump(rest, next);
    }

    fn inst(&mut self, inst: &Inst) {
        match inst {
            Inst::Params(dests) => {
                let from = |n: usize| Place::Reg(Reg(n as u8 + 1));
                let moves: Vec<_> = dests.iter().enumerate().map(|(n, d)| (self.place(*d), from(n))).collect();
                self.parallel(&moves, &[], &[]);
            }
            Inst::Set { d, s } => self.set(self.reg(*d), *s),
            Inst::Mov32 { d, s } => self.push(Insn::mov32(self.reg(*d), self.reg(*s))),
            Inst::Alu { op, d, s } => {
                let (code, d) = (alu_code(*op), self.reg(*d));
                self.push(match s {
                    Opd::Imm(n) => Insn::alu_imm(code, d, *n),
                    Opd::Reg(s) => Insn::alu_reg(code, d, self.reg(*s)),
                });
            }
            Inst::AluLate { op, d, late } => {
                self.refer(Target::Late(late.0));
                self.push(Insn::alu_imm(alu_code(*op), self.reg(*d), 0));
            }
            Inst::Swap { bits, d } => self.push(Insn::swap(self.reg(*d), *bits)),
            Inst::Load { width, d, base, off } => self.load(*width, *d, *base, *off),
            Inst::Store { width, base, off, s } => {
                let (base, off) = self.base(*base, *off);
                self.push(match s {
                    Opd::Imm(n) => Insn::store_imm(width.bytes(), base, off, *n),
                    Opd::Reg(s) => Insn::store(width.bytes(), base, off, self.reg(*s)),
                });
            }
            Inst::AtomicAdd { width, base, off, s } => {
                let (base, off) = self.base(*base, *off);
                self.push(Insn::atomic_add(width.bytes(), base, off, self.reg(*s)));
            }
            Inst::Compare { cond, d, a, b } => {
                self.push(Insn::mov_imm(self.reg(*d), 1));
                self.compare(*cond, *a, *b, 1);
                self.push(Insn::mov_imm(self.reg(*d), 0));
            }
            Inst::UMin { d, n } => {
                self.compare(Cond::ULe, *d, *n, 1);
                let d = self.reg(*d);
                match n {
                    Opd::Imm(n) => self.push(Insn::mov_imm(d, *n)),
                    Opd::Reg(n) => self.push(Insn::mov(d, self.reg(*n))),
                }
            }
            Inst::Call { callee, args, .. } => self.call(*callee, args, inst),
            Inst::Moves(moves) => self.moves(moves),
            Inst::Return(s) => self.leave(*s),
            Inst::Jump(_) | Inst::Branch { .. } => {}
        }
    }

    /// Ends the function: the one place that makes its `exit`.
    fn leave(&mut self, result: Source) {
        match self.guard {
            None => self.set(Reg::R0, result),
            Some(guard) => {
                self.set(guard::KEPT, result);
                self.sequence(guard::leave(&guard));
            }
        }
        self.push(Insn::exit());
    }

    fn sequence(&mut self, steps: Vec<guard::Step>) {
        for step in steps {
            match step {
                guard::Step::Plain(insn) => self.push(insn),
                guard::Step::Call(target) => {
                    self.refer(target);
                    self.push(Insn::call_symbol());
                }
            }
        }
    }

    fn load(&mut self, width: Width, d: VReg, base: Base, off: Off) {
        let (off, late) = match off {
            Off::Fixed(off) => (off, None),
            Off::Late(late) => (0, Some(late)),
        };
        let (base, off) = self.base(base, off);
        if let Some(late) = late {
            self.refer(Target::Late(late.0));
        }
        self.push(Insn::load(width.bytes(), self.reg(d), base, off));
    }

    fn call(&mut self, callee: Callee, args: &[Source], inst: &Inst) {
        let (mut moves, mut sums, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for (n, arg) in args.iter().enumerate() {
            let to = Reg(n as u8 + 1);
            match arg {
                Source::Reg(s) => moves.push((Place::Reg(to), Place::Reg(self.reg(*s)))),
                Source::Sum(s, off) => {
                    moves.push((Place::Reg(to), Place::Reg(self.reg(*s))));
                    sums.push((to, *off));
                }
                other => rest.push((to, *other)),
            }
        }
        // r0 is free once it was read: nothing is moved into it here.
        for step in moves::order(&moves, Place::Reg(Reg::R0)) {
            self.step(step);
        }
        sums.into_iter().for_each(|(to, off)| self.add(to, off));
        rest.into_iter().for_each(|(to, s)| self.set(to, s));
        match callee {
            Callee::Helper(n) => self.push(Insn::call(n)),
            Callee::Symbol(target) => {
                self.refer(target);
                self.push(Insn::call_symbol());
            }
        }
        if let Inst::Call { d: Some(d), .. } = inst
            && self.reg(*d) != Reg::R0
        {
            self.push(Insn::mov(self.reg(*d), Reg::R0));
        }
    }

    fn place(&self, d: Dest) -> Place {
        match d {
            Dest::Reg(d) => Place::Reg(self.reg(d)),
            Dest::Spill(word) => Place::Word(word),
        }
    }

    fn moves(&mut self, moves: &[(Dest, Source)]) {
        let mut held = Vec::new();
        let mut made = Vec::new();
        for (d, s) in moves {
            let to = self.place(*d);
            match s {
                Source::Reg(s) => held.push((to, Place::Reg(self.reg(*s)))),
                Source::Spill(word) => held.push((to, Place::Word(*word))),
                other => made.push((to, *other)),
            }
        }
        let fresh: Vec<Place> = made.iter().map(|(to, _)| *to).collect();
        self.parallel(&held, &fresh, &made);
    }

    /// Does the moves of `held` values, then makes the rest; `fresh` are the places of those.
    fn parallel(&mut self, held: &[(Place, Place)], fresh: &[Place], made: &[(Place, Source)]) {
        let mut avoid: Vec<Reg> = Vec::new();
        for place in held.iter().flat_map(|(a, b)| [a, b]).chain(fresh) {
            if let Place::Reg(r) = place {
                avoid.push(*r);
            }
        }
        let spare = match self.allocation.free_at(self.number, &avoid) {
            Some(r) => Place::Reg(r),
            None => Place::Word(self.emergency_word(0, held)),
        };
        for step in moves::order(held, spare) {
            // The spare register may hold a cycle's value; words then go through another.
            self.step_with(step, &avoid, spare);
        }
        for (to, s) in made {
            match (to, s) {
                (Place::Reg(r), s) => self.set(*r, *s),
                (Place::Word(w), Source::Imm(n)) if i32::try_from(*n).is_ok() => {
                    self.push(Insn::store_imm(8, Reg::FP, self.frame.word(*w), *n as i32));
                }
                (Place::Word(w), s) => {
                    let off = self.frame.word(*w);
                    self.borrow(&avoid, |e, r| {
                        e.set(r, *s);
                        e.push(Insn::store(8, Reg::FP, off, r));
                    });
                }
            }
        }
    }

    /// The word for cycles, made when it can be needed.
    fn emergency_word(&mut self, n: usize, held: &[(Place, Place)]) -> u32 {
        if held.is_empty() {
            return 0;
        }
        *self.emergency[n].get_or_insert_with(|| self.frame.add_word())
    }

    /// Lends a register: a free one, or any one that is saved around the use.
    fn borrow(&mut self, avoid: &[Reg], f: impl FnOnce(&mut Self, Reg)) {
        if let Some(r) = self.allocation.free_at(self.number, avoid) {
            return f(self, r);
        }
        let word = *self.emergency[1].get_or_insert_with(|| self.frame.add_word());
        let off = self.frame.word(word);
        self.push(Insn::store(8, Reg::FP, off, Reg::R9));
        f(self, Reg::R9);
        self.push(Insn::load(8, Reg::R9, Reg::FP, off));
    }

    fn step_with(&mut self, step: moves::Step, avoid: &[Reg], spare: Place) {
        let (Place::Word(to), Place::Word(from)) = (step.to, step.from) else {
            return self.step(step);
        };
        let mut avoid = avoid.to_vec();
        if let Place::Reg(r) = spare {
            avoid.push(r);
        }
        let (to, from) = (self.frame.word(to), self.frame.word(from));
        self.borrow(&avoid, |e, r| {
            e.push(Insn::load(8, r, Reg::FP, from));
            e.push(Insn::store(8, Reg::FP, to, r));
        });
    }

    /// One step that has a register on at least one side.
    fn step(&mut self, step: moves::Step) {
        match (step.to, step.from) {
            (Place::Reg(to), Place::Reg(from)) => self.push(Insn::mov(to, from)),
            (Place::Word(to), Place::Reg(from)) => {
                self.push(Insn::store(8, Reg::FP, self.frame.word(to), from));
            }
            (Place::Reg(to), Place::Word(from)) => {
                self.push(Insn::load(8, to, Reg::FP, self.frame.word(from)));
            }
            (Place::Word(_), Place::Word(_)) => {}
        }
    }
}
