//! How values flow through a function, and what the verifier must know of them.

use btc_ir::{BinOp, Block, Callee, Cfg, Function, Jump, Module, Op, Section, Terminator, Value};

use crate::loops;

/// Helpers that yield an address or 0: map_lookup_elem, ringbuf_reserve, map_lookup_percpu_elem.
const FINDERS: [u32; 3] = [1, 131, 195];

/// Helpers whose third argument is an address as a number: `bpf_probe_read` and its kin.
const READERS: &[u32] = &[4, 45, 112, 113, 114, 115];
/// The function of the kernel that takes any number for a pointer.
const CAST: &str = "bpf_rdonly_cast";
/// The function of the kernel that counts the rounds of a loop.
const NEXT: &str = "bpf_iter_num_next";

/// Where a value comes from.
#[derive(Clone, Copy)]
pub enum Origin<'f> {
    /// Nowhere, or a parameter of the function.
    Outside,
    /// The block parameter of a number.
    Param(Block, usize),
    /// An instruction.
    Inst(&'f Op),
}

/// The flow of a function's values.
pub struct Flow<'f> {
    func: &'f Function,
    module: &'f Module,
    origins: Vec<Origin<'f>>,
    /// By block and parameter, what comes in from which block.
    incoming: Vec<Vec<Vec<(Block, Value)>>>,
}

/// The jumps of a terminator.
fn jumps(terminator: Option<&Terminator>) -> impl Iterator<Item = &Jump> {
    let (a, b) = match terminator {
        Some(Terminator::Jump(j)) => (Some(j), None),
        Some(Terminator::Branch { then, otherwise, .. }) => (Some(then), Some(otherwise)),
        Some(Terminator::Return(_)) | None => (None, None),
    };
    a.into_iter().chain(b)
}

impl<'f> Flow<'f> {
    /// Looks at a function.
    pub fn new(func: &'f Function, module: &'f Module) -> Flow<'f> {
        let mut origins = vec![Origin::Outside; func.values as usize];
        let mut incoming: Vec<Vec<Vec<(Block, Value)>>> =
            func.blocks.iter().map(|b| vec![Vec::new(); b.params.len()]).collect();
        for (n, block) in func.blocks.iter().enumerate() {
            let at = Block(n as u32);
            if n > 0 {
                block.params.iter().enumerate().for_each(|(n, p)| origins[p.index()] = Origin::Param(at, n));
            }
            for inst in &block.insts {
                if let Some(v) = inst.result {
                    origins[v.index()] = Origin::Inst(&inst.op);
                }
            }
            for jump in jumps(block.terminator.as_ref()) {
                let to = &mut incoming[jump.block.index()];
                to.iter_mut().zip(&jump.args).for_each(|(all, arg)| all.push((at, *arg)));
            }
        }
        Flow { func, module, origins, incoming }
    }

    /// Where a value comes from.
    pub fn origin(&self, v: Value) -> Origin<'f> {
        self.origins[v.index()]
    }

    /// The operation behind a value.
    pub fn op(&self, v: Value) -> Option<&'f Op> {
        match self.origin(v) {
            Origin::Inst(op) => Some(op),
            _ => None,
        }
    }

    /// What comes in for a block's parameter, and from where.
    pub fn incoming(&self, block: Block, param: usize) -> &[(Block, Value)] {
        &self.incoming[block.index()][param]
    }

    /// Calls `f` for what a value is computed from; not for what it is loaded from or called with.
    pub fn inputs(&self, v: Value, mut f: impl FnMut(Value)) {
        match self.origin(v) {
            Origin::Outside => {}
            Origin::Param(block, n) => self.incoming(block, n).iter().for_each(|(_, v)| f(*v)),
            Origin::Inst(op @ (Op::Bin(..) | Op::SignExtend(..) | Op::ZeroExtend(..) | Op::ByteSwap(..)))
            | Origin::Inst(op @ (Op::Cmp(..) | Op::UMin(..))) => op.for_each_operand(f),
            Origin::Inst(..) => {}
        }
    }

    /// All that the marked values are computed from, marked too; `through` tells by which values that goes.
    pub fn spread(&self, marks: &mut [bool], through: impl Fn(Value) -> bool) {
        let mut work: Vec<Value> = (0..marks.len() as u32).map(Value).filter(|v| marks[v.index()]).collect();
        while let Some(v) = work.pop() {
            if !through(v) {
                continue;
            }
            self.inputs(v, |input| {
                if !std::mem::replace(&mut marks[input.index()], true) {
                    work.push(input);
                }
            });
        }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.origins.len()
    }

    /// By value, the stack object whose address it is, at a fixed distance.
    pub fn slots(&self) -> Vec<Option<usize>> {
        self.places().into_iter().map(|place| place.map(|(slot, _)| slot)).collect()
    }

    /// By value, the place on the stack whose address it is: the object, and the distance in bytes from its start.
    pub fn places(&self) -> Vec<Option<(usize, i64)>> {
        let mut places = vec![None; self.len()];
        for inst in self.func.blocks.iter().flat_map(|b| &b.insts) {
            let Some(v) = inst.result else { continue };
            places[v.index()] = match &inst.op {
                Op::SlotAddr(slot) => Some((slot.index(), 0)),
                Op::Bin(BinOp::Add, a, b) => match (places[a.index()], self.op(*b)) {
                    (Some((slot, at)), Some(Op::Const(n))) => Some((slot, n.wrapping_add(at))),
                    _ => None,
                },
                _ => None,
            };
        }
        places
    }

    /// Whether the verifier knows nothing of what an operation yields, whatever it knows of what it is computed from.
    pub fn is_unknown(&self, v: Value) -> bool {
        match self.origin(v) {
            Origin::Outside => true,
            Origin::Param(..) => false,
            Origin::Inst(op) => match op {
                Op::Load(btc_ir::Width::B8, m) => !self.is_frozen(m.base),
                Op::LoadLate(btc_ir::Width::B8, ..) | Op::Call(..) => true,
                _ => false,
            },
        }
    }

    /// Whether an operation alone tells the verifier how large its result may be.
    fn bounds(&self, v: Value) -> bool {
        match self.op(v) {
            Some(Op::Bin(BinOp::And, a, b)) => [a, b].iter().any(|v| matches!(self.op(**v), Some(Op::Const(_)))),
            Some(Op::Bin(BinOp::LShr, _, n)) => matches!(self.op(*n), Some(Op::Const(_))),
            Some(Op::UMin(..) | Op::ZeroExtend(..) | Op::Cmp(..)) => true,
            _ => false,
        }
    }

    /// Values that the verifier must know as what they are: pointers, sizes, results, and what these are
    /// computed from.
    pub fn must_know(&self) -> Vec<bool> {
        let mut marks = vec![false; self.origins.len()];
        for inst in self.func.blocks.iter().flat_map(|b| &b.insts) {
            match &inst.op {
                Op::Load(_, m) | Op::Store(_, m, _) | Op::AtomicAdd(_, m, _) | Op::Clear(m, _) => {
                    marks[m.base.index()] = true;
                }
                Op::Copy { to, from, .. } => {
                    marks[to.base.index()] = true;
                    marks[from.base.index()] = true;
                }
                Op::LoadLate(_, base, _) => marks[base.index()] = true,
                Op::Call(callee, args) => {
                    let any = self.takes_any_number(*callee);
                    let known = args.iter().enumerate().filter(|(n, _)| Some(*n) != any);
                    known.for_each(|(_, v)| marks[v.index()] = true);
                }
                _ => {}
            }
        }
        for block in &self.func.blocks {
            if let Some(Terminator::Return(v)) = &block.terminator {
                marks[v.index()] = true;
            }
        }
        let pointers = self.pointers(&marks);
        for (v, pointer) in pointers.iter().enumerate() {
            // Whatever becomes of the sum: to a pointer the verifier adds nothing without bounds.
            if let (true, Some(Op::Bin(_, a, b))) = (*pointer, self.op(Value(v as u32))) {
                [a, b].into_iter().for_each(|v| marks[v.index()] = true);
            }
        }
        self.spread(&mut marks, |v| !self.bounds(v));
        marks
    }

    /// Pointers and what is added to them. `bases`: values among which are all that memory is accessed by.
    fn pointers(&self, bases: &[bool]) -> Vec<bool> {
        let mut marks: Vec<bool> = (0..self.len() as u32)
            .map(Value)
            .map(|v| match self.op(v) {
                Some(Op::SlotAddr(_) | Op::ScratchAddr(_) | Op::GlobalAddr(_) | Op::MapAddr(_)) => true,
                Some(Op::Call(..)) => bases[v.index()],
                _ => false,
            })
            .collect();
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for v in (0..self.len() as u32).map(Value).filter(|v| !marks[v.index()]).collect::<Vec<_>>() {
                let follows = match self.origin(v) {
                    Origin::Param(block, n) => self.incoming(block, n).iter().any(|(_, v)| marks[v.index()]),
                    Origin::Inst(Op::Bin(BinOp::Add | BinOp::Sub, a, b)) => marks[a.index()] || marks[b.index()],
                    _ => false,
                };
                changed |= follows;
                marks[v.index()] |= follows;
            }
        }
        marks
    }

    /// Values that must stay in registers: those that the verifier must know, or drop code by, or count rounds by.
    pub fn fixed(&self, cfg: &Cfg) -> Vec<bool> {
        let (guards, counts) = (self.guards(&self.known()), loops::counts(self.func, self, &loops::all(self.func, cfg)));
        let mut marks = self.must_know();
        marks.iter_mut().zip(guards.iter().zip(&counts)).for_each(|(mark, (a, b))| *mark |= a | b);
        marks
    }

    /// Addresses that a helper yields, or 0: the verifier lets nobody compute with one before it was compared with 0.
    pub fn found(&self) -> Vec<bool> {
        let is_found = |op: &Op| matches!(op, Op::Call(Callee::Helper(n), _) if FINDERS.contains(n));
        let mut marks: Vec<bool> = (0..self.origins.len()).map(|v| self.op(Value(v as u32)).is_some_and(is_found)).collect();
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for v in 0..marks.len() {
                let Origin::Param(block, n) = self.origin(Value(v as u32)) else { continue };
                let any = marks[v] || self.incoming(block, n).iter().any(|(_, v)| marks[v.index()]);
                changed |= std::mem::replace(&mut marks[v], any) != any;
            }
        }
        marks
    }

    /// Whether an operation asks the kernel's iterator for another round.
    pub fn is_next(&self, op: &Op) -> bool {
        matches!(op, Op::Call(Callee::Kfunc(k), _) if self.module.kfuncs[k.index()].name == NEXT)
    }

    /// The argument of a function that may be any number.
    fn takes_any_number(&self, callee: Callee) -> Option<usize> {
        match callee {
            Callee::Helper(n) if READERS.contains(&n) => Some(2),
            Callee::Kfunc(k) if self.module.kfuncs[k.index()].name == CAST => Some(0),
            _ => None,
        }
    }

    /// Values whose range can decide something for the verifier.
    pub fn decides(&self) -> Vec<bool> {
        let mut marks = self.must_know();
        for inst in self.func.blocks.iter().flat_map(|b| &b.insts) {
            if let Op::UMin(..) | Op::Cmp(..) = &inst.op {
                inst.op.for_each_operand(|v| marks[v.index()] = true);
            }
        }
        for block in &self.func.blocks {
            if let Some(Terminator::Branch { left, right, .. }) = &block.terminator {
                marks[left.index()] = true;
                marks[right.index()] = true;
            }
        }
        self.spread(&mut marks, |_| true);
        marks
    }

    /// Values that the verifier knows exactly, on each way to them.
    pub fn known(&self) -> Vec<bool> {
        let mut marks: Vec<bool> = self.origins.iter().map(|o| !matches!(o, Origin::Outside)).collect();
        for (v, mark) in marks.iter_mut().enumerate() {
            let v = Value(v as u32);
            *mark &= match self.op(v) {
                Some(Op::Const(_)) | None => true,
                Some(Op::Bin(..) | Op::SignExtend(..) | Op::ZeroExtend(..) | Op::ByteSwap(..)) => true,
                Some(Op::Cmp(..) | Op::UMin(..)) => true,
                Some(_) => self.is_of_target(v),
            };
        }
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for v in 0..marks.len() {
                let mut all = marks[v];
                self.inputs(Value(v as u32), |input| all &= marks[input.index()]);
                changed |= std::mem::replace(&mut marks[v], all) != all;
            }
        }
        marks
    }

    /// Of the known values, those that follow from what the target is: they guard what a target does not have.
    pub fn guards(&self, known: &[bool]) -> Vec<bool> {
        let mut marks: Vec<bool> = (0..self.origins.len()).map(|v| known[v] && self.is_of_target(Value(v as u32))).collect();
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for v in (0..marks.len()).filter(|v| known[*v]) {
                let mut any = marks[v];
                self.inputs(Value(v as u32), |input| any |= marks[input.index()]);
                changed |= std::mem::replace(&mut marks[v], any) != any;
            }
        }
        marks
    }

    fn is_of_target(&self, v: Value) -> bool {
        match self.op(v) {
            Some(Op::Late(_) | Op::KfuncAddr(_)) => true,
            Some(Op::Load(_, m)) => self.is_frozen(m.base),
            _ => false,
        }
    }

    /// Whether an address lies in `.rodata`.
    pub fn is_frozen(&self, mut address: Value) -> bool {
        while let Some(Op::Bin(BinOp::Add, a, _)) = self.op(address) {
            address = *a;
        }
        matches!(self.op(address), Some(Op::GlobalAddr(g)) if self.module.globals[g.index()].section == Section::Rodata)
    }
}
