//! `exit(code)`: ends the run.

use btc_abi::Action;
use btc_types::Type;

use crate::{Extra, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static EXIT: Function = Function {
    name: "exit",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::optional("code", ParamKind::Int)],
    returns: Returns::Fixed(Type::None),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Ends the probe at once and the run as soon as END has run; the code becomes btc's. Nothing is printed after it; an iterator that has begun goes on to its end.",
    lower: |l, call| {
        let code = if call.args.is_empty() { l.b().iconst(0) } else { l.value(0) };
        l.send(Action::Exit, &[Extra::Value(code)]);
        l.stop(code);
        l.leave();
        Lowered::None
    },
};
