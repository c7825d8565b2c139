//! `assert(condition, message)`: ends the run when a condition does not hold.

use btc_abi::Action;
use btc_ir::Cond;
use btc_types::Type;

use crate::{Call, Extra, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns};

/// The definition.
pub static ASSERT: Function = Function {
    name: "assert",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("condition", ParamKind::Number), Param::new("message", ParamKind::LiteralStr)],
    returns: Returns::Fixed(Type::None),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Prints a message and ends the run with code 1 when a condition does not hold.",
    lower,
};

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let condition = l.value(0);
    let (holds, fails) = (l.b().block(0), l.b().block(0));
    l.b().branch_imm(Cond::Ne, condition, 0, holds, fails);
    l.b().switch_to(fails);
    l.send(Action::Fail(call.text(1).unwrap_or_default()), &[]);
    let code = l.b().iconst(1);
    l.send(Action::Exit, &[Extra::Value(code)]);
    l.stop(code);
    l.leave();
    l.b().jump(holds, &[]);
    l.b().switch_to(holds);
    Lowered::None
}
