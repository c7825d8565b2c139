//! `signal_name(signal)`: a signal that prints by name.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static SIGNAL_NAME: Function = Function {
    name: "signal_name",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("signal", ParamKind::Int)],
    returns: Returns::Fixed(Type::SignalName),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "A signal number that prints as what the signal is called, such as `Killed`.",
    lower: |l, _| Lowered::Value(l.value(0)),
};
