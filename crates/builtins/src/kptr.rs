//! `kptr(pointer)`: the same as a pointer to kernel memory.

use btc_types::{Space, Type};

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static KPTR: Function = Function {
    name: "kptr",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("pointer", ParamKind::Address)],
    returns: Returns::Infer(|c| with_space(c, Space::Kernel)),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The same address as a pointer to kernel memory.",
    lower: |l, _| Lowered::Value(l.value(0)),
};

/// The type of a pointer with another space; an integer becomes a `void *`.
pub(crate) fn with_space(c: &Check, space: Space) -> Type {
    match &c.args[0].ty {
        Type::Pointer { to, .. } => Type::pointer((**to).clone(), space),
        _ => Type::pointer(Type::None, space),
    }
}
