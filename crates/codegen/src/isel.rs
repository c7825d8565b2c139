//! Instruction selection: walks blocks and instructions backwards, so that what a user
//! folds into itself is never made.
//!
//! Requires: legalized IR. Keeps: uses before definitions in the walk: blocks go in
//! post-order, so a value's users are seen first, except arguments of backward jumps,
//! whose parameters count as used. An instruction whose value nobody asked for is skipped.
//! Jumps with arguments that leave a branch get a block of their own for the moves. The order of the blocks is
//! left to [`crate::layout`].

use btc_ir::{Block, Cond, Function, Jump, Late, LateId, Module, Op, Terminator, Value};

use crate::CodegenError;
use crate::mir::{Code, Dest, Form, Info, Inst, Opd, Pos, Source, VReg};

/// The state of one function's selection.
pub struct Selector<'a> {
    pub func: &'a Function,
    pub module: &'a Module,
    /// The pointer to scratch memory.
    scratch: Option<Value>,
    pub code: Code,
    /// By value: the operation that yields it, `None` for parameters.
    ops: Vec<Option<&'a Op>>,
    /// By value: the block that holds `ops`.
    homes: Vec<u32>,
    /// By value: number of operands that name it.
    pub uses: Vec<u32>,
    /// By value: the value that it is the same as.
    alias: Vec<Value>,
    /// By value: its register, once someone asked for it.
    regs: Vec<Option<VReg>>,
    /// The current block, backwards.
    out: Vec<(Inst, Pos)>,
    /// Registers that must be set in front of the instruction just selected.
    pending: Vec<Vec<Inst>>,
    pub pos: Pos,
    pub block: usize,
}

/// The place of anything with a span; the span's own crate is not imported.
macro_rules! pos {
    ($of:expr) => {
        Pos { file: $of.span.file.0, start: $of.span.start }
    };
}

/// Selects instructions for a function, given its pointer to scratch memory.
pub fn run(func: &Function, scratch: Option<Value>, module: &Module) -> Result<Code, CodegenError> {
    let order = post_order(func).map_err(|what| CodegenError::Invalid { function: func.name.clone(), what })?;
    let mut s = Selector::new(func, scratch, module);
    s.find_aliases(&order);
    s.count_uses(&order);
    for &block in &order {
        s.select_block(block);
    }
    Ok(s.code)
}

/// Reachable blocks, each behind those that it reaches first.
fn post_order(func: &Function) -> Result<Vec<usize>, String> {
    let n = func.blocks.len();
    let mut seen = vec![false; n];
    let mut order = Vec::with_capacity(n);
    let mut stack = vec![(0usize, func.successors(Block(0)), 0usize)];
    seen[0] = true;
    while let Some((block, successors, at)) = stack.last_mut() {
        match successors.get(*at) {
            Some(next) => {
                *at += 1;
                let next = next.index();
                if next >= n {
                    return Err(format!("jump to block{next}, which does not exist"));
                }
                if !seen[next] {
                    seen[next] = true;
                    stack.push((next, func.successors(Block(next as u32)), 0));
                }
            }
            None => {
                if func.blocks[*block].terminator.is_none() {
                    return Err(format!("block{block} does not end"));
                }
                order.push(*block);
                stack.pop();
            }
        }
    }
    Ok(order)
}

/// The jumps that leave a block.
fn jumps(func: &Function, block: usize) -> Vec<&Jump> {
    match &func.blocks[block].terminator {
        Some(Terminator::Jump(j)) => vec![j],
        Some(Terminator::Branch { then, otherwise, .. }) => vec![then, otherwise],
        Some(Terminator::Return(_)) | None => Vec::new(),
    }
}

impl<'a> Selector<'a> {
    fn new(func: &'a Function, scratch: Option<Value>, module: &'a Module) -> Self {
        let n = func.values as usize;
        let mut ops = vec![None; n];
        let mut homes = vec![0; n];
        for (b, block) in func.blocks.iter().enumerate() {
            for inst in &block.insts {
                if let Some(v) = inst.result
                    && v.index() < n
                {
                    ops[v.index()] = Some(&inst.op);
                    homes[v.index()] = b as u32;
                }
            }
        }
        let code = Code { blocks: vec![Vec::new(); func.blocks.len()], ..Code::default() };
        Selector {
            func,
            module,
            scratch,
            code,
            ops,
            homes,
            uses: vec![0; n],
            alias: (0..n as u32).map(Value).collect(),
            regs: vec![None; n],
            out: Vec::new(),
            pending: Vec::new(),
            pos: pos!(func),
            block: 0,
        }
    }

    /// Parameters of blocks with one way in are the arguments of that jump.
    fn find_aliases(&mut self, order: &[usize]) {
        let mut ways = vec![0u32; self.func.blocks.len()];
        ways[0] = 1; // the call
        for &b in order {
            jumps(self.func, b).iter().for_each(|j| ways[j.block.index()] += 1);
        }
        for &b in order.iter().rev() {
            for jump in jumps(self.func, b) {
                if ways[jump.block.index()] != 1 {
                    continue;
                }
                for (param, arg) in self.func.block(jump.block).params.iter().zip(&jump.args) {
                    self.alias[param.index()] = *arg;
                }
            }
        }
    }

    /// The value that `v` stands for.
    pub fn resolve(&self, mut v: Value) -> Value {
        // Definitions dominate, so the chain ends; the bound is for broken input.
        for _ in 0..self.alias.len() {
            let next = self.alias[v.index()];
            if next == v {
                break;
            }
            v = next;
        }
        v
    }

    fn count_uses(&mut self, order: &[usize]) {
        for &b in order {
            let block = &self.func.blocks[b];
            let mut seen = Vec::new();
            block.insts.iter().for_each(|i| i.op.for_each_operand(|v| seen.push(v)));
            match &block.terminator {
                Some(Terminator::Branch { left, right, .. }) => seen.extend([*left, *right]),
                Some(Terminator::Return(v)) => seen.push(*v),
                Some(Terminator::Jump(_)) | None => {}
            }
            jumps(self.func, b).iter().for_each(|j| seen.extend(&j.args));
            for v in seen {
                let v = self.resolve(v);
                self.uses[v.index()] += 1;
            }
        }
    }

    /// The operation behind a value.
    pub fn op(&self, v: Value) -> Option<&'a Op> {
        self.ops[self.resolve(v).index()]
    }

    /// The number that a value is known to be.
    pub fn constant(&self, v: Value) -> Option<i64> {
        match self.op(v) {
            Some(Op::Const(n)) => Some(*n),
            _ => None,
        }
    }

    /// The number, when it fits the immediate of an instruction.
    pub fn imm32(&self, v: Value) -> Option<i32> {
        self.constant(v).and_then(|n| i32::try_from(n).ok())
    }

    /// Whether `v` was made in the current block or has no other user.
    pub fn foldable(&self, v: Value) -> bool {
        let v = self.resolve(v);
        self.homes[v.index()] as usize == self.block || self.uses[v.index()] == 1
    }

    /// How a late constant enters a register.
    pub fn form(&self, late: LateId) -> Form {
        match self.module.late_of(late) {
            Late::KernelSymbol(_) | Late::KernelVersion => Form::Wide,
            Late::EnumValue { value, .. } if i32::try_from(*value).is_err() => Form::Wide,
            _ => Form::Imm,
        }
    }

    /// Whether a later instruction already asked for the value in a register.
    pub fn is_wanted(&self, v: Value) -> bool {
        self.regs[self.resolve(v).index()].is_some()
    }

    /// The register that holds `v`; values that one instruction can make are made anew.
    pub fn reg(&mut self, v: Value) -> VReg {
        let v = self.resolve(v);
        if let Some(source) = self.remake(v) {
            let d = self.code.reg(Info { remake: Some(source), ..Info::default() });
            self.pending.push(vec![Inst::Set { d, s: source }]);
            return d;
        }
        self.own_reg(v)
    }

    /// The register that belongs to `v` alone.
    pub fn own_reg(&mut self, v: Value) -> VReg {
        let v = self.resolve(v);
        if let Some(r) = self.regs[v.index()] {
            return r;
        }
        let mut info = Info::default();
        match self.ops[v.index()] {
            Some(Op::UMin(_, n)) => info.bound = Some(*n),
            Some(Op::GlobalAddr(g)) => info.remake = Some(Source::Addr(btc_bpf::Target::Global(g.0, 0))),
            Some(Op::Late(l)) if !matches!(self.module.late_of(*l), Late::KernelVersion) => {
                info.remake = Some(Source::Late(*l, self.form(*l)));
            }
            Some(Op::Bin(..)) => info.remake = self.scratch_address(v),
            _ => {}
        }
        let r = self.code.reg(info);
        self.regs[v.index()] = Some(r);
        r
    }

    /// A fresh register set by `insts` in front of the instruction just selected.
    pub fn before(&mut self, make: impl FnOnce(VReg) -> Vec<Inst>) -> VReg {
        let d = self.code.reg(Info::default());
        let insts = make(d);
        self.pending.push(insts);
        d
    }

    /// The instruction that makes a value which is never kept: constants and addresses.
    fn remake(&self, v: Value) -> Option<Source> {
        use btc_bpf::Target;
        match self.op(v)? {
            Op::Const(n) => Some(Source::Imm(*n)),
            Op::SlotAddr(s) => Some(Source::Slot(s.0, 0)),
            Op::MapAddr(m) => Some(Source::Addr(Target::Map(m.0))),
            Op::FuncAddr(f) => Some(Source::Addr(Target::FunctionAddr(f.0))),
            Op::KfuncAddr(k) => Some(Source::Addr(Target::KfuncAddr(k.0))),
            Op::Bin(btc_ir::BinOp::Add, a, b) => {
                let (a, n) = if let Some(n) = self.imm32(*b) { (*a, n) } else { (*b, self.imm32(*a)?) };
                match self.remake(self.resolve(a))? {
                    Source::Slot(s, o) => Some(Source::Slot(s, o.checked_add(n)?)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// An address in scratch memory, from the pointer to all of it.
    fn scratch_address(&mut self, v: Value) -> Option<Source> {
        let (mut at, mut offset) = (self.resolve(v), 0i32);
        while let Some(Op::Bin(btc_ir::BinOp::Add, a, b)) = self.op(at) {
            offset = offset.checked_add(self.imm32(*b)?)?;
            at = self.resolve(*a);
        }
        let pointer = self.scratch.filter(|p| self.resolve(*p) == at && at != self.resolve(v))?;
        Some(Source::Sum(self.own_reg(pointer), offset))
    }

    /// Where an argument comes from.
    pub fn source(&mut self, v: Value) -> Source {
        let v = self.resolve(v);
        if let Some(source) = self.remake(v) {
            return source;
        }
        match self.global(v) {
            Some(address) if !self.is_wanted(v) => address,
            _ => Source::Reg(self.own_reg(v)),
        }
    }

    /// The address of a global, or of something inside that nobody else asks for.
    fn global(&self, v: Value) -> Option<Source> {
        let (at, offset) = match self.op(v)? {
            Op::Bin(btc_ir::BinOp::Add, a, b) if self.uses[v.index()] == 1 => (self.op(*a)?, self.imm32(*b)?),
            op => (op, 0),
        };
        match at {
            Op::GlobalAddr(g) => Some(Source::Addr(btc_bpf::Target::Global(g.0, offset))),
            _ => None,
        }
    }

    /// A register or an immediate.
    pub fn opd(&mut self, v: Value) -> Opd {
        match self.imm32(v) {
            Some(n) => Opd::Imm(n),
            None => Opd::Reg(self.reg(v)),
        }
    }

    /// Emits instructions (in order) that end in the one just selected, and what they need before.
    pub fn emit(&mut self, insts: Vec<Inst>) {
        let pos = self.pos;
        self.out.extend(insts.into_iter().rev().map(|i| (i, pos)));
        for made in std::mem::take(&mut self.pending).into_iter().rev() {
            self.out.extend(made.into_iter().rev().map(|i| (i, pos)));
        }
    }

    fn select_block(&mut self, b: usize) {
        self.block = b;
        let func = self.func;
        let block = &func.blocks[b];
        self.pos = pos!(block);
        self.select_end(b);
        for inst in block.insts.iter().rev() {
            self.pos = pos!(inst);
            self.select_inst(inst);
        }
        if b == 0 {
            self.pos = pos!(func);
            let dests = block.params.iter().map(|p| Dest::Reg(self.own_reg(*p))).collect();
            self.emit(vec![Inst::Params(dests)]);
        }
        let mut out = std::mem::take(&mut self.out);
        out.reverse();
        self.code.blocks[b] = out;
    }

    fn select_end(&mut self, b: usize) {
        let func = self.func;
        match &func.blocks[b].terminator {
            Some(Terminator::Jump(j)) => {
                let mut insts: Vec<Inst> = self.moves(j).into_iter().collect();
                insts.push(Inst::Jump(j.block.index()));
                self.emit(insts);
            }
            Some(Terminator::Return(v)) => {
                let s = self.source(*v);
                self.emit(vec![Inst::Return(s)]);
            }
            Some(Terminator::Branch { cond, left, right, then, otherwise }) => {
                let then = self.edge(then);
                let otherwise = self.edge(otherwise);
                let (cond, left, right) = self.fuse(*cond, *left, *right);
                let a = self.reg(left);
                let b = self.opd(right);
                self.emit(vec![Inst::Branch { cond, a, b, then, otherwise }]);
            }
            None => {}
        }
    }

    /// The moves that a jump makes.
    fn moves(&mut self, jump: &Jump) -> Option<Inst> {
        let func = self.func;
        let params = &func.block(jump.block).params;
        let mut moves = Vec::new();
        for (param, arg) in params.iter().zip(&jump.args) {
            if self.resolve(*param) == *param && self.uses[param.index()] > 0 {
                let d = self.own_reg(*param);
                let s = self.source(*arg);
                moves.push((Dest::Reg(d), s));
            }
        }
        (!moves.is_empty()).then_some(Inst::Moves(moves))
    }

    /// The block that a branch goes to: one with the moves, when there are any.
    fn edge(&mut self, jump: &Jump) -> usize {
        match self.moves(jump) {
            None => jump.block.index(),
            Some(moves) => {
                let pos = self.pos;
                let mut block = vec![(moves, pos), (Inst::Jump(jump.block.index()), pos)];
                for made in std::mem::take(&mut self.pending).into_iter().rev() {
                    block.splice(0..0, made.into_iter().map(|i| (i, pos)));
                }
                self.code.blocks.push(block);
                self.code.blocks.len() - 1
            }
        }
    }

    /// Takes the comparison behind a branch on its result into the branch; puts a
    /// constant to the right.
    fn fuse(&self, mut cond: Cond, mut left: Value, mut right: Value) -> (Cond, Value, Value) {
        loop {
            if self.constant(left).is_some() && self.constant(right).is_none() {
                (cond, left, right) = (swapped(cond), right, left);
            }
            let is_zero_test = self.constant(right) == Some(0) && matches!(cond, Cond::Eq | Cond::Ne);
            match self.op(left) {
                Some(Op::Cmp(inner, a, b)) if is_zero_test && self.foldable(left) => {
                    cond = if cond == Cond::Ne { *inner } else { inverted(*inner) };
                    (left, right) = (*a, *b);
                }
                _ => return (cond, left, right),
            }
        }
    }
}

/// The comparison that holds for `(b, a)` when `cond` holds for `(a, b)`.
pub fn swapped(cond: Cond) -> Cond {
    match cond {
        Cond::Eq | Cond::Ne => cond,
        Cond::ULt => Cond::UGt,
        Cond::ULe => Cond::UGe,
        Cond::UGt => Cond::ULt,
        Cond::UGe => Cond::ULe,
        Cond::SLt => Cond::SGt,
        Cond::SLe => Cond::SGe,
        Cond::SGt => Cond::SLt,
        Cond::SGe => Cond::SLe,
    }
}

/// The comparison that holds exactly when `cond` does not.
pub fn inverted(cond: Cond) -> Cond {
    match cond {
        Cond::Eq => Cond::Ne,
        Cond::Ne => Cond::Eq,
        Cond::ULt => Cond::UGe,
        Cond::ULe => Cond::UGt,
        Cond::UGt => Cond::ULe,
        Cond::UGe => Cond::ULt,
        Cond::SLt => Cond::SGe,
        Cond::SLe => Cond::SGt,
        Cond::SGt => Cond::SLe,
        Cond::SGe => Cond::SLt,
    }
}
