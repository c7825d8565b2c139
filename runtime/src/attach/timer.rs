//! Timers: `interval` on one CPU, `profile` on all.

use btc_abi::ClockUnit;

use super::perf::{Event, Sample, online_cpus};
use super::{Point, Problem, Target};
use crate::Error;

const TYPE_SOFTWARE: u32 = 1;
const CPU_CLOCK: u64 = 0;

fn targets(name: &str, unit: ClockUnit, value: u64, cpus: &[i32]) -> Result<Vec<Target>, Problem> {
    if value == 0 {
        return Err(Error::new(format!("{name}: a timer needs a period above 0")).into());
    }
    let sample = match unit {
        ClockUnit::Nanoseconds => Sample::Period(value),
        ClockUnit::Hertz => Sample::Frequency(value),
    };
    let event = |cpu: &i32| Event { sample, cpu: *cpu, ..Event::new(TYPE_SOFTWARE, CPU_CLOCK, name) };
    Ok(vec![Target::new(Point::Perf(cpus.iter().map(event).collect()), name, name)])
}

pub(super) fn interval(name: &str, unit: ClockUnit, value: u64) -> Result<Vec<Target>, Problem> {
    targets(name, unit, value, &online_cpus()[..1])
}

pub(super) fn profile(name: &str, unit: ClockUnit, value: u64) -> Result<Vec<Target>, Problem> {
    targets(name, unit, value, &online_cpus())
}
