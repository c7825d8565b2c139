//! `syscall_name(number)`: a syscall that prints by name.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static SYSCALL_NAME: Function = Function {
    name: "syscall_name",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("number", ParamKind::Int)],
    returns: Returns::Fixed(Type::SyscallName),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "A syscall number that prints as the name it has on the machine that runs the script.",
    lower: |l, _| Lowered::Value(l.value(0)),
};
