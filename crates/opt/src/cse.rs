//! Common subexpressions: an operation that a dominating block did already is not done again.
//!
//! Requires: nothing. Keeps: the blocks, every `umin` (its bound belongs to its place), every
//! load (but of what nothing writes: the program's context, read-only globals), and calls, but for those whose
//! result cannot change while one event is handled; of those the first is kept.

use std::collections::{HashMap, HashSet};

use btc_ir::{BinOp, Callee, Cfg, Cond, Function, FunctionKind, Op, Value};

use crate::facts::{Facts, is_same_in_event};
use crate::rewrite::{Rewrites, for_each_use_mut};

/// An operation: its kind, a number that belongs to the kind, and operands.
pub(crate) type Key = (u8, i64, u32, u32);

/// Runs the pass.
pub fn run(func: &mut Function, facts: &Facts) -> bool {
    let scope = Scope::new(func, facts);
    let mut rewrites = Rewrites::new(func);
    let mut known: HashMap<Key, Value> = HashMap::new();
    // What each block on the way from the entry added.
    let mut added: Vec<Vec<Key>> = Vec::new();
    for (block, enter) in Cfg::new(func).walk() {
        if !enter {
            for key in added.pop().unwrap_or_default() {
                known.remove(&key);
            }
            continue;
        }
        let mut keys = Vec::new();
        let data = &mut func.blocks[block.index()];
        data.insts.retain_mut(|inst| {
            inst.op.for_each_operand_mut(|v| *v = rewrites.get(*v));
            let (Some(result), Some(key)) = (inst.result, scope.key(&inst.op)) else { return true };
            if let Some(first) = known.get(&key) {
                rewrites.replace(result, *first);
                return false;
            }
            known.insert(key, result);
            keys.push(key);
            true
        });
        if let Some(terminator) = &mut data.terminator {
            for_each_use_mut(terminator, |v| *v = rewrites.get(*v));
        }
        added.push(keys);
    }
    rewrites.apply(func);
    rewrites.any()
}

/// What tells whether an operation yields the same again.
pub(crate) struct Scope<'a> {
    facts: &'a Facts,
    /// The program's context.
    context: Option<Value>,
    /// Addresses of globals that nothing writes.
    read_only: HashSet<Value>,
    /// What the verifier knows exactly, for it is the target's.
    decided: HashSet<Value>,
}

impl Scope<'_> {
    /// That of a function.
    pub fn new<'a>(func: &Function, facts: &'a Facts) -> Scope<'a> {
        let context = match func.kind {
            FunctionKind::Program { .. } => func.blocks[0].params.first().copied(),
            FunctionKind::Subprogram | FunctionKind::Global | FunctionKind::Callback => None,
        };
        let insts = func.blocks.iter().flat_map(|block| &block.insts);
        let read_only = insts.filter(|inst| matches!(inst.op, Op::GlobalAddr(id) if facts.is_read_only(id)));
        let read_only: HashSet<Value> = read_only.filter_map(|inst| inst.result).collect();
        let is_decided = |op: &Op| match op {
            Op::Const(_) | Op::Late(_) | Op::KfuncAddr(_) => true,
            Op::Load(_, m) => read_only.contains(&m.base),
            _ => false,
        };
        let insts = func.blocks.iter().flat_map(|block| &block.insts);
        let mut decided: HashSet<Value> = insts.clone().filter(|i| is_decided(&i.op)).filter_map(|i| i.result).collect();
        for inst in insts {
            if let (Op::Bin(_, a, b), Some(v)) = (&inst.op, inst.result)
                && decided.contains(a)
                && decided.contains(b)
            {
                decided.insert(v);
            }
        }
        Scope { facts, context, read_only, decided }
    }

    /// Whether the verifier knows a value exactly, for it is a fact of the target.
    pub fn is_decided(&self, v: Value) -> bool {
        self.decided.contains(&v)
    }

    /// What two operations have in common that yield the same value.
    pub fn key(&self, op: &Op) -> Option<Key> {
        Some(match op {
            Op::Call(Callee::Helper(n), args) if args.is_empty() && is_same_in_event(*n) => (13, i64::from(*n), 0, 0),
            Op::Call(Callee::Function(id), args) if args.is_empty() && self.facts.is_same_in_event(*id) => {
                (17, i64::from(id.0), 0, 0)
            }
            Op::LoadLate(w, p, late) if Some(*p) == self.context => (14, i64::from(w.bytes()), late.0, 0),
            Op::Load(w, m) if Some(m.base) == self.context => (15, i64::from(w.bytes()), m.offset as u32, 0),
            Op::Load(w, m) if self.read_only.contains(&m.base) => {
                (18, i64::from(w.bytes()), m.offset as u32, m.base.0)
            }
            _ => return computed(op),
        })
    }
}

/// The key of an operation that yields the same wherever it is.
fn computed(op: &Op) -> Option<Key> {
    let sorted = |kind, n, a: Value, b: Value| (kind, n, a.0.min(b.0), a.0.max(b.0));
    Some(match op {
        Op::Const(n) => (0, *n, 0, 0),
        Op::Late(late) => (1, i64::from(late.0), 0, 0),
        Op::Bin(op @ (BinOp::Add | BinOp::Mul | BinOp::And | BinOp::Or | BinOp::Xor), a, b) => {
            sorted(2, *op as i64, *a, *b)
        }
        Op::Bin(op, a, b) => (2, *op as i64, a.0, b.0),
        Op::SignExtend(bits, a) => (3, i64::from(*bits), a.0, 0),
        Op::ZeroExtend(bits, a) => (4, i64::from(*bits), a.0, 0),
        Op::Extend(late, a) => (16, i64::from(late.0), a.0, 0),
        Op::ByteSwap(bits, a) => (5, i64::from(*bits), a.0, 0),
        Op::Cmp(cond @ (Cond::Eq | Cond::Ne), a, b) => sorted(6, *cond as i64, *a, *b),
        Op::Cmp(cond, a, b) => (6, *cond as i64, a.0, b.0),
        Op::SlotAddr(id) => (7, i64::from(id.0), 0, 0),
        Op::ScratchAddr(id) => (8, i64::from(id.0), 0, 0),
        Op::MapAddr(id) => (9, i64::from(id.0), 0, 0),
        Op::GlobalAddr(id) => (10, i64::from(id.0), 0, 0),
        Op::FuncAddr(id) => (11, i64::from(id.0), 0, 0),
        Op::KfuncAddr(id) => (12, i64::from(id.0), 0, 0),
        _ => return None,
    })
}
