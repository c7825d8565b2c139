//! `func`: the function of the attach point that fired.

use btc_abi::FUNCTION_MARK;
use btc_ir::BinOp;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns};

/// The definition.
pub static FUNC: Function = Function {
    name: "func",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::ProbeFunction),
    probes: Probes::Functions,
    is_unsafe: false,
    doc: "The function of the attach point that fired.",
    // Marked, for a map may hold it beside what ksym() yields.
    lower: |l, _| {
        let number = l.probe_number();
        Lowered::Value(l.b().bin_imm(BinOp::Or, number, FUNCTION_MARK as i64))
    },
};
