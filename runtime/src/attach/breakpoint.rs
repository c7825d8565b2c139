//! Memory watchpoints.

use super::perf::{Config1, Event, online_cpus};
use super::{Point, Problem, Target};
use crate::{Error, Options};

const TYPE_BREAKPOINT: u32 = 5;

pub(super) fn targets(
    name: &str,
    address: u64,
    length: u8,
    mode: &str,
    options: &Options,
) -> Result<Vec<Target>, Problem> {
    let mut bits = 0;
    for letter in mode.chars() {
        bits |= match letter {
            'r' => 1,
            'w' => 2,
            'x' => 4,
            _ => return Err(Error::new(format!("{name}: `{letter}` is no mode; r, w and x are")).into()),
        };
    }
    let event = |pid, cpu| Event {
        breakpoint: bits,
        config1: Config1::Number(address),
        config2: u64::from(length),
        pid,
        cpu,
        ..Event::new(TYPE_BREAKPOINT, 0, name)
    };
    let events = match options.pid {
        Some(pid) => vec![event(pid as i32, -1)],
        None => online_cpus().into_iter().map(|cpu| event(-1, cpu)).collect(),
    };
    Ok(vec![Target::new(Point::Perf(events), name, name)])
}
