//! Replacement of values by other values, for passes that remove definitions.

use btc_ir::{Function, Jump, Terminator, Value};

/// What stands for what.
pub struct Rewrites {
    to: Vec<Value>,
    any: bool,
}

impl Rewrites {
    /// None yet, for a function of so many values.
    pub fn new(func: &Function) -> Self {
        Rewrites { to: (0..func.values).map(Value).collect(), any: false }
    }

    /// From now on `new` stands for `old`.
    pub fn replace(&mut self, old: Value, new: Value) {
        self.grow(old.max(new));
        let new = self.get(new);
        if new != old {
            self.to[old.index()] = new;
            self.any = true;
        }
    }

    fn grow(&mut self, value: Value) {
        while self.to.len() <= value.index() {
            self.to.push(Value(self.to.len() as u32));
        }
    }

    /// What stands for `value`.
    pub fn get(&mut self, value: Value) -> Value {
        let mut end = value;
        while let Some(next) = self.to.get(end.index()).copied()
            && next != end
        {
            end = next;
        }
        let mut at = value;
        while at != end {
            at = std::mem::replace(&mut self.to[at.index()], end);
        }
        end
    }

    /// Whether anything is replaced.
    pub fn any(&self) -> bool {
        self.any
    }

    /// Rewrites the operands of a whole function.
    pub fn apply(&mut self, func: &mut Function) {
        if !self.any {
            return;
        }
        for block in &mut func.blocks {
            for inst in &mut block.insts {
                inst.op.for_each_operand_mut(|v| *v = self.get(*v));
            }
            if let Some(terminator) = &mut block.terminator {
                for_each_use_mut(terminator, |v| *v = self.get(*v));
            }
        }
    }
}

/// Calls `f` for each value that a terminator uses.
pub fn for_each_use_mut(terminator: &mut Terminator, mut f: impl FnMut(&mut Value)) {
    match terminator {
        Terminator::Jump(j) => j.args.iter_mut().for_each(f),
        Terminator::Branch { left, right, then, otherwise, .. } => {
            f(left);
            f(right);
            then.args.iter_mut().chain(&mut otherwise.args).for_each(f);
        }
        Terminator::Return(v) => f(v),
    }
}

/// The jumps of a terminator.
pub fn jumps(terminator: &Terminator) -> impl Iterator<Item = &Jump> {
    let (a, b) = match terminator {
        Terminator::Jump(j) => (Some(j), None),
        Terminator::Branch { then, otherwise, .. } => (Some(then), Some(otherwise)),
        Terminator::Return(_) => (None, None),
    };
    a.into_iter().chain(b)
}

/// The jumps of a terminator, to change them.
pub fn jumps_mut(terminator: &mut Terminator) -> impl Iterator<Item = &mut Jump> {
    let (a, b) = match terminator {
        Terminator::Jump(j) => (Some(j), None),
        Terminator::Branch { then, otherwise, .. } => (Some(then), Some(otherwise)),
        Terminator::Return(_) => (None, None),
    };
    a.into_iter().chain(b)
}

/// Calls `f` for each value that a terminator uses.
pub fn for_each_use(terminator: &Terminator, mut f: impl FnMut(Value)) {
    match terminator {
        Terminator::Jump(j) => j.args.iter().for_each(|v| f(*v)),
        Terminator::Branch { left, right, then, otherwise, .. } => {
            f(*left);
            f(*right);
            then.args.iter().chain(&otherwise.args).for_each(|v| f(*v));
        }
        Terminator::Return(v) => f(*v),
    }
}

/// How often each value is used.
pub fn count_uses(func: &Function) -> Vec<u32> {
    let mut uses = vec![0; func.values as usize];
    for block in &func.blocks {
        for inst in &block.insts {
            inst.op.for_each_operand(|v| uses[v.index()] += 1);
        }
        if let Some(terminator) = &block.terminator {
            for_each_use(terminator, |v| uses[v.index()] += 1);
        }
    }
    uses
}
