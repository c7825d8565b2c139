//! Software and hardware counters.

use super::perf::{Event, Sample, online_cpus};
use super::{Point, Problem, Target};
use crate::Error;

const TYPE_HARDWARE: u32 = 0;
const TYPE_SOFTWARE: u32 = 1;

/// Name, number, and events between two samples when the script does not say.
type Row = (&'static str, u64, u64);

const SOFTWARE: &[Row] = &[
    ("cpu-clock", 0, 1_000_000),
    ("cpu", 0, 1_000_000),
    ("task-clock", 1, 1_000_000),
    ("page-faults", 2, 100),
    ("faults", 2, 100),
    ("context-switches", 3, 1000),
    ("cs", 3, 1000),
    ("cpu-migrations", 4, 1),
    ("minor-faults", 5, 100),
    ("major-faults", 6, 1),
    ("alignment-faults", 7, 1),
    ("emulation-faults", 8, 1),
    ("dummy", 9, 1),
    ("bpf-output", 10, 1),
];

const HARDWARE: &[Row] = &[
    ("cpu-cycles", 0, 1_000_000),
    ("cycles", 0, 1_000_000),
    ("instructions", 1, 1_000_000),
    ("cache-references", 2, 1_000_000),
    ("cache-misses", 3, 1_000_000),
    ("branch-instructions", 4, 100_000),
    ("branches", 4, 100_000),
    ("branch-misses", 5, 100_000),
    ("bus-cycles", 6, 100_000),
    ("frontend-stalls", 7, 1_000_000),
    ("backend-stalls", 8, 1_000_000),
    ("ref-cycles", 9, 1_000_000),
];

fn targets(
    kind: u32,
    table: &[Row],
    name: &str,
    event: &str,
    count: u64,
    process: Option<u32>,
) -> Result<Vec<Target>, Problem> {
    let Some((_, number, default)) = table.iter().find(|(n, ..)| *n == event) else {
        return Err(Error::new(format!("{name}: there is no counter `{event}`")).into());
    };
    let sample = Sample::Period(if count == 0 { *default } else { count });
    let open = |cpu: i32| Event { sample, cpu, ..Event::new(kind, *number, name) };
    // What other processes do must not count towards the next sample.
    let point = match process {
        Some(process) => Point::Threads { process, event: open(-1) },
        None => Point::Perf(online_cpus().into_iter().map(open).collect()),
    };
    Ok(vec![Target::new(point, name, event)])
}

pub(super) fn software(name: &str, event: &str, count: u64, process: Option<u32>) -> Result<Vec<Target>, Problem> {
    targets(TYPE_SOFTWARE, SOFTWARE, name, event, count, process)
}

pub(super) fn hardware(name: &str, event: &str, count: u64, process: Option<u32>) -> Result<Vec<Target>, Problem> {
    targets(TYPE_HARDWARE, HARDWARE, name, event, count, process)
}
