//! The intermediate representation: SSA over 64-bit values with explicit memory.
//!
//! A [`Module`] holds maps, globals, late constants and functions. `lower` builds
//! it, `opt` rewrites it, `codegen` turns it into BPF. It knows neither the
//! language nor the kernel: a host-dependent number is a [`Late`] constant.
//!
//! Every [`Value`] is 64 bits wide. Narrow integers are kept extended to 64 bits
//! according to their type; `lower` inserts the extensions. A value wider than a
//! register lives in memory: a stack [`Slot`], per-CPU scratch memory, a map
//! value, a ring-buffer record or read-only data.

pub mod builder;
pub mod cfg;
mod entities;
mod function;
pub mod interp;
mod late;
mod lex;
pub mod machine;
pub mod memory;
mod module;
mod names;
pub mod parse;
mod parse_late;
pub mod print;
pub mod validate;

pub use builder::{Builder, MAX_OPS};
pub use cfg::Cfg;
pub use entities::{Block, FuncId, GlobalId, KfuncId, LateId, MapId, ScratchId, Slot, Value};
pub use function::{
    BinOp, BlockData, Callee, Cond, Function, FunctionKind, Guard, InstData, Jump, Linkage, Memory,
    Op, Terminator, Width,
};
pub use late::{Fact, Late, Leaf, PathStep, TypeFact};
pub use btc_abi::{ArgumentPart, MapKind, Shape, Typed, UsdtPart};
pub use btc_diagnostics::Span;
pub use module::{Global, Kfunc, Map, Module, Section};
pub use parse::{ParseError, parse};
pub use print::print;
pub use validate::{Invalid, validate};
