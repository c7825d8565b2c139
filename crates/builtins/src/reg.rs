//! `reg(name)`: a register.

use btc_diagnostics::{Code, did_you_mean};
use btc_target::arch;
use btc_types::Type;

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// The definition.
pub static REG: Function = Function {
    name: "reg",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("name", ParamKind::LiteralStr)],
    returns: Returns::Infer(check),
    probes: Probes::Registers,
    is_unsafe: false,
    doc: "A register of the code that was probed or interrupted, by the name it has on the \
          machine, such as `ip` or `sp`. On machines without it a script that reads it is not loaded.",
    lower: |l, call| {
        let name = call.text(0).unwrap_or_default();
        Lowered::Value(l.register(&name))
    },
};

fn check(c: &mut Check) -> Type {
    let name = c.text(0).unwrap_or_default();
    let names = || arch::ALL.iter().flat_map(|a| a.registers).map(|r| r.name);
    if !names().any(|n| n == name) {
        let help = did_you_mean(&name, names()).map_or(String::new(), |h| format!("; {h}"));
        c.wrong_argument(Code::BadLiteral, 0, format!("no machine has a register `{name}`{help}"));
    }
    Type::UINT64
}
