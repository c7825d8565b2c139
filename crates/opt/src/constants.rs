//! The constants of a function, each once at the head of the entry block.
//!
//! They cost nothing there: codegen makes a constant anew at each use. In return they
//! dominate everything, and the same number is the same value.

use std::collections::HashMap;

use btc_ir::{Function, InstData, Op, Value};

/// The pool.
pub struct Constants {
    values: HashMap<i64, Value>,
    /// The number of each value that is in the pool.
    numbers: HashMap<Value, i64>,
    new: Vec<InstData>,
}

impl Constants {
    /// The constants that already stand at the head.
    pub fn collect(func: &Function) -> Self {
        let mut pool = Constants { values: HashMap::new(), numbers: HashMap::new(), new: Vec::new() };
        for inst in &func.blocks[0].insts {
            let (Op::Const(n), Some(v)) = (&inst.op, inst.result) else { break };
            pool.values.entry(*n).or_insert(v);
            pool.numbers.insert(v, *n);
        }
        pool
    }

    /// The value of a number; a new one until [`Constants::finish`].
    pub fn value(&mut self, func: &mut Function, n: i64) -> Value {
        if let Some(v) = self.values.get(&n) {
            return *v;
        }
        let v = func.new_value();
        self.values.insert(n, v);
        self.numbers.insert(v, n);
        self.new.push(InstData { result: Some(v), op: Op::Const(n), span: func.span });
        v
    }

    /// The number of a value in the pool.
    pub fn number(&self, v: Value) -> Option<i64> {
        self.numbers.get(&v).copied()
    }

    /// Puts the new constants into the function; whether there are any.
    pub fn finish(self, func: &mut Function) -> bool {
        let any = !self.new.is_empty();
        func.blocks[0].insts.splice(0..0, self.new);
        any
    }
}
