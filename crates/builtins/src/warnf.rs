//! `warnf(format, …)`: prints values in a format, as a warning.

use btc_abi::Action;
use btc_types::Type;

use crate::{Extra, Function, Kind, Lowered, Param, ParamKind, Probes, Returns, format};

/// The definition.
pub static WARNF: Function = Function {
    name: "warnf",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("format", ParamKind::LiteralStr), Param::new("values", ParamKind::Rest)],
    returns: Returns::Infer(|c| {
        format::check(c, 0);
        Type::None
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Prints values in a format as printf() does, as a warning with its place in the script; \
          `--no-warnings` silences it.",
    lower: |l, call| {
        let segments = format::segments(&call.args, 0);
        let fields: Vec<Extra> = (1..call.args.len()).map(Extra::Arg).collect();
        l.send(Action::Warnf(segments), &fields);
        Lowered::None
    },
};
