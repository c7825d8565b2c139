//! Keeps values in scratch memory instead of registers.
//!
//! Each is written there where it is made, and read in every block that uses it. The verifier knows nothing of what
//! it reads from there, which [`crate::merges`] wants; and it takes no stack, which [`crate::relief`] wants.
//!
//! Requires: valid IR, a map of scratch objects; the values are numbers to the verifier, and no parameters of the
//! function. Keeps: what the function computes.

use std::collections::HashMap;

use btc_ir::{Block, BlockData, Function, InstData, Jump, Memory, Op, ScratchId, Span, Terminator, Value, Width};

/// How often a kept value is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Once in each block that uses it, and not in that which makes it.
    OnceABlock,
    /// For each use.
    AtEachUse,
}

/// Where values are kept.
struct Places {
    reads: Reads,
    /// By value.
    places: Vec<Option<ScratchId>>,
    /// Bounds that the verifier must know, by value.
    bounds: HashMap<Value, u64>,
}

impl Places {
    fn of(&self, v: Value) -> Option<ScratchId> {
        self.places.get(v.index()).copied().flatten()
    }
}

/// Runs the pass.
pub fn run(func: &mut Function, values: &[Value], reads: Reads) {
    let mut places = Places { reads, places: vec![None; func.values as usize], bounds: HashMap::new() };
    for v in values {
        func.scratch.push(8);
        places.places[v.index()] = Some(ScratchId(func.scratch.len() as u32 - 1));
    }
    for inst in func.blocks.iter().flat_map(|b| &b.insts) {
        if let (Op::UMin(_, n), Some(v)) = (&inst.op, inst.result) {
            places.bounds.insert(v, *n);
        }
    }
    let tails = edges(func, &places);
    for (block, tail) in tails.iter().enumerate() {
        rewrite(func, block, *tail, &places);
    }
}

/// Writes block arguments that are kept to their places. Yields where these writes begin in each block.
fn edges(func: &mut Function, places: &Places) -> Vec<usize> {
    let mut tails: Vec<usize> = func.blocks.iter().map(|b| b.insts.len()).collect();
    let kept: Vec<Vec<Option<ScratchId>>> =
        func.blocks.iter().map(|b| b.params.iter().map(|p| places.of(*p)).collect()).collect();
    for (block, kept) in kept.iter().enumerate() {
        let mut n = 0..;
        func.blocks[block].params.retain(|_| kept[n.next().unwrap_or_default()].is_none());
    }
    for block in 0..kept.len() {
        let Some(mut terminator) = func.blocks[block].terminator.take() else { continue };
        match &mut terminator {
            Terminator::Jump(jump) => {
                let writes = take(jump, &kept, places);
                write(func, block, writes);
            }
            Terminator::Branch { then, otherwise, .. } => {
                for jump in [then, otherwise] {
                    let writes = take(jump, &kept, places);
                    if writes.is_empty() {
                        continue;
                    }
                    let new = Block(func.blocks.len() as u32);
                    let goal = std::mem::replace(jump, Jump { block: new, args: Vec::new() });
                    let span = func.blocks[block].span;
                    let terminator = Some(Terminator::Jump(goal));
                    func.blocks.push(BlockData { params: Vec::new(), insts: Vec::new(), terminator, span });
                    tails.push(0);
                    write(func, new.index(), writes);
                }
            }
            Terminator::Return(_) => {}
        }
        func.blocks[block].terminator = Some(terminator);
    }
    tails
}

/// Takes the arguments that are kept out of a jump.
fn take(jump: &mut Jump, kept: &[Vec<Option<ScratchId>>], places: &Places) -> Vec<(ScratchId, Value)> {
    let (args, kept) = (std::mem::take(&mut jump.args), &kept[jump.block.index()]);
    let mut writes = Vec::new();
    for (arg, place) in args.into_iter().zip(kept) {
        match place {
            // It is there already.
            Some(place) if places.of(arg) == Some(*place) => {}
            Some(place) => writes.push((*place, arg)),
            None => jump.args.push(arg),
        }
    }
    writes
}

fn write(func: &mut Function, block: usize, writes: Vec<(ScratchId, Value)>) {
    let span = func.blocks[block].span;
    for (place, value) in writes {
        let address = func.new_value();
        let insts = &mut func.blocks[block].insts;
        insts.push(InstData { result: Some(address), op: Op::ScratchAddr(place), span });
        let at = Memory { base: address, offset: 0 };
        insts.push(InstData { result: None, op: Op::Store(Width::B8, at, value), span });
    }
}

/// A block being rewritten.
struct Rewriter<'a> {
    places: &'a Places,
    values: u32,
    /// The kept values that are in registers here.
    here: HashMap<Value, Value>,
    out: Vec<InstData>,
}

/// Rewrites a block, whose last instructions from `tail` on write block arguments: all at once, so what one overwrites
/// is read before.
fn rewrite(func: &mut Function, block: usize, tail: usize, places: &Places) {
    let data = &mut func.blocks[block];
    let mut r = Rewriter { places, values: func.values, here: HashMap::new(), out: Vec::new() };
    let mut insts = std::mem::take(&mut data.insts);
    let writes = insts.split_off(tail);
    insts.into_iter().for_each(|inst| r.inst(inst));
    let overwritten: Vec<ScratchId> =
        writes.iter().filter_map(|i| if let Op::ScratchAddr(place) = i.op { Some(place) } else { None }).collect();
    let mut ahead = Vec::new();
    writes.iter().for_each(|inst| inst.op.for_each_operand(|v| ahead.push(v)));
    if let Some(Terminator::Jump(jump)) = &data.terminator {
        ahead.extend(&jump.args);
    }
    for v in ahead {
        if places.of(v).is_some_and(|p| overwritten.contains(&p)) {
            let here = r.read(v, data.span);
            r.here.insert(v, here);
        }
    }
    writes.into_iter().for_each(|inst| r.inst(inst));
    let span = data.span;
    let mut read = |v: &mut Value| *v = r.read(*v, span);
    match &mut data.terminator {
        Some(Terminator::Jump(jump)) => jump.args.iter_mut().for_each(&mut read),
        Some(Terminator::Branch { left, right, then, otherwise, .. }) => {
            read(left);
            read(right);
            then.args.iter_mut().chain(&mut otherwise.args).for_each(&mut read);
        }
        Some(Terminator::Return(v)) => read(v),
        None => {}
    }
    (data.insts, func.values) = (r.out, r.values);
}

impl Rewriter<'_> {
    fn push(&mut self, op: Op, span: Span) -> Value {
        let result = Value(self.values);
        self.values += u32::from(op.has_result());
        self.out.push(InstData { result: op.has_result().then_some(result), op, span });
        result
    }

    /// The register that holds a value.
    fn read(&mut self, v: Value, span: Span) -> Value {
        let Some(place) = self.places.of(v) else { return v };
        if let Some(here) = self.here.get(&v) {
            return *here;
        }
        let base = self.push(Op::ScratchAddr(place), span);
        let mut here = self.push(Op::Load(Width::B8, Memory { base, offset: 0 }), span);
        if let Some(n) = self.places.bounds.get(&v) {
            here = self.push(Op::UMin(here, *n), span);
        }
        if self.places.reads == Reads::OnceABlock {
            self.here.insert(v, here);
        }
        here
    }

    fn inst(&mut self, mut inst: InstData) {
        let span = inst.span;
        inst.op.for_each_operand_mut(|v| *v = self.read(*v, span));
        let result = inst.result;
        self.out.push(inst);
        if let Some((v, place)) = result.and_then(|v| Some((v, self.places.of(v)?))) {
            let base = self.push(Op::ScratchAddr(place), span);
            self.push(Op::Store(Width::B8, Memory { base, offset: 0 }, v), span);
            if self.places.reads == Reads::OnceABlock {
                self.here.insert(v, v);
            }
        }
    }
}
