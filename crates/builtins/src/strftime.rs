//! `strftime(format, ns)`: a timestamp that the runtime formats.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static STRFTIME: Function = Function {
    name: "strftime",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("format", ParamKind::LiteralStr), Param::new("ns", ParamKind::Int)],
    returns: Returns::Infer(|c| Type::Timestamp { format: c.text(0).unwrap_or_default() }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The time of day of a timestamp in nanoseconds since boot, in a format of strftime(3); \
          `%f` is the microseconds.",
    lower: |l, _| Lowered::Value(l.value(1)),
};
