//! `cat(format, …)`: prints a file.

use btc_abi::Action;
use btc_types::Type;

use crate::{Extra, Function, Kind, Lowered, Param, ParamKind, Probes, Returns, format};

/// The definition.
pub static CAT: Function = Function {
    name: "cat",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("format", ParamKind::LiteralStr), Param::new("values", ParamKind::Rest)],
    returns: Returns::Infer(|c| {
        format::check(c, 0);
        Type::None
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Prints a file, whose name is given in a format as for printf(); at most `max_cat_bytes` bytes. With `--input-dir` it must lie below that folder.",
    lower: |l, call| {
        let segments = format::segments(&call.args, 0);
        let fields: Vec<Extra> = (1..call.args.len()).map(Extra::Arg).collect();
        l.send(Action::Cat(segments), &fields);
        Lowered::None
    },
};
