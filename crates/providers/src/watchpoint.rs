//! `watchpoint`: an address that is read, written or executed.

use btc_abi::Attach;

use crate::definition::sound;
use crate::{Context, Extent, Provider, kprobe::number};

/// The definition.
pub static WATCHPOINT: Provider = Provider {
    name: "watchpoint",
    aliases: &["w"],
    syntax: "watchpoint:address:length:mode",
    doc: "Fires when the processor reads (`r`), writes (`w`) or executes (`x`) 1, 2, 4 or 8 bytes at an address.",
    context: Context::PerfEvent,
    parse: |p| {
        let [address, length, mode] = p.exactly("watchpoint:address:length:mode")?;
        // What is too large for the field is no length either.
        let length = number(length)?.try_into().unwrap_or(u8::MAX);
        sound(Attach::Watchpoint { address: number(address)?, length, mode: mode.to_string() })
    },
    normal: |attach| match attach {
        Attach::Watchpoint { address, length, mode } => format!("watchpoint:{address:#x}:{length}:{mode}"),
        _ => String::new(),
    },
    extent: Extent::Process,
    ..Provider::DEFAULT
};
