//! Rewrites what needs control flow before instruction selection.
//!
//! Scratch objects become displacements from one pointer, which a prologue looks up
//! (and returns 0 when there is none); fills over [`CLEAR`] bytes become calls of a helper, copies over [`UNROLL`]
//! bytes counted loops; a program with a guard returns at one place. Requires: valid IR. Keeps: the order of the function's own blocks.

use std::borrow::Cow;
use std::collections::HashMap;

use btc_ir::{
    BinOp, Block, BlockData, Callee, Cond, Function, FunctionKind, Guard, InstData, Jump, MapId, Memory, Op, Slot,
    Terminator, Value, Width,
};

use crate::CodegenError;

/// Fills up to so many bytes are written out.
const CLEAR: u32 = 512;
/// Copies up to so many bytes are written out.
const UNROLL: u32 = 1024;
/// Bytes that one turn of a loop for larger ones handles.
const TURN: u32 = 128;
/// `bpf_probe_read_user` (Linux 5.5): fills its destination with zeros when the address is none of a process's. That is one
/// step for the verifier, which stores are not.
const PROBE_READ_USER: u32 = 112;
/// An address that is none of a process's: refused before anything is read.
const NOWHERE: i64 = -1;
/// `bpf_map_lookup_elem`
const MAP_LOOKUP: u32 = 1;
/// `bpf_get_smp_processor_id`
const CPU: u32 = 8;

/// A function as instruction selection wants it.
pub struct Legal<'f> {
    pub func: Cow<'f, Function>,
    /// The bytes of scratch memory that it uses.
    pub size: u32,
    /// The pointer to them.
    pub pointer: Option<Value>,
}

/// Makes a function legal. Its objects lie behind the first `base` bytes. The map has a value for each CPU; `by_cpu` tells that it
/// is no per-CPU map, and the CPU's number is the key.
pub fn run(
    func: &Function,
    map: Option<MapId>,
    by_cpu: bool,
    base: u32,
) -> Result<Legal<'_>, CodegenError> {
    let invalid = |what: &str| CodegenError::Invalid { function: func.name.clone(), what: what.into() };
    if func.blocks.is_empty() {
        return Err(invalid("no blocks"));
    }
    let mut result = Cow::Borrowed(func);
    if has(func, |op| matches!(op, Op::Clear(_, len) if *len > CLEAR)) {
        clear(result.to_mut());
    }
    if has(func, |op| large(op).is_some()) {
        unroll(result.to_mut());
    }
    if (0..func.blocks.len()).any(|b| func.successors(Block(b as u32)).contains(&Block(0))) {
        new_entry(result.to_mut());
    }
    let mut offsets = Vec::with_capacity(func.scratch.len());
    let mut size = base;
    for bytes in &func.scratch {
        offsets.push(i64::from(size));
        size = size.checked_add(bytes.div_ceil(8) * 8).ok_or_else(|| invalid("scratch memory overflows"))?;
    }
    let mut pointer = None;
    if has(func, |op| matches!(op, Op::ScratchAddr(_))) {
        let map = map.ok_or_else(|| invalid("scratch objects without a scratch map"))?;
        pointer = Some(scratch(result.to_mut(), map, by_cpu, &offsets));
    }
    if guard(func).is_some() {
        one_return(result.to_mut());
    }
    Ok(Legal { func: result, size, pointer })
}

/// The guard of a program.
pub fn guard(func: &Function) -> Option<Guard> {
    match &func.kind {
        FunctionKind::Program { guard, .. } => *guard,
        FunctionKind::Subprogram | FunctionKind::Global | FunctionKind::Callback => None,
    }
}

/// Lets all returns go by one block, for they are long where there is a guard.
fn one_return(func: &mut Function) {
    let end = Block(func.blocks.len() as u32);
    let mut returns = 0;
    for block in &mut func.blocks {
        if let Some(Terminator::Return(result)) = block.terminator {
            block.terminator = Some(Terminator::Jump(Jump { block: end, args: vec![result] }));
            returns += 1;
        }
    }
    if returns > 0 {
        let result = func.new_value();
        let terminator = Some(Terminator::Return(result));
        func.blocks.push(BlockData { params: vec![result], insts: Vec::new(), terminator, span: func.span });
    }
}

fn has(func: &Function, wanted: impl Fn(&Op) -> bool) -> bool {
    func.blocks.iter().flat_map(|b| &b.insts).any(|i| wanted(&i.op))
}

/// The length of a copy that becomes a loop.
fn large(op: &Op) -> Option<u32> {
    match op {
        Op::Copy { len, .. } if *len > UNROLL => Some(*len),
        _ => None,
    }
}

/// Turns large fills into calls.
fn clear(func: &mut Function) {
    let mut values = func.values;
    for block in &mut func.blocks {
        let old = std::mem::take(&mut block.insts);
        for inst in old {
            let (to, len) = match inst.op {
                Op::Clear(to, len) if len > CLEAR => (to, len),
                _ => {
                    block.insts.push(inst);
                    continue;
                }
            };
            let mut new = |op: Op| {
                let result = Value(values);
                values += 1;
                block.insts.push(InstData { result: Some(result), op, span: inst.span });
                result
            };
            let offset = new(Op::Const(i64::from(to.offset)));
            let to = new(Op::Bin(BinOp::Add, to.base, offset));
            let args = vec![to, new(Op::Const(i64::from(len))), new(Op::Const(NOWHERE))];
            new(Op::Call(Callee::Helper(PROBE_READ_USER), args));
        }
    }
    func.values = values;
}

/// Puts a block in front of an entry that is also jumped to: parameters come in only once.
fn new_entry(func: &mut Function) {
    shift_blocks(func, 1);
    let span = func.span;
    let params: Vec<Value> = (0..func.blocks[0].params.len()).map(|_| func.new_value()).collect();
    let terminator = Some(Terminator::Jump(Jump { block: Block(1), args: params.clone() }));
    func.blocks.insert(0, BlockData { params, insts: Vec::new(), terminator, span });
}

/// Puts the prologue before the entry and replaces the addresses by displacements from the pointer that it yields.
fn scratch(func: &mut Function, map: MapId, by_cpu: bool, offsets: &[i64]) -> Value {
    let span = func.span;
    let inst = |func: &mut Function, op: Op| {
        let result = op.has_result().then(|| func.new_value());
        (result.unwrap_or(Value(u32::MAX)), InstData { result, op, span })
    };
    shift_blocks(func, 1);
    let params: Vec<Value> = (0..func.blocks[0].params.len()).map(|_| func.new_value()).collect();
    func.slots.push(8);
    let key = Slot(func.slots.len() as u32 - 1);
    let (slot, i0) = inst(func, Op::SlotAddr(key));
    let (zero, i1) = inst(func, Op::Const(0));
    let mut insts = vec![i0, i1];
    let mut index = zero;
    if by_cpu {
        let (cpu, call) = inst(func, Op::Call(Callee::Helper(CPU), Vec::new()));
        insts.push(call);
        index = cpu;
    }
    let (_, i2) = inst(func, Op::Store(Width::B4, Memory { base: slot, offset: 0 }, index));
    let (map, i3) = inst(func, Op::MapAddr(map));
    let (pointer, i4) = inst(func, Op::Call(Callee::Helper(MAP_LOOKUP), vec![map, slot]));
    let none = Block(func.blocks.len() as u32 + 1);
    let terminator = Terminator::Branch {
        cond: Cond::Eq,
        left: pointer,
        right: zero,
        then: Jump { block: none, args: Vec::new() },
        otherwise: Jump { block: Block(1), args: params.clone() },
    };
    insts.extend([i2, i3, i4]);
    let prologue = BlockData { params, insts, terminator: Some(terminator), span };
    for block in &mut func.blocks {
        replace_addresses(block, pointer, offsets, &mut func.values);
    }
    func.blocks.insert(0, prologue);
    let ret = Terminator::Return(zero);
    func.blocks.push(BlockData { params: Vec::new(), insts: Vec::new(), terminator: Some(ret), span });
    pointer
}

fn replace_addresses(block: &mut BlockData, pointer: Value, offsets: &[i64], values: &mut u32) {
    let old = std::mem::take(&mut block.insts);
    for mut inst in old {
        if let Op::ScratchAddr(id) = inst.op {
            let offset = Value(*values);
            *values += 1;
            let n = offsets[id.index()];
            block.insts.push(InstData { result: Some(offset), op: Op::Const(n), span: inst.span });
            inst.op = Op::Bin(BinOp::Add, pointer, offset);
        }
        block.insts.push(inst);
    }
}

/// Renumbers all jumps for `by` new blocks in front.
fn shift_blocks(func: &mut Function, by: u32) {
    for block in &mut func.blocks {
        match &mut block.terminator {
            Some(Terminator::Jump(j)) => j.block.0 += by,
            Some(Terminator::Branch { then, otherwise, .. }) => {
                then.block.0 += by;
                otherwise.block.0 += by;
            }
            Some(Terminator::Return(_)) | None => {}
        }
    }
}

/// Turns large copies into loops. The parts of a cut block stay together.
fn unroll(func: &mut Function) {
    let old = std::mem::take(&mut func.blocks);
    let mut renamed = HashMap::new();
    for (n, mut block) in old.into_iter().enumerate() {
        renamed.insert(n as u32, func.blocks.len() as u32);
        while let Some(at) = block.insts.iter().position(|i| large(&i.op).is_some()) {
            let tail = block.insts.split_off(at + 1);
            let rest = BlockData {
                params: Vec::new(),
                insts: tail,
                terminator: block.terminator.take(),
                span: block.span,
            };
            if let Some(inst) = block.insts.pop() {
                push_loop(func, block, &inst);
            }
            block = rest;
        }
        func.blocks.push(block);
    }
    // Jumps of the original blocks are still in old numbers; those of loops carry NEW.
    for block in &mut func.blocks {
        let fix = |b: &mut Block| {
            b.0 = if b.0 & NEW != 0 { b.0 & !NEW } else { renamed[&b.0] };
        };
        match &mut block.terminator {
            Some(Terminator::Jump(j)) => fix(&mut j.block),
            Some(Terminator::Branch { then, otherwise, .. }) => {
                fix(&mut then.block);
                fix(&mut otherwise.block);
            }
            Some(Terminator::Return(_)) | None => {}
        }
    }
}

/// Marks block numbers that are already the new ones.
const NEW: u32 = 1 << 31;

/// Pushes `head`, which falls into a loop that does `inst`, and the loop.
fn push_loop(func: &mut Function, mut head: BlockData, inst: &InstData) {
    let Op::Copy { to, from, len } = inst.op else { return };
    let span = inst.span;
    let turn = Block((func.blocks.len() as u32 + 1) | NEW);
    let after = Block((func.blocks.len() as u32 + 2) | NEW);
    let turns = len / TURN;
    let mut values = func.values;
    let mut new = |op: Op, to: &mut Vec<InstData>| {
        let result = op.has_result().then_some(Value(values));
        values += u32::from(result.is_some());
        to.push(InstData { result, op, span });
        result.unwrap_or(Value(u32::MAX))
    };
    let start = new(Op::Const(0), &mut head.insts);
    let tail = |m: Memory| Memory { offset: m.offset.wrapping_add((turns * TURN) as i32), ..m };
    let rest = len % TURN;
    // What is left over is done first: the loop then needs no block behind it.
    if rest > 0 {
        new(Op::Copy { to: tail(to), from: tail(from), len: rest }, &mut head.insts);
    }
    head.terminator = Some(Terminator::Jump(Jump { block: turn, args: vec![start] }));
    let mut insts = Vec::new();
    // Numbered by hand: `new` counts on from here.
    let counter = new(Op::Const(0), &mut Vec::new());
    let mut moved = |m: Memory, insts: &mut Vec<InstData>| Memory {
        base: new(Op::Bin(BinOp::Add, m.base, counter), insts),
        offset: m.offset,
    };
    let (to, from) = (moved(to, &mut insts), moved(from, &mut insts));
    new(Op::Copy { to, from, len: TURN }, &mut insts);
    let step = new(Op::Const(i64::from(TURN)), &mut insts);
    let next = new(Op::Bin(BinOp::Add, counter, step), &mut insts);
    let end = new(Op::Const(i64::from(turns * TURN)), &mut insts);
    func.values = values;
    let terminator = Terminator::Branch {
        cond: Cond::ULt,
        left: next,
        right: end,
        then: Jump { block: turn, args: vec![next] },
        otherwise: Jump { block: after, args: Vec::new() },
    };
    func.blocks.push(head);
    func.blocks.push(BlockData { params: vec![counter], insts, terminator: Some(terminator), span });
}
