//! BPF instructions, helpers and assembler text.
//!
//! What comes in: nothing. What goes out: the 8-byte instruction of the BPF
//! instruction set, version 3 (kernel `Documentation/bpf/standardization/instruction-set.rst`),
//! with builders, bytes and text in both directions; the tables of helpers and kernel functions; and
//! [`Program`], what the code generator hands to the object writer. Knows no
//! language, no IR and no ELF.

pub mod asm;
mod disasm;
pub mod helpers;
mod insn;
pub mod kfuncs;
pub mod opcode;
mod program;

pub use disasm::{disassemble, text};
pub use insn::{Insn, Reg, STACK_SIZE};
pub use program::{Line, Program, ProgramKind, Reference, Target};
