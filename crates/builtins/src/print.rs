//! `print(value)`, `print(@map, top, div)`: prints a value or a map.

use btc_abi::Action;
use btc_diagnostics::Code;
use btc_types::Type;

use crate::{Call, Check, Extra, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns};

/// The definition.
pub static PRINT: Function = Function {
    name: "print",
    aliases: &[],
    kind: Kind::Call,
    params: &[
        Param::new("value", ParamKind::Any),
        Param::optional("top", ParamKind::LiteralInt),
        Param::optional("div", ParamKind::LiteralInt),
    ],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Prints a value and a newline, or a map as it is when the record arrives: its `top` \
          entries (0 for all), the values divided by `div` (counts of `lhist()` and totals of `stats()` are not).",
    lower,
};

fn check(c: &mut Check) -> Type {
    let arg = &c.args[0];
    if arg.map.is_none() && c.args.len() > 1 && arg.element_of.is_none() {
        c.wrong_argument(Code::WrongCount, 1, "only a map can be printed with `top` and `div`");
    }
    if arg.ty == Type::None {
        c.wrong_argument(Code::WrongType, 0, "this has no value to print");
    }
    for n in 1..c.args.len() {
        if c.int(n).is_some_and(|v| v < 0) {
            c.wrong_argument(Code::OutOfRange, n, "`top` and `div` are 0 or more");
        }
    }
    Type::None
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let number = |n: usize| call.int(n).unwrap_or(0) as u64;
    if let Some(map) = call.args[0].element_of {
        l.send(Action::PrintMapElement { map }, &[Extra::Arg(0)]);
    } else if call.args[0].map.is_some() {
        let map = l.map(0);
        l.send(Action::PrintMap { map, top: number(1), div: number(2), take: false }, &[]);
    } else {
        l.send(Action::PrintValue, &[Extra::Arg(0)]);
    }
    Lowered::None
}
