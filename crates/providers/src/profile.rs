//! `profile`: a timer on every CPU.

use btc_abi::Attach;

use crate::definition::sound;
use crate::{Context, Provider, duration, interval::{list, spell}};

/// The definition.
pub static PROFILE: Provider = Provider {
    name: "profile",
    aliases: &["p"],
    syntax: "profile:hz:99",
    doc: "Fires on every CPU, so often a second (`hz`) or every so many `us`, `ms` or `s`.",
    context: Context::PerfEvent,
    parse: |p| duration(p, "profile:hz:99").and_then(|(unit, value)| sound(Attach::Profile { unit, value })),
    normal: |attach| match attach {
        Attach::Profile { unit, value } => format!("profile:{}", spell(*unit, *value)),
        _ => String::new(),
    },
    list: |_, search, found| list(search, found),
    ..Provider::DEFAULT
};
