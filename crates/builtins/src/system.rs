//! `system(format, …)`: runs a command.

use btc_abi::Action;
use btc_types::Type;

use crate::{Extra, Function, Kind, Lowered, Param, ParamKind, Probes, Returns, format};

/// The definition.
pub static SYSTEM: Function = Function {
    name: "system",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("format", ParamKind::LiteralStr), Param::new("values", ParamKind::Rest)],
    returns: Returns::Infer(|c| {
        format::check(c, 0);
        Type::None
    }),
    probes: Probes::Any,
    is_unsafe: true,
    doc: "Runs a command, given in a format as for printf(), in a shell and prints its output.",
    lower: |l, call| {
        let segments = format::segments(&call.args, 0);
        let fields: Vec<Extra> = (1..call.args.len()).map(Extra::Arg).collect();
        l.send(Action::System(segments), &fields);
        Lowered::None
    },
};
