//! `self:signal`: a signal that the tracer itself gets.

use btc_abi::Attach;

use crate::search::choose;
use crate::{Extent, ProbeError, Provider};

/// The definition.
pub static SELF_SIGNAL: Provider = Provider {
    name: "self",
    aliases: &[],
    syntax: "self:signal:SIGUSR1",
    doc: "Runs when btc itself gets a signal.",
    parse: |p| match p.parts.as_slice() {
        [kind, signal] if kind == "signal" && signal.starts_with("SIG") => {
            Ok(Attach::SelfSignal { signal: signal.clone() })
        }
        _ => Err(ProbeError::syntax("this is not written as `self:signal:SIGUSR1`")),
    },
    normal: |attach| match attach {
        Attach::SelfSignal { signal } => format!("self:signal:{signal}"),
        _ => String::new(),
    },
    list: |_, search, found| choose(&["signal:SIGUSR1"], search, found),
    extent: Extent::All,
    ..Provider::DEFAULT
};
