//! Functions: blocks of instructions over values.

use btc_diagnostics::Span;

use crate::{Block, FuncId, GlobalId, KfuncId, LateId, MapId, ScratchId, Slot, Value};

/// What a function is for.
#[derive(Clone, Debug, PartialEq)]
pub enum FunctionKind {
    /// A program: one parameter, the context.
    Program {
        /// ELF section, such as `kprobe/vfs_read`.
        section: String,
        /// What keeps others of the module out while it runs, where the kernel does not.
        guard: Option<Guard>,
    },
    /// Called by others; verified with its caller (BTF linkage static).
    Subprogram,
    /// Called by others with numbers and nothing else; verified once, for whatever numbers (BTF linkage global).
    Global,
    /// Given to a helper such as `bpf_loop`; its address is taken by [`Op::FuncAddr`].
    Callback,
}

/// What lets one program at a time run on a CPU: two subprograms, which a program calls first and last.
///
/// Neither touches the stack, for the kernel may give all runs of a program on a CPU the same one (Linux 6.13 on), nor do
/// the instructions that call them. Interpreters of the IR run one program after the other, and do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Is given `lost`; yields whether the program may run. If not, it has counted a lost event, and the program ends.
    pub enter: FuncId,
    /// Lets others in again.
    pub leave: FuncId,
    /// Which counter is for lost events of the program: bytes from the begin of all counters.
    pub lost: u32,
}

/// BTF linkage of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// Verified with each caller.
    Static,
    /// Verified alone.
    Global,
}

impl FunctionKind {
    /// The linkage that the kernel wants for this kind.
    pub fn linkage(&self) -> Linkage {
        match self {
            FunctionKind::Program { .. } | FunctionKind::Global => Linkage::Global,
            FunctionKind::Subprogram | FunctionKind::Callback => Linkage::Static,
        }
    }
}

/// Width of a memory access in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Width {
    B1,
    B2,
    B4,
    B8,
}

impl Width {
    /// The width in bytes.
    pub fn bytes(self) -> u32 {
        match self {
            Width::B1 => 1,
            Width::B2 => 2,
            Width::B4 => 4,
            Width::B8 => 8,
        }
    }

    /// The width of `size` bytes, for 1, 2, 4 and 8.
    pub fn of(size: u32) -> Option<Width> {
        match size {
            1 => Some(Width::B1),
            2 => Some(Width::B2),
            4 => Some(Width::B4),
            8 => Some(Width::B8),
            _ => None,
        }
    }
}

/// Arithmetic over 64 bits. Shift counts are taken modulo 64; division by 0
/// gives 0 and modulo by 0 gives the dividend, as the BPF instructions do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    UDiv,
    UMod,
    And,
    Or,
    Xor,
    Shl,
    LShr,
    AShr,
}

/// Comparisons over 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Cond {
    Eq,
    Ne,
    ULt,
    ULe,
    UGt,
    UGe,
    SLt,
    SLe,
    SGt,
    SGe,
}

/// A place in directly accessible memory: a pointer and a constant displacement in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    /// The pointer.
    pub base: Value,
    /// Displacement in bytes.
    pub offset: i32,
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Callee {
    /// A BPF helper by number.
    Helper(u32),
    /// A kernel function.
    Kfunc(KfuncId),
    /// A function of the module.
    Function(FuncId),
}

/// Operations. The ones that yield a value are listed with it.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// `v = const n`
    Const(i64),
    /// `v = late L`: a late constant as a number (mov-immediate form).
    Late(LateId),
    /// `v = a op b`
    Bin(BinOp, Value, Value),
    /// `v = sext.N a`: sign-extends the low N bits (8, 16, 32).
    SignExtend(u8, Value),
    /// `v = zext.N a`: keeps the low N bits.
    ZeroExtend(u8, Value),
    /// `v = extend L, a`: extends the low bits to 64 as the late constant says ([`crate::ArgumentPart::Extend`]). As a
    /// number it is how many bits, negative for those that have a sign.
    Extend(LateId, Value),
    /// `v = bswap.N a`: swaps the low N bits (16, 32, 64) and drops the rest.
    ByteSwap(u8, Value),
    /// `v = cmp.cond a, b`: 1 or 0.
    Cmp(Cond, Value, Value),
    /// `v = umin a, n`: the smaller of both as unsigned numbers. Emitted as a compare
    /// in the very register that the next use reads, so that the verifier learns the bound.
    UMin(Value, u64),
    /// `v = load.W m`: zero-extends.
    Load(Width, Memory),
    /// `v = load_late.W p, L`: LDX whose 16-bit offset is the late constant; for context
    /// and BTF pointers. Zero-extends.
    LoadLate(Width, Value, LateId),
    /// `store.W m, v`
    Store(Width, Memory, Value),
    /// `atomic_add.W m, v`: B4 or B8, without fetch.
    AtomicAdd(Width, Memory, Value),
    /// `fill m, len`: clears `len` bytes.
    Clear(Memory, u32),
    /// `copy m, m, len`: copies `len` bytes between directly accessible, disjoint places.
    Copy {
        /// Where to.
        to: Memory,
        /// Where from.
        from: Memory,
        /// Bytes.
        len: u32,
    },
    /// `v = slot_addr S`
    SlotAddr(Slot),
    /// `v = scratch_addr S`
    ScratchAddr(ScratchId),
    /// `v = map_addr M`: the map itself, as helpers want it.
    MapAddr(MapId),
    /// `v = global_addr G`
    GlobalAddr(GlobalId),
    /// `v = func_addr F`: for callbacks.
    FuncAddr(FuncId),
    /// `v = kfunc_addr K`: 0 when the target lacks it.
    KfuncAddr(KfuncId),
    /// `v = call f(args)`: at most 5 arguments.
    Call(Callee, Vec<Value>),
}

impl Op {
    /// Whether the operation yields a value.
    pub fn has_result(&self) -> bool {
        !matches!(self, Op::Store(..) | Op::AtomicAdd(..) | Op::Clear(..) | Op::Copy { .. })
    }

    /// Whether it may be removed when its value is unused. A call may not: its helper acts.
    pub fn is_pure(&self) -> bool {
        self.has_result() && !matches!(self, Op::Call(..))
    }

    /// Calls `f` for every operand.
    pub fn for_each_operand(&self, mut f: impl FnMut(Value)) {
        let mut copy = self.clone();
        copy.for_each_operand_mut(|v| f(*v));
    }

    /// Calls `f` for every operand, to rewrite it.
    pub fn for_each_operand_mut(&mut self, mut f: impl FnMut(&mut Value)) {
        match self {
            Op::Const(_)
            | Op::Late(_)
            | Op::SlotAddr(_)
            | Op::ScratchAddr(_)
            | Op::MapAddr(_)
            | Op::GlobalAddr(_)
            | Op::FuncAddr(_)
            | Op::KfuncAddr(_) => {}
            Op::Bin(_, a, b) | Op::Cmp(_, a, b) => {
                f(a);
                f(b);
            }
            Op::SignExtend(_, a) | Op::ZeroExtend(_, a) | Op::Extend(_, a) | Op::ByteSwap(_, a) | Op::UMin(a, _) => f(a),
            Op::Load(_, m) | Op::Clear(m, _) => f(&mut m.base),
            Op::LoadLate(_, p, _) => f(p),
            Op::Store(_, m, v) | Op::AtomicAdd(_, m, v) => {
                f(&mut m.base);
                f(v);
            }
            Op::Copy { to, from, .. } => {
                f(&mut to.base);
                f(&mut from.base);
            }
            Op::Call(_, args) => args.iter_mut().for_each(f),
        }
    }
}

/// An instruction in a block.
#[derive(Clone, Debug, PartialEq)]
pub struct InstData {
    /// The result, exactly when [`Op::has_result`].
    pub result: Option<Value>,
    /// What it does.
    pub op: Op,
    /// The script text it stems from.
    pub span: Span,
}

/// A jump with its block arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Jump {
    /// Where to.
    pub block: Block,
    /// Values for the block's parameters.
    pub args: Vec<Value>,
}

/// How a block ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Terminator {
    /// `jump block(args)`
    Jump(Jump),
    /// `br.cond a, b, then, else`
    Branch {
        /// The comparison.
        cond: Cond,
        /// Left operand.
        left: Value,
        /// Right operand.
        right: Value,
        /// When it holds.
        then: Jump,
        /// When it does not.
        otherwise: Jump,
    },
    /// `ret v`
    Return(Value),
}

/// A basic block.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockData {
    /// Parameters; the entry block's are the function's.
    pub params: Vec<Value>,
    /// Instructions in order.
    pub insts: Vec<InstData>,
    /// The end; `None` only while building.
    pub terminator: Option<Terminator>,
    /// The script text of the end.
    pub span: Span,
}

/// A function.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// ELF symbol.
    pub name: String,
    /// What it is for.
    pub kind: FunctionKind,
    /// Blocks; the first is the entry. Order is the layout order.
    pub blocks: Vec<BlockData>,
    /// Number of values.
    pub values: u32,
    /// Sizes in bytes of the stack objects; each is aligned to 8.
    pub slots: Vec<u32>,
    /// Sizes in bytes of the scratch objects; each is aligned to 8.
    pub scratch: Vec<u32>,
    /// The probe or definition it stems from.
    pub span: Span,
    /// Whether operations were dropped because there are too many.
    pub is_full: bool,
}

impl Function {
    /// Its operations.
    pub fn ops(&self) -> usize {
        self.blocks.iter().map(|b| b.insts.len()).sum()
    }

    /// An empty function without blocks.
    pub fn new(name: impl Into<String>, kind: FunctionKind, span: Span) -> Self {
        Function {
            name: name.into(),
            kind,
            blocks: Vec::new(),
            values: 0,
            slots: Vec::new(),
            scratch: Vec::new(),
            span,
            is_full: false,
        }
    }

    /// A fresh value.
    pub fn new_value(&mut self) -> Value {
        self.values += 1;
        Value(self.values - 1)
    }

    /// The block.
    pub fn block(&self, block: Block) -> &BlockData {
        &self.blocks[block.index()]
    }

    /// The blocks that `block` may go to.
    pub fn successors(&self, block: Block) -> Vec<Block> {
        match &self.block(block).terminator {
            Some(Terminator::Jump(j)) => vec![j.block],
            Some(Terminator::Branch { then, otherwise, .. }) => vec![then.block, otherwise.block],
            Some(Terminator::Return(_)) | None => Vec::new(),
        }
    }
}
