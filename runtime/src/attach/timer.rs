//! Timers: `interval` on one CPU, `profile` on all.

use std::os::fd::{AsRawFd, OwnedFd};

use btc_abi::ClockUnit;

use super::perf::{self, Event, Sample, online_cpus};
use super::{Link, Point, Problem, Target};
use crate::Error;
use crate::error::reason;

const TYPE_SOFTWARE: u32 = 1;
const CPU_CLOCK: u64 = 0;
const TASK_CLOCK: u64 = 1;

/// An event that starts when it is told to, with its group.
const FLAG_DISABLED: u64 = 1;

/// What timers have in common that expire together: the clock, the period in nanoseconds, process and CPU.
type Beat = (u64, u64, i32, i32);

fn beat(event: &Event) -> Beat {
    let period = match event.sample {
        Sample::Period(period) => period,
        // The kernel makes a period of it too.
        Sample::Frequency(times) => 1_000_000_000 / times.max(1),
    };
    (event.config, period, event.pid, event.cpu)
}

/// Timers that are attached and not started yet. Those of one beat are a group: all start within a microsecond, in their
/// order, and so they expire ever after. Started one by one they would be as far apart as attaching takes, which can be
/// longer than the period.
#[derive(Default)]
pub(crate) struct Timers(Vec<(Beat, OwnedFd)>);

/// Whether an event is a timer.
pub(super) fn is_timer(event: &Event) -> bool {
    event.kind == TYPE_SOFTWARE && matches!(event.config, CPU_CLOCK | TASK_CLOCK)
}

impl Timers {
    /// Puts a program on a timer.
    pub(super) fn attach(&mut self, event: &Event, program: i32, cookie: Option<u64>) -> Result<Link, Problem> {
        let beat = beat(event);
        if let Some((_, leader)) = self.0.iter().find(|(of, _)| *of == beat) {
            let (perf, link) = perf::bind(&Event { group: leader.as_raw_fd(), ..event.clone() }, program, cookie)?;
            return Ok(perf::link(perf, link));
        }
        let leading = Event { flags: event.flags | FLAG_DISABLED, ..event.clone() };
        let (perf, link) = perf::bind(&leading, program, cookie)?;
        let leader = perf.try_clone().map_err(|e| perf::refused(event, &e))?;
        self.0.push((beat, leader));
        Ok(perf::link(perf, link))
    }

    /// Starts all, in the order in which they were attached.
    pub(super) fn start(self) -> Result<(), Error> {
        for (_, leader) in &self.0 {
            perf::enable(leader).map_err(|e| Error::new(format!("cannot start a timer: {}", reason(&e))))?;
        }
        Ok(())
    }
}

fn targets(name: &str, unit: ClockUnit, value: u64, cpus: &[i32]) -> Vec<Target> {
    let sample = match unit {
        ClockUnit::Nanoseconds => Sample::Period(value),
        ClockUnit::Hertz => Sample::Frequency(value),
    };
    let event = |cpu: &i32| Event { sample, cpu: *cpu, ..Event::new(TYPE_SOFTWARE, CPU_CLOCK, name) };
    vec![Target::new(Point::Perf(cpus.iter().map(event).collect()), name, name)]
}

pub(super) fn interval(name: &str, unit: ClockUnit, value: u64) -> Vec<Target> {
    targets(name, unit, value, &online_cpus()[..1])
}

pub(super) fn profile(name: &str, unit: ClockUnit, value: u64) -> Vec<Target> {
    targets(name, unit, value, &online_cpus())
}
