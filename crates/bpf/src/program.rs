//! Programs: what the code generator hands to the object writer.
//!
//! Places and entities are plain numbers, since this crate knows neither the
//! source map nor the IR; indexes count in the IR module's own tables.

use crate::Insn;

/// What a program is in the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramKind {
    /// Attached; a GLOBAL function symbol in a section of its own name.
    Entry,
    /// Called by others, verified with each.
    Subprogram,
    /// Called by others, verified alone; a GLOBAL function symbol.
    Global,
    /// Its address is given to a helper.
    Callback,
}

/// What a reference names; numbers are indexes into the IR module's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A map, by a 64-bit load.
    Map(u32),
    /// A global and a displacement in bytes, by a 64-bit load.
    Global(u32, i32),
    /// A kernel function that is called.
    KfuncCall(u32),
    /// Address of a kernel function, by a 64-bit load.
    KfuncAddr(u32),
    /// A function of the object that is called.
    FunctionCall(u32),
    /// Address of a function of the object, by a 64-bit load.
    FunctionAddr(u32),
    /// A late constant: 64-bit load of a symbol's address, an immediate of 32 bits, or
    /// the 16-bit displacement of a load. The IR's `Late` tells how it is bound.
    Late(u32),
}

/// An instruction that something binds later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Slot, from the program's start.
    pub insn: u32,
    /// What is bound there.
    pub target: Target,
}

/// From this instruction on, code stems from this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Slot, from the program's start.
    pub insn: u32,
    /// Source file by number.
    pub file: u32,
    /// Byte offset in the file.
    pub start: u32,
}

/// One function in machine code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// ELF symbol.
    pub name: String,
    /// ELF section; `.text` for subprograms and callbacks.
    pub section: String,
    /// What it is.
    pub kind: ProgramKind,
    /// Number of parameters.
    pub params: u32,
    /// Code.
    pub insns: Vec<Insn>,
    /// References in order of their instructions.
    pub references: Vec<Reference>,
    /// Places in order of their instructions; the first is at 0.
    pub lines: Vec<Line>,
    /// Bytes of stack that it uses, a multiple of 8.
    pub stack: u32,
}
