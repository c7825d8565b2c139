//! Functions that the kernel verifies once, for any arguments (BPF global functions, Linux 5.6): the loops and branches
//! around their calls do not multiply what is in them.
//!
//! They take numbers only: before Linux 5.13 the verifier knows no others there. Memory of the caller is handed over by its
//! address as a number, and read by a helper. What is handed over so is called texts here; stacks are, too.

use btc_builtins::Bytes;
use btc_builtins::helpers::{PROBE_READ_KERNEL, PROBE_READ_KERNEL_STR};
use btc_ir::{Callee, FuncId, FunctionKind, Memory, Value, Width};

use crate::function::FnLower;
use crate::loops;

impl FnLower<'_, '_, '_> {
    /// Makes a function of so many numbers; `body` ends with its result. What is lost in it is counted at
    /// the place in hand.
    pub fn global_function(&mut self, name: &str, params: u32, body: impl FnOnce(&mut Self) -> Value) -> FuncId {
        self.function_of(FunctionKind::Global, name, params, body)
    }

    /// The module's function of this name, without parameters, made when it is first asked for. It is verified with each
    /// program that can come to a call of it; of one that cannot, the kernel drops it.
    pub fn subprogram(&mut self, name: &'static str, body: impl FnOnce(&mut Self) -> Value) -> FuncId {
        if let Some(known) = self.shared.subprograms.get(name) {
            return *known;
        }
        let made = self.function_of(FunctionKind::Subprogram, name, 0, body);
        self.shared.subprograms.insert(name, made);
        made
    }

    fn function_of(
        &mut self,
        kind: FunctionKind,
        name: &str,
        params: u32,
        body: impl FnOnce(&mut Self) -> Value,
    ) -> FuncId {
        // Nothing of the program around counts there: neither variables nor memory nor loops.
        let (vars, frame) = (std::mem::take(&mut self.vars), self.frame.take());
        let memory = self.begin_memory();
        self.leave_stack();
        let loops = std::mem::take(&mut self.loops);
        let budget = (std::mem::take(&mut self.work), std::mem::replace(&mut self.shares, loops::whole()));
        let outer = self.b.begin_nested(name, kind, params);
        let result = body(self);
        self.b.ret(result);
        let function = self.b.end_nested(outer);
        (self.work, self.shares) = budget;
        self.loops = loops;
        self.end_memory(memory);
        (self.vars, self.frame) = (vars, frame);
        function
    }

    /// What `body` yields for these texts and numbers. In a loop of the script it is done by a function, with
    /// copies of the texts. One is made for the place in hand, the sizes of the texts, and each `shape`: all else that
    /// bodies there may differ in.
    pub fn apart(
        &mut self,
        name: &'static str,
        shape: String,
        texts: &[Bytes],
        numbers: &[Value],
        body: impl FnOnce(&mut Self, &[Memory], &[Value]) -> Value,
    ) -> Value {
        if !self.in_loop() {
            let places: Vec<Memory> = texts.iter().map(|t| t.at).collect();
            return body(self, &places, numbers);
        }
        let mut args: Vec<Value> = texts.iter().map(|t| self.address_number(t.at)).collect();
        args.extend(numbers);
        let sizes: Vec<(u32, bool)> = texts.iter().map(|t| (t.capacity, t.terminated)).collect();
        let key = (self.b.span, name, format!("{shape} {sizes:?} {}", numbers.len()));
        let function = match self.shared.functions.get(&key) {
            Some(known) => *known,
            None => {
                let made = self.global_function(name, args.len() as u32, |f| {
                    let copies: Vec<Memory> = texts.iter().enumerate().map(|(n, t)| f.copy_of_param(n, t)).collect();
                    let numbers: Vec<Value> = (texts.len()..args.len()).map(|n| f.b.param(n)).collect();
                    body(f, &copies, &numbers)
                });
                self.shared.functions.insert(key, made);
                made
            }
        };
        self.b.call(Callee::Function(function), &args)
    }

    /// The address of a place as a number. In memory of a map the verifier forgets that it is a pointer.
    fn address_number(&mut self, place: Memory) -> Value {
        let (pointer, at) = (self.pointer(place), self.scratch(8));
        self.b.store(Width::B8, at.base, at.offset, pointer);
        self.b.load(Width::B8, at.base, at.offset)
    }

    fn copy_of_param(&mut self, n: usize, text: &Bytes) -> Memory {
        let to = self.scratch(text.capacity);
        let (pointer, from) = (self.pointer(to), self.b.param(n));
        let size = self.b.iconst(i64::from(text.capacity));
        let helper = if text.terminated { PROBE_READ_KERNEL_STR } else { PROBE_READ_KERNEL };
        self.b.helper(helper, &[pointer, size, from]);
        to
    }
}
