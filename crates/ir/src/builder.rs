//! Builds a function instruction by instruction.

use btc_diagnostics::Span;

use crate::{
    BinOp, Block, BlockData, Callee, Cond, FuncId, Function, FunctionKind, GlobalId, InstData, Jump, Late,
    LateId, MapId, Memory, Module, Op, ScratchId, Slot, Terminator, Value, Width,
};

/// Operations that a function may have; the kernel takes no program with as many instructions. Further ones are dropped, so
/// that no function takes more memory than this: [`Function::is_full`] tells of it.
pub const MAX_OPS: usize = 1_000_000;

/// Appends instructions to a function of a module.
pub struct Builder<'m> {
    /// The module that the function belongs to.
    pub module: &'m mut Module,
    /// The function.
    pub func: Function,
    /// Where instructions go.
    current: Block,
    /// Operations so far.
    ops: usize,
    /// Span of the instructions to come.
    pub span: Span,
}

impl<'m> Builder<'m> {
    /// Begins a function with `params` parameters; the builder stands in its entry block.
    pub fn new(
        module: &'m mut Module,
        name: impl Into<String>,
        kind: FunctionKind,
        params: u32,
        span: Span,
    ) -> Self {
        let func = Function::new(name, kind, span);
        let mut b = Builder { module, func, current: Block(0), ops: 0, span };
        let entry = b.block(params);
        b.current = entry;
        b
    }

    /// Whether further operations are dropped.
    pub fn is_full(&self) -> bool {
        self.ops >= MAX_OPS
    }

    /// The function's `n`th parameter.
    pub fn param(&self, n: usize) -> Value {
        self.func.blocks[0].params[n]
    }

    /// A new block with `params` parameters.
    pub fn block(&mut self, params: u32) -> Block {
        let params = (0..params).map(|_| self.func.new_value()).collect();
        self.func.blocks.push(BlockData { params, insts: Vec::new(), terminator: None, span: self.span });
        Block(self.func.blocks.len() as u32 - 1)
    }

    /// The value of a block's parameter.
    pub fn block_param(&self, block: Block, n: usize) -> Value {
        self.func.block(block).params[n]
    }

    /// Goes on at the end of `block`.
    pub fn switch_to(&mut self, block: Block) {
        self.current = block;
    }

    /// Jumps without arguments; what follows is in a block that nothing reaches.
    pub fn leave(&mut self, to: Block) {
        self.jump(to, &[]);
        let unreachable = self.block(0);
        self.switch_to(unreachable);
    }

    /// The block that instructions go to.
    pub fn current(&self) -> Block {
        self.current
    }

    /// Whether nothing stands in the current block yet.
    pub fn is_at_start(&self) -> bool {
        let block = self.func.block(self.current);
        block.insts.is_empty() && block.terminator.is_none()
    }

    /// Whether the current block has ended, so that what follows is unreachable.
    pub fn is_terminated(&self) -> bool {
        self.func.block(self.current).terminator.is_some()
    }

    /// Appends an operation; dropped when the block has ended.
    pub fn push(&mut self, op: Op) -> Value {
        let result = op.has_result().then(|| self.func.new_value());
        let span = self.span;
        let block = &mut self.func.blocks[self.current.index()];
        if block.terminator.is_none() && self.ops < MAX_OPS {
            self.ops += 1;
            block.insts.push(InstData { result, op, span });
        }
        result.unwrap_or(Value(u32::MAX))
    }

    /// The operation of the current block that makes a value; `None` when it is from elsewhere.
    pub fn made_here(&self, value: Value) -> Option<&Op> {
        let insts = &self.func.block(self.current).insts;
        insts.iter().rev().find(|i| i.result == Some(value)).map(|i| &i.op)
    }

    fn end(&mut self, terminator: Terminator) {
        let span = self.span;
        let block = &mut self.func.blocks[self.current.index()];
        if block.terminator.is_none() {
            block.terminator = Some(terminator);
            block.span = span;
        }
    }

    /// A constant.
    pub fn iconst(&mut self, n: i64) -> Value {
        self.push(Op::Const(n))
    }

    /// A late constant.
    pub fn late(&mut self, late: Late) -> Value {
        let id = self.module.late(late);
        self.push(Op::Late(id))
    }

    /// `a op b`
    pub fn bin(&mut self, op: BinOp, a: Value, b: Value) -> Value {
        self.push(Op::Bin(op, a, b))
    }

    /// `a op n`
    pub fn bin_imm(&mut self, op: BinOp, a: Value, n: i64) -> Value {
        let n = self.iconst(n);
        self.bin(op, a, n)
    }

    /// `a + n`, or `a` itself for 0.
    pub fn add_imm(&mut self, a: Value, n: i64) -> Value {
        if n == 0 { a } else { self.bin_imm(BinOp::Add, a, n) }
    }

    /// 1 when `a cond b`, else 0.
    pub fn cmp(&mut self, cond: Cond, a: Value, b: Value) -> Value {
        self.push(Op::Cmp(cond, a, b))
    }

    /// A direct load, zero-extended.
    pub fn load(&mut self, width: Width, base: Value, offset: i32) -> Value {
        self.push(Op::Load(width, Memory { base, offset }))
    }

    /// A load at a late offset, zero-extended.
    pub fn load_late(&mut self, width: Width, base: Value, late: Late) -> Value {
        let id: LateId = self.module.late(late);
        self.push(Op::LoadLate(width, base, id))
    }

    /// Extends as a late constant says.
    pub fn extend_late(&mut self, late: Late, a: Value) -> Value {
        let id = self.module.late(late);
        self.push(Op::Extend(id, a))
    }

    /// A direct store.
    pub fn store(&mut self, width: Width, base: Value, offset: i32, value: Value) {
        self.push(Op::Store(width, Memory { base, offset }, value));
    }

    /// Clears memory.
    pub fn clear(&mut self, base: Value, offset: i32, len: u32) {
        if len > 0 {
            self.push(Op::Clear(Memory { base, offset }, len));
        }
    }

    /// Copies memory.
    pub fn copy(&mut self, to: Memory, from: Memory, len: u32) {
        if len > 0 {
            self.push(Op::Copy { to, from, len });
        }
    }

    /// A new stack object of `size` bytes.
    pub fn slot(&mut self, size: u32) -> Slot {
        self.func.slots.push(size);
        Slot(self.func.slots.len() as u32 - 1)
    }

    /// A new scratch object of `size` bytes.
    pub fn scratch(&mut self, size: u32) -> ScratchId {
        self.func.scratch.push(size);
        ScratchId(self.func.scratch.len() as u32 - 1)
    }

    /// The address of a stack object.
    pub fn slot_addr(&mut self, slot: Slot) -> Value {
        self.push(Op::SlotAddr(slot))
    }

    /// A map as an argument.
    pub fn map_addr(&mut self, map: MapId) -> Value {
        self.push(Op::MapAddr(map))
    }

    /// The address of a global.
    pub fn global_addr(&mut self, global: GlobalId) -> Value {
        self.push(Op::GlobalAddr(global))
    }

    /// A call.
    pub fn call(&mut self, callee: Callee, args: &[Value]) -> Value {
        self.push(Op::Call(callee, args.to_vec()))
    }

    /// A helper call.
    pub fn helper(&mut self, number: u32, args: &[Value]) -> Value {
        self.call(Callee::Helper(number), args)
    }

    /// Ends the block with a jump.
    pub fn jump(&mut self, block: Block, args: &[Value]) {
        self.end(Terminator::Jump(Jump { block, args: args.to_vec() }));
    }

    /// Ends the block with a branch to blocks without parameters.
    pub fn branch(&mut self, cond: Cond, left: Value, right: Value, then: Block, otherwise: Block) {
        let jump = |block| Jump { block, args: Vec::new() };
        self.end(Terminator::Branch { cond, left, right, then: jump(then), otherwise: jump(otherwise) });
    }

    /// Ends the block with a branch on `value cond n`.
    pub fn branch_imm(&mut self, cond: Cond, value: Value, n: i64, then: Block, otherwise: Block) {
        let n = self.iconst(n);
        self.branch(cond, value, n, then, otherwise);
    }

    /// Ends the block with a return.
    pub fn ret(&mut self, value: Value) {
        self.end(Terminator::Return(value));
    }

    /// The name of the function in hand.
    pub fn function_name(&self) -> &str {
        &self.func.name
    }

    /// Leaves the function for another one of the same module, such as a callback;
    /// [`Builder::end_nested`] comes back, and completes the name.
    pub fn begin_nested(&mut self, stem: impl Into<String>, kind: FunctionKind, params: u32) -> Suspended {
        let outer = std::mem::replace(&mut self.func, Function::new(stem, kind, self.span));
        let current = std::mem::replace(&mut self.current, Block(0));
        self.current = self.block(params);
        Suspended { func: outer, current }
    }

    /// Finishes a nested function and goes on with the outer one. Its number ends its name: nested functions
    /// may have others in them, so only now is it known, and no two have the same.
    pub fn end_nested(&mut self, outer: Suspended) -> FuncId {
        self.seal();
        let mut nested = std::mem::replace(&mut self.func, outer.func);
        self.current = outer.current;
        nested.name = format!("{}_{}", nested.name, self.module.functions.len());
        self.module.add_function(nested)
    }

    /// The finished function. Blocks that were never ended return 0.
    pub fn finish(mut self) -> Function {
        self.seal();
        self.func.is_full = self.is_full();
        self.func
    }

    fn seal(&mut self) {
        for block in 0..self.func.blocks.len() {
            self.current = Block(block as u32);
            if !self.is_terminated() {
                let zero = self.iconst(0);
                self.ret(zero);
            }
        }
    }
}

/// A function that waits for a nested one.
pub struct Suspended {
    func: Function,
    current: Block,
}
