//! `signal(signal)`: sends a signal to the current process.

use btc_abi::LossKind;
use btc_diagnostics::Code;
use btc_ir::Cond;
use btc_types::Type;

use crate::{Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, helpers};

/// The definition.
pub static SIGNAL: Function = Function {
    name: "signal",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("signal", ParamKind::Any)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: true,
    doc: "Sends a signal, a number or a name such as `SIGKILL`, to the current process.",
    lower: |l, call| send(l, call, helpers::SEND_SIGNAL),
};

/// Names by number, from 1 (kernel: include/uapi/asm-generic/signal.h; the same on all
/// machines that btc supports).
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
    "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
    "WINCH", "IO", "PWR", "SYS",
];

/// The signal of that name, with `SIG` or without.
fn named(name: &str) -> Option<i64> {
    let upper = name.to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    NAMES.iter().position(|n| *n == short).map(|i| i as i64 + 1)
}

/// The argument is a signal.
pub(crate) fn check(c: &mut Check) -> Type {
    let ty = c.args[0].ty.clone();
    let name = c.function.name;
    if let Some(text) = c.text(0) {
        if named(&text).is_none() {
            c.wrong_argument(Code::BadLiteral, 0, format!("there is no signal `{text}`"));
        }
    } else if let Some(n) = c.int(0) {
        if !(1..=64).contains(&n) {
            c.wrong_argument(Code::OutOfRange, 0, format!("signals are numbered from 1 to 64, not {n}"));
        }
    } else if !ty.is_numeric() && ty != Type::Unknown {
        c.wrong_argument(Code::WrongType, 0, format!("{name}() takes a number or the name of a signal, not `{ty}`"));
    }
    Type::None
}

/// Calls the helper; failures are counted.
pub(crate) fn send(l: &mut (dyn Lowering<'_> + '_), call: &Call, helper: u32) -> Lowered {
    let signal = match call.text(0).and_then(|name| named(&name)) {
        Some(number) => l.b().iconst(number),
        None => l.value(0),
    };
    let result = l.b().helper(helper, &[signal]);
    let loss = l.loss(LossKind::Helper, "signal");
    let (failed, done) = (l.b().block(0), l.b().block(0));
    l.b().branch_imm(Cond::SLt, result, 0, failed, done);
    l.b().switch_to(failed);
    l.count_loss(loss);
    l.b().jump(done, &[]);
    l.b().switch_to(done);
    Lowered::None
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn names_of_signals() {
        assert_eq!(named("SIGKILL"), Some(9));
        assert_eq!(named("sigterm"), Some(15));
        assert_eq!(named("SYS"), Some(31));
        assert_eq!(named("SIGFOO"), None);
    }
}
