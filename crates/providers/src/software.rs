//! `software` and `hardware`: counters of perf_event_open(2).

use btc_abi::Attach;

use crate::definition::number;
use crate::search::choose;
use crate::{Context, Extent, Parse, ProbeError, Provider};

/// Software counters and their aliases.
const SOFTWARE_EVENTS: &[(&str, &str)] = &[
    ("alignment-faults", ""),
    ("bpf-output", ""),
    ("context-switches", "cs"),
    ("cpu-clock", "cpu"),
    ("cpu-migrations", ""),
    ("dummy", ""),
    ("emulation-faults", ""),
    ("major-faults", ""),
    ("minor-faults", ""),
    ("page-faults", "faults"),
    ("task-clock", ""),
];

/// Hardware counters and their aliases.
const HARDWARE_EVENTS: &[(&str, &str)] = &[
    ("backend-stalls", ""),
    ("branch-instructions", "branches"),
    ("branch-misses", ""),
    ("bus-cycles", ""),
    ("cache-misses", ""),
    ("cache-references", ""),
    ("cpu-cycles", "cycles"),
    ("frontend-stalls", ""),
    ("instructions", ""),
    ("ref-cycles", ""),
];

/// `software`
pub static SOFTWARE: Provider = Provider {
    name: "software",
    aliases: &["s"],
    syntax: "software:page-faults:100",
    doc: "Fires once in so many events that the kernel counts.",
    parse: |p| {
        let (event, count) = counter(p, SOFTWARE_EVENTS, "software:page-faults:100")?;
        Ok(Attach::Software { event, count })
    },
    list: |_, search, found| list(SOFTWARE_EVENTS, search, found),
    ..COUNTER
};

/// `hardware`
pub static HARDWARE: Provider = Provider {
    name: "hardware",
    aliases: &["h"],
    syntax: "hardware:cache-misses:1000000",
    doc: "Fires once in so many events that the processor counts.",
    parse: |p| {
        let (event, count) = counter(p, HARDWARE_EVENTS, "hardware:cache-misses:1000000")?;
        Ok(Attach::Hardware { event, count })
    },
    list: |_, search, found| list(HARDWARE_EVENTS, search, found),
    ..COUNTER
};

const COUNTER: Provider = Provider {
    context: Context::PerfEvent,
    is_listed: true,
    normal: |attach| match attach {
        Attach::Software { event, count } => spell("software", event, *count),
        Attach::Hardware { event, count } => spell("hardware", event, *count),
        _ => String::new(),
    },
    extent: Extent::Tree,
    ..Provider::DEFAULT
};

/// The events of a table and their aliases, as one writes them with a count behind.
fn list(events: &[(&str, &str)], search: &str, found: &mut dyn FnMut(&str)) {
    let all = events.iter().flat_map(|(name, alias)| [*name, *alias]).filter(|name| !name.is_empty());
    let mut names: Vec<String> = all.map(|name| format!("{name}:")).collect();
    names.sort_unstable();
    choose(&names, search, found);
}

fn spell(kind: &str, event: &str, count: u64) -> String {
    if count == 0 { format!("{kind}:{event}:") } else { format!("{kind}:{event}:{count}") }
}

fn counter(parse: &Parse, events: &[(&str, &str)], syntax: &str) -> Result<(String, u64), ProbeError> {
    let (event, count) = match parse.parts.as_slice() {
        [event] => (event, 0),
        [event, count] if count.is_empty() => (event, 0),
        [event, count] => {
            let n = number(count).ok_or_else(|| ProbeError::syntax(format!("`{count}` is not a number")))?;
            (event, n)
        }
        _ => return Err(ProbeError::syntax(format!("this is not written as `{syntax}`"))),
    };
    let known = events.iter().find(|(name, alias)| name == event || (alias == event && !alias.is_empty()));
    match known {
        Some((name, _)) => Ok((name.to_string(), count)),
        None => {
            let help = btc_diagnostics::did_you_mean(event, events.iter().map(|(n, _)| *n))
                .unwrap_or_else(|| {
                    let names: Vec<_> = events.iter().map(|(n, _)| *n).collect();
                    format!("the events are {}", names.join(", "))
                });
            Err(ProbeError::syntax(format!("`{event}` is not an event")).help(help))
        }
    }
}
