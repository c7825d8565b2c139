//! `strerror(error)`: an error number that prints as its text.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static STRERROR: Function = Function {
    name: "strerror",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("error", ParamKind::Int)],
    returns: Returns::Fixed(Type::ErrorText),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "An error number that prints as its text.",
    lower: |l, _| Lowered::Value(l.value(0)),
};
