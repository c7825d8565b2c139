//! Choices of the target that are made again: values that branches choose, over the same conditions and from the same values as ones
//! that a dominating block has already, are those.
//!
//! By which pid namespace an id counts is such a choice wherever a script asks for one.
//! Requires: nothing. Keeps: what is chosen first, and every choice with an instruction that [`cse`] does not
//! know to yield the same again. Also those that an event decides, and what is read from the context, such as an argument: needed
//! longer, with all that comparisons have told of it, it would be more ways for the verifier to keep apart.

use std::collections::HashMap;

use btc_ir::{Block, Cfg, Function, Jump, Op, Terminator, Value};

use crate::cse::{self, Scope};
use crate::facts::Facts;
use crate::rewrite::Rewrites;

/// Most branches of a choice: there are about as many as machines.
const MOST_BRANCHES: usize = 16;

/// What chooses, in the order of a walk through its branches.
type Key = Vec<Step>;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Step {
    Inst(cse::Key),
    Branch(u8, Value, Value),
    /// The values that a way brings to the block where all meet.
    Meet(Vec<Value>),
    /// A way that ends the function, whatever it does before: behind the first choice it has not been taken.
    End,
}

/// Runs the pass.
pub fn run(func: &mut Function, facts: &Facts) -> bool {
    let scope = Scope::new(func, facts);
    let cfg = Cfg::new(func);
    let mut rewrites = Rewrites::new(func);
    let mut known: HashMap<Key, Block> = HashMap::new();
    // By the block where a choice's ways meet: the choice. What is known is so below that block.
    let mut meets: HashMap<Block, Key> = HashMap::new();
    for (block, enter) in cfg.walk() {
        if !enter {
            if let Some(key) = meets.get(&block)
                && known.get(key) == Some(&block)
            {
                known.remove(key);
            }
            continue;
        }
        if let Some(key) = meets.get(&block) {
            known.entry(key.clone()).or_insert(block);
        }
        let Some((key, meet)) = Walk::of(func, &cfg, &scope, &mut rewrites, block) else { continue };
        match known.get(&key) {
            Some(first) => {
                let params = func.block(*first).params.clone();
                for (again, first) in func.block(meet).params.iter().zip(&params) {
                    rewrites.replace(*again, *first);
                }
                func.blocks[block.index()].terminator = Some(Terminator::Jump(Jump { block: meet, args: params }));
            }
            None => _ = meets.insert(meet, key),
        }
    }
    rewrites.apply(func);
    rewrites.any()
}

/// A walk through the blocks of a choice.
struct Walk<'a> {
    func: &'a Function,
    cfg: &'a Cfg,
    rewrites: &'a mut Rewrites,
    scope: &'a Scope<'a>,
    /// Values of the choice's own blocks, by the names that they have in its key.
    own: HashMap<Value, Value>,
    key: Key,
    branches: usize,
    /// Where the ways meet, and how many came there.
    meet: Option<(Block, usize)>,
}

impl Walk<'_> {
    /// The choice that begins at the end of a block, and the block where it is made.
    fn of(func: &Function, cfg: &Cfg, scope: &Scope<'_>, rewrites: &mut Rewrites, head: Block) -> Option<(Key, Block)> {
        let terminator @ Terminator::Branch { .. } = func.block(head).terminator.as_ref()? else { return None };
        let mut walk =
            Walk { func, cfg, rewrites, scope, own: HashMap::new(), key: Vec::new(), branches: 0, meet: None };
        walk.terminator(terminator)?;
        let (meet, ways) = walk.meet?;
        let made = !func.block(meet).params.is_empty() && cfg.preds[meet.index()].len() == ways;
        made.then_some((walk.key, meet))
    }

    /// The name of a value: for one of the choice's own, how manieth it is.
    fn name(&mut self, value: Value) -> Value {
        self.own.get(&value).copied().unwrap_or_else(|| self.rewrites.get(value))
    }

    fn terminator(&mut self, terminator: &Terminator) -> Option<()> {
        match terminator {
            Terminator::Branch { cond, left, right, then, otherwise } => {
                self.branches += 1;
                let decided = [left, right].into_iter().all(|v| self.scope.is_decided(*v));
                if !decided || self.branches > MOST_BRANCHES {
                    return None;
                }
                let (left, right) = (self.name(*left), self.name(*right));
                self.key.push(Step::Branch(*cond as u8, left, right));
                self.way(then)?;
                self.way(otherwise)
            }
            Terminator::Jump(jump) => self.way(jump),
            Terminator::Return(_) => None,
        }
    }

    /// Goes on where a jump leads: through a block of the choice, or to where all ways meet.
    fn way(&mut self, jump: &Jump) -> Option<()> {
        let block = self.func.block(jump.block);
        if self.cfg.preds[jump.block.index()].len() == 1 && block.params.is_empty() {
            if let Some(Terminator::Return(_)) = block.terminator {
                self.key.push(Step::End);
                return Some(());
            }
            for inst in &block.insts {
                self.inst(&inst.op, inst.result?)?;
            }
            return self.terminator(block.terminator.as_ref()?);
        }
        let (meet, ways) = self.meet.unwrap_or((jump.block, 0));
        self.meet = Some((meet, ways + 1));
        let values = jump.args.iter().map(|v| self.name(*v)).collect();
        self.key.push(Step::Meet(values));
        (meet == jump.block).then_some(())
    }

    fn inst(&mut self, op: &Op, result: Value) -> Option<()> {
        if matches!(op, Op::Load(..) | Op::LoadLate(..)) {
            return None;
        }
        let mut op = op.clone();
        op.for_each_operand_mut(|v| *v = self.name(*v));
        self.key.push(Step::Inst(self.scope.key(&op)?));
        let name = Value(u32::MAX - self.own.len() as u32);
        self.own.insert(result, name);
        Some(())
    }
}
