//! Machine code over virtual registers: what `isel` makes and `regalloc` and `emit` read.
//!
//! Not SSA: arithmetic changes its first operand in place, and the parameter of a
//! block is written by [`Inst::Moves`] at the end of each predecessor.

use btc_bpf::Target;
use btc_ir::{BinOp, Cond, LateId, Width};

/// A virtual register.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct VReg(pub u32);

/// A register or a 32-bit immediate (sign-extended).
#[derive(Clone, Copy, Debug)]
pub enum Opd {
    Reg(VReg),
    Imm(i32),
}

/// The pointer of a memory access.
#[derive(Clone, Copy, Debug)]
pub enum Base {
    Reg(VReg),
    /// A stack object, addressed from the frame pointer.
    Slot(u32),
}

/// Displacement of a memory access.
#[derive(Clone, Copy, Debug)]
pub enum Off {
    Fixed(i32),
    Late(LateId),
}

/// How a late constant enters a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `mov imm`
    Imm,
    /// 64-bit load, two slots.
    Wide,
}

/// Where a moved value comes from: anything that one or two instructions can bring into a register.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    Reg(VReg),
    Imm(i64),
    /// Address of a stack object, with displacement.
    Slot(u32, i32),
    /// A register with displacement. Parallel moves ([`Inst::Moves`]) take none.
    Sum(VReg, i32),
    /// A 64-bit load that a relocation fills.
    Addr(Target),
    Late(LateId, Form),
    /// A stack word.
    Spill(u32),
}

/// Where a moved value goes.
#[derive(Clone, Copy, Debug)]
pub enum Dest {
    Reg(VReg),
    /// A stack word.
    Spill(u32),
}

/// What is called.
#[derive(Clone, Copy, Debug)]
pub enum Callee {
    Helper(u32),
    Symbol(Target),
}

/// Machine instructions. `d` is written; where it is also read, that is said.
#[derive(Clone, Debug)]
pub enum Inst {
    /// Brings the parameters from r1-r5.
    Params(Vec<Dest>),
    Set { d: VReg, s: Source },
    /// Copies the low 32 bits.
    Mov32 { d: VReg, s: VReg },
    /// `d op= s`
    Alu { op: BinOp, d: VReg, s: Opd },
    /// `d op= late`
    AluLate { op: BinOp, d: VReg, late: LateId },
    /// Swaps the low bits of `d` in place.
    Swap { bits: u8, d: VReg },
    Load { width: Width, d: VReg, base: Base, off: Off },
    Store { width: Width, base: Base, off: i32, s: Opd },
    AtomicAdd { width: Width, base: Base, off: i32, s: VReg },
    /// `d = a cond b`; `d` is written first.
    Compare { cond: Cond, d: VReg, a: VReg, b: Opd },
    /// `d = min(d, n)`
    UMin { d: VReg, n: Opd },
    Call { callee: Callee, args: Vec<Source>, d: Option<VReg> },
    /// All at once.
    Moves(Vec<(Dest, Source)>),
    Jump(usize),
    Branch { cond: Cond, a: VReg, b: Opd, then: usize, otherwise: usize },
    Return(Source),
}

/// How an instruction touches a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Read before anything is written.
    Use,
    /// Read when results may already be written: shares no register with them.
    LateUse,
    /// Written.
    Def,
    /// Read and written.
    Change,
}

macro_rules! visitor {
    ($name:ident $opd:ident $base:ident $source:ident $dest:ident $($m:tt)?) => {
        fn $opd(o: &$($m)? Opd, role: Role, f: &mut impl FnMut(&$($m)? VReg, Role)) {
            if let Opd::Reg(r) = o {
                f(r, role);
            }
        }

        fn $base(b: &$($m)? Base, f: &mut impl FnMut(&$($m)? VReg, Role)) {
            if let Base::Reg(r) = b {
                f(r, Role::Use);
            }
        }

        fn $source(s: &$($m)? Source, f: &mut impl FnMut(&$($m)? VReg, Role)) {
            if let Source::Reg(r) | Source::Sum(r, _) = s {
                f(r, Role::Use);
            }
        }

        fn $dest(d: &$($m)? Dest, f: &mut impl FnMut(&$($m)? VReg, Role)) {
            if let Dest::Reg(r) = d {
                f(r, Role::Def);
            }
        }

        /// Calls `f` for every register: reads before writes.
        pub fn $name(&$($m)? self, f: &mut impl FnMut(&$($m)? VReg, Role)) {
            match self {
                Inst::Params(dests) => {
                    for d in dests {
                        Inst::$dest(d, f);
                    }
                }
                Inst::Set { d, s } => {
                    Inst::$source(s, f);
                    f(d, Role::Def);
                }
                Inst::Mov32 { d, s } => {
                    f(s, Role::Use);
                    f(d, Role::Def);
                }
                Inst::Alu { d, s, .. } => {
                    Inst::$opd(s, Role::Use, f);
                    f(d, Role::Change);
                }
                Inst::AluLate { d, .. } | Inst::Swap { d, .. } => f(d, Role::Change),
                Inst::Load { d, base, .. } => {
                    Inst::$base(base, f);
                    f(d, Role::Def);
                }
                Inst::Store { base, s, .. } => {
                    Inst::$base(base, f);
                    Inst::$opd(s, Role::Use, f);
                }
                Inst::AtomicAdd { base, s, .. } => {
                    Inst::$base(base, f);
                    f(s, Role::Use);
                }
                Inst::Compare { d, a, b, .. } => {
                    f(a, Role::LateUse);
                    Inst::$opd(b, Role::LateUse, f);
                    f(d, Role::Def);
                }
                Inst::UMin { d, n } => {
                    Inst::$opd(n, Role::LateUse, f);
                    f(d, Role::Change);
                }
                Inst::Call { args, d, .. } => {
                    for a in args {
                        Inst::$source(a, f);
                    }
                    if let Some(d) = d {
                        f(d, Role::Def);
                    }
                }
                Inst::Moves(moves) => {
                    // All reads come first: one move's source may be another's destination.
                    for (_, s) in &$($m)? *moves {
                        Inst::$source(s, f);
                    }
                    for (d, _) in moves {
                        Inst::$dest(d, f);
                    }
                }
                Inst::Jump(_) => {}
                Inst::Branch { a, b, .. } => {
                    f(a, Role::Use);
                    Inst::$opd(b, Role::Use, f);
                }
                Inst::Return(s) => Inst::$source(s, f),
            }
        }
    };
}

macro_rules! word_visitor {
    ($name:ident $($m:tt)?) => {
        /// Calls `f` for every stack word: reads before writes.
        pub fn $name(&$($m)? self, f: &mut dyn FnMut(&$($m)? u32, Role)) {
            let read = |s: &$($m)? Source, f: &mut dyn FnMut(&$($m)? u32, Role)| {
                if let Source::Spill(word) = s {
                    f(word, Role::Use);
                }
            };
            let write = |d: &$($m)? Dest, f: &mut dyn FnMut(&$($m)? u32, Role)| {
                if let Dest::Spill(word) = d {
                    f(word, Role::Def);
                }
            };
            match self {
                Inst::Params(dests) => dests.into_iter().for_each(|d| write(d, f)),
                Inst::Set { s, .. } | Inst::Return(s) => read(s, f),
                Inst::Call { args, .. } => args.into_iter().for_each(|s| read(s, f)),
                Inst::Moves(moves) => {
                    for (_, s) in &$($m)? *moves {
                        read(s, f);
                    }
                    for (d, _) in moves {
                        write(d, f);
                    }
                }
                Inst::Mov32 { .. } | Inst::Alu { .. } | Inst::AluLate { .. } | Inst::Swap { .. } | Inst::Load { .. }
                | Inst::Store { .. } | Inst::AtomicAdd { .. } | Inst::Compare { .. } | Inst::UMin { .. } | Inst::Jump(_)
                | Inst::Branch { .. } => {}
            }
        }
    };
}

impl Inst {
    visitor!(visit visit_opd visit_base visit_source visit_dest);
    visitor!(visit_mut visit_opd_mut visit_base_mut visit_source_mut visit_dest_mut mut);

    word_visitor!(visit_words);
    word_visitor!(visit_words_mut mut);

    /// The blocks that a block with this end may go to.
    pub fn successors(&self) -> Vec<usize> {
        match self {
            Inst::Jump(to) => vec![*to],
            Inst::Branch { then, otherwise, .. } => vec![*then, *otherwise],
            _ => Vec::new(),
        }
    }

    /// Whether the registers r0-r5 die here.
    pub fn is_call(&self) -> bool {
        matches!(self, Inst::Call { .. })
    }
}

/// A place in the source: file number and byte offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pos {
    pub file: u32,
    pub start: u32,
}

/// What the allocator must know of a virtual register.
#[derive(Clone, Debug, Default)]
pub struct Info {
    /// Its value can be made anew anywhere by this.
    pub remake: Option<Source>,
    /// The verifier must know that it is at most this.
    pub bound: Option<u64>,
    /// The stack word that it was spilled to.
    pub spill: Option<u32>,
    /// 0: from `isel`; 1: reloaded for a stretch of a block; 2: for one instruction.
    pub level: u8,
}

/// A function in machine code.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Blocks of instructions with their places; the last ends the block.
    pub blocks: Vec<Vec<(Inst, Pos)>>,
    /// Blocks in the order of the output; the entry, which is block 0, first. Others are unreachable.
    pub layout: Vec<usize>,
    /// By virtual register.
    pub regs: Vec<Info>,
    /// Number of stack words used for spilling.
    pub spills: u32,
}

impl Code {
    /// The blocks that a block may go to.
    pub fn successors(&self, block: usize) -> Vec<usize> {
        self.blocks[block].last().map(|(inst, _)| inst.successors()).unwrap_or_default()
    }

    /// A fresh virtual register.
    pub fn reg(&mut self, info: Info) -> VReg {
        self.regs.push(info);
        VReg(self.regs.len() as u32 - 1)
    }
}
