//! `is_err(pointer)`: whether a pointer is an error number.

use btc_ir::Cond;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static IS_ERR: Function = Function {
    name: "is_err",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("pointer", ParamKind::Address)],
    returns: Returns::Fixed(Type::Bool),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Whether a pointer of the kernel holds an error number (kernel: `IS_ERR`).",
    lower: |l, _| {
        let pointer = l.value(0);
        let b = l.b();
        // Kernel: MAX_ERRNO.
        let first = b.iconst(-4095);
        Lowered::Value(b.cmp(Cond::UGe, pointer, first))
    },
};
