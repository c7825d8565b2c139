//! `BEGIN` and `END`: run once before anything else can, and once at the end.

use btc_abi::Attach;

use crate::{Extent, Parse, ProbeError, Provider};

/// `BEGIN`
pub static BEGIN: Provider = Provider {
    name: "begin",
    aliases: &["BEGIN"],
    syntax: "BEGIN",
    doc: "Runs once, before any other probe can fire. Several run in the order of the script.",
    parse: |p| alone(p).map(|()| Attach::Begin),
    normal: |attach| if *attach == Attach::Begin { "begin".to_string() } else { String::new() },
    ..ONCE
};

/// `END`
pub static END: Provider = Provider {
    name: "end",
    aliases: &["END"],
    syntax: "END",
    doc: "Runs once, when the last of the other probes has ended. Several run in the order of the script.",
    parse: |p| alone(p).map(|()| Attach::End),
    normal: |attach| if *attach == Attach::End { "end".to_string() } else { String::new() },
    ..ONCE
};

/// What both share: a raw tracepoint program that the runtime runs itself (Linux 5.10).
const ONCE: Provider = Provider {
    extent: Extent::All,
    ..Provider::DEFAULT
};

fn alone(parse: &Parse) -> Result<(), ProbeError> {
    if parse.parts.is_empty() {
        Ok(())
    } else {
        Err(ProbeError::syntax(format!("`{}` stands alone", parse.provider)))
    }
}
