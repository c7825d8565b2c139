//! The typed tree: names resolved, types inferred, nothing left to look up.
//!
//! `sema` builds it and `lower` reads it. Definitions are referred to directly
//! (`&'static Function`, `&'static Provider`); no later phase compares names.

mod expr;
mod print;
mod program;
mod stmt;
mod typed;

pub use btc_abi::GlobalValue;
pub use expr::{BinaryOp, CompareKind, Expr, ExprKind, FieldStep, Logic, UnaryOp};
pub use print::print;
pub use program::{
    Block, KernelType, Map, MapKind, Param, ParamKind, ParamType, Probe, Program, Record, RecordField, Stmt, StmtKind, Var,
};

/// Index into [`Program::maps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MapId(pub u32);

/// Index into [`Probe::vars`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VarId(pub u32);

/// Index into [`Program::params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamId(pub u32);
