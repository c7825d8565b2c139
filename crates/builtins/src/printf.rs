//! `printf(format, …)`: prints values in a format.

use btc_abi::Action;
use btc_types::Type;

use crate::{Extra, Function, Kind, Lowered, Param, ParamKind, Probes, Returns, format};

/// The definition.
pub static PRINTF: Function = Function {
    name: "printf",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("format", ParamKind::LiteralStr), Param::new("values", ParamKind::Rest)],
    returns: Returns::Infer(|c| {
        format::check(c, 0);
        Type::None
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Prints values in a format like C's printf(3): `%d` and `%x` show 32 bits, `%ld` and `%lx` 64.",
    lower: |l, call| {
        let segments = format::segments(&call.args, 0);
        let fields: Vec<Extra> = (1..call.args.len()).map(Extra::Arg).collect();
        l.send(Action::Printf(segments), &fields);
        Lowered::None
    },
};
