//! `interval`: a timer on one CPU.

use btc_abi::{Attach, ClockUnit};

use crate::definition::sound;
use crate::search::choose;
use crate::{Context, Extent, Provider, duration};

/// The definition.
pub static INTERVAL: Provider = Provider {
    name: "interval",
    aliases: &["i"],
    syntax: "interval:s:1",
    doc: "Fires on one CPU, every so many `us`, `ms` or `s`, or so often a second (`hz`).",
    context: Context::PerfEvent,
    parse: |p| duration(p, "interval:s:1").and_then(|(unit, value)| sound(Attach::Interval { unit, value })),
    normal: |attach| match attach {
        Attach::Interval { unit, value } => format!("interval:{}", spell(*unit, *value)),
        _ => String::new(),
    },
    list: |_, search, found| list(search, found),
    extent: Extent::All,
    ..Provider::DEFAULT
};

/// The units that timers may have.
pub(crate) fn list(search: &str, found: &mut dyn FnMut(&str)) {
    choose(&["hz:", "ms:", "s:", "us:"], search, found);
}

/// A timer as scripts write it, in the largest unit that fits.
pub(crate) fn spell(unit: ClockUnit, value: u64) -> String {
    match unit {
        ClockUnit::Hertz => format!("hz:{value}"),
        ClockUnit::Nanoseconds if value.is_multiple_of(1_000_000_000) => {
            format!("s:{}", value / 1_000_000_000)
        }
        ClockUnit::Nanoseconds if value.is_multiple_of(1_000_000) => format!("ms:{}", value / 1_000_000),
        ClockUnit::Nanoseconds => format!("us:{}", value.div_ceil(1000)),
    }
}
