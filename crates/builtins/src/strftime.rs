//! `strftime(format, ns)`: a timestamp that the runtime formats.

use btc_abi::GlobalValue;
use btc_diagnostics::Code;
use btc_ir::BinOp;
use btc_types::Type;

use crate::{Check, Clock, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// Bytes of a formatted time that the runtime shows.
const MOST: usize = 4096;
/// Bytes that a directive without a width makes at most, in any locale.
const DIRECTIVE: usize = 64;

/// Reports a format whose text may be longer than what is shown.
pub(crate) fn check_length(c: &mut Check) {
    if c.text(0).is_some_and(|format| longest(&format) > MOST) {
        let message = format!("what this format makes may have more than {MOST} bytes, and no more is shown");
        c.wrong_argument(Code::TooLarge, 0, message);
    }
}

/// Refuses times that have no time of day, or not a certain one.
fn check_clock(c: &mut Check) {
    let why = match c.args.get(1).map(|time| time.clock) {
        Some(Clock::Monotonic) => "this is a time of the `monotonic` clock, which stands still while the machine sleeps: it has no time of day",
        Some(Clock::Several) => "this may be a time of one clock or of another, so its time of day is not known",
        _ => return,
    };
    c.wrong_argument(Code::WrongType, 1, why.to_string());
}

/// Bytes that a format makes at most.
fn longest(format: &str) -> usize {
    let mut all = 0usize;
    let mut parts = format.split('%');
    all += parts.next().map_or(0, str::len);
    for part in parts {
        let width = part.trim_start_matches(['_', '-', '0', '^', '#', '+']);
        let digits = width.len() - width.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let width = width[..digits].parse().unwrap_or(if digits > 0 { usize::MAX } else { 0 });
        all = all.saturating_add(width.max(DIRECTIVE)).saturating_add(part.len());
    }
    all
}

/// The definition.
pub static STRFTIME: Function = Function {
    name: "strftime",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("format", ParamKind::LiteralStr), Param::new("ns", ParamKind::Int)],
    returns: Returns::Infer(|c| {
        check_length(c);
        check_clock(c);
        Type::Timestamp { format: c.text(0).unwrap_or_default() }
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The time of day of a timestamp in nanoseconds since boot, in a format of strftime(3); \
          `%f` is the microseconds. What comes of `nsecs(tai)` or `nsecs(sw_tai)` is taken as such.",
    lower: |l, call| {
        let time = l.value(1);
        if call.args[1].clock != Clock::Tai {
            return Lowered::Value(time);
        }
        let ahead = l.global(GlobalValue::TaiOffset);
        Lowered::Value(l.b().bin(BinOp::Sub, time, ahead))
    },
};
