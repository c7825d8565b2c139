//! `signal_thread(signal)`: sends a signal to the current thread.

use crate::{Function, Kind, Param, ParamKind, Probes, Returns, helpers, signal};

/// The definition.
pub static SIGNAL_THREAD: Function = Function {
    name: "signal_thread",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("signal", ParamKind::Any)],
    returns: Returns::Infer(signal::check),
    probes: Probes::Any,
    is_unsafe: true,
    doc: "Sends a signal, a number or a name such as `SIGKILL`, to the current thread.",
    lower: |l, call| signal::send(l, call, helpers::SEND_SIGNAL_THREAD),
};
