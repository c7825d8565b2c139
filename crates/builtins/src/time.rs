//! `time(format)`: prints the time of day.

use btc_abi::Action;
use btc_types::Type;

use crate::strftime::check_length;
use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static TIME: Function = Function {
    name: "time",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::optional("format", ParamKind::LiteralStr)],
    returns: Returns::Infer(|c| {
        check_length(c);
        Type::None
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Prints the time of day in a format of strftime(3); `%H:%M:%S\\n` when none is given.",
    lower: |l, call| {
        let format = call.text(0).unwrap_or_else(|| "%H:%M:%S\n".to_string());
        l.send(Action::Time(format), &[]);
        Lowered::None
    },
};
