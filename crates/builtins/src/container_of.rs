//! `container_of(pointer, type, field)`: the struct around a field.

use btc_diagnostics::Code;
use btc_ir::BinOp;
use btc_types::{Space, Type};

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static CONTAINER_OF: Function = Function {
    name: "container_of",
    aliases: &[],
    kind: Kind::Call,
    params: &[
        Param::new("pointer", ParamKind::Address),
        Param::new("type", ParamKind::Type),
        Param::new("field", ParamKind::Member),
    ],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "A pointer to the struct that holds the field a pointer points at.",
    lower: |l, _| {
        let (pointer, offset) = (l.value(0), l.value(2));
        Lowered::Value(l.b().bin(BinOp::Sub, pointer, offset))
    },
};

fn check(c: &mut Check) -> Type {
    let space = match &c.args[0].ty {
        Type::Pointer { space, .. } => *space,
        _ => Space::Unknown,
    };
    let Type::Meta(of) = &c.args[1].ty else { return Type::Unknown };
    if !matches!(**of, Type::Record(_) | Type::Unknown) {
        let (span, message) = (c.args[1].span, format!("container_of() takes a struct, not `{of}`"));
        c.error(Code::WrongType, span, message);
        return Type::Unknown;
    }
    Type::pointer((**of).clone(), space)
}
