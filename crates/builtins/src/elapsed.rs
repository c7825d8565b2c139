//! `elapsed`: nanoseconds since the run began.

use btc_abi::GlobalValue;
use btc_ir::BinOp;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns, helpers};

/// The definition.
pub static ELAPSED: Function = Function {
    name: "elapsed",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::UINT64),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Nanoseconds since the run began.",
    lower: |l, _| {
        let now = l.b().helper(helpers::KTIME_GET_BOOT_NS, &[]);
        let start = l.global(GlobalValue::StartTime);
        Lowered::Value(l.b().bin(BinOp::Sub, now, start))
    },
};
