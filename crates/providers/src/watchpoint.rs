//! `watchpoint`: an address that is read, written or executed.

use btc_abi::Attach;

use crate::{Context, Extent, ProbeError, Provider, kprobe::number};

/// The definition.
pub static WATCHPOINT: Provider = Provider {
    name: "watchpoint",
    aliases: &["w"],
    syntax: "watchpoint:address:length:mode",
    doc: "Fires when the processor reads (`r`), writes (`w`) or executes (`x`) 1, 2, 4 or 8 bytes at an address.",
    context: Context::PerfEvent,
    parse: |p| {
        let [address, length, mode] = p.exactly("watchpoint:address:length:mode")?;
        let length = number(length)?;
        if !matches!(length, 1 | 2 | 4 | 8) {
            return Err(ProbeError::syntax("a watchpoint covers 1, 2, 4 or 8 bytes"));
        }
        if mode.char_indices().any(|(at, letter)| mode[..at].contains(letter)) {
            return Err(ProbeError::syntax("a letter of the mode is there twice"));
        }
        if mode.is_empty() || mode.chars().any(|c| !"rwx".contains(c)) {
            return Err(ProbeError::syntax("the mode is made of `r`, `w` and `x`"));
        }
        Ok(Attach::Watchpoint { address: number(address)?, length: length as u8, mode: mode.to_string() })
    },
    section: |_| "perf_event".to_string(),
    normal: |attach| match attach {
        Attach::Watchpoint { address, length, mode } => format!("watchpoint:{address:#x}:{length}:{mode}"),
        _ => String::new(),
    },
    extent: Extent::Process,
    ..Provider::DEFAULT
};
