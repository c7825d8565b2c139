//! `nsecs`, `nsecs(clock)`: the time in nanoseconds.

use btc_abi::{GlobalValue, Refused};
use btc_ir::BinOp;

use crate::{Clock, Function, Kind, Literal, Lowered, Param, ParamKind, Probes, Returns, helpers};

/// The definition.
pub static NSECS: Function = Function {
    name: "nsecs",
    aliases: &[],
    kind: Kind::Variable,
    params: &[Param::optional("clock", ParamKind::Word(&["boot", "monotonic", "tai", "sw_tai"]))],
    returns: Returns::Time(|args| match args.first().and_then(|clock| clock.literal.as_ref()) {
        Some(Literal::Word(word)) if word == "monotonic" => Clock::Monotonic,
        Some(Literal::Word(word)) if word.ends_with("tai") => Clock::Tai,
        _ => Clock::Boot,
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Nanoseconds since boot, suspend included (`boot`, the default); without suspend \
          (`monotonic`); international atomic time (`tai`, Linux 6.1), or the time since boot with \
          what it was ahead at the start (`sw_tai`, all kernels).",
    lower: |l, call| {
        if call.text(0).as_deref() == Some("sw_tai") {
            let now = l.b().helper(helpers::KTIME_GET_BOOT_NS, &[]);
            let ahead = l.global(GlobalValue::TaiOffset);
            return Lowered::Value(l.b().bin(BinOp::Add, now, ahead));
        }
        let helper = match call.text(0).as_deref() {
            Some("monotonic") => helpers::KTIME_GET_NS,
            Some("tai") => {
                let tai = helpers::KTIME_GET_TAI_NS;
                let exists = l.b().late(tai.exists());
                l.require(exists, Refused::Release { what: "nsecs(tai)".to_string(), since: tai.since.to_string() });
                tai.number
            }
            _ => helpers::KTIME_GET_BOOT_NS,
        };
        Lowered::Value(l.b().helper(helper, &[]))
    },
};
