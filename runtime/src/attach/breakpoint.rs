//! Memory watchpoints.

use super::perf::{Config1, Event, online_cpus};
use super::{Point, Problem, Target};
use crate::Error;

const TYPE_BREAKPOINT: u32 = 5;
/// `HW_BREAKPOINT_X`
const EXECUTE: u32 = 4;

/// Bytes that the kernel wants to be told of where code is watched, whatever the script says (`sizeof(long)`).
const CODE: u64 = 8;

/// A watchpoint is one of each CPU, also where it is of one process: those of a task would be of one thread. The
/// program looks at the process.
pub(super) fn targets(name: &str, address: u64, length: u8, mode: &str) -> Result<Vec<Target>, Problem> {
    let mut bits = 0;
    for letter in mode.chars() {
        bits |= match letter {
            'r' => 1,
            'w' => 2,
            'x' => EXECUTE,
            _ => return Err(Error::new(format!("{name}: `{letter}` is no mode; r, w and x are")).into()),
        };
    }
    let length = if bits == EXECUTE { CODE } else { u64::from(length) };
    let event = |cpu| Event {
        breakpoint: bits,
        config1: Config1::Number(address),
        config2: length,
        cpu,
        ..Event::new(TYPE_BREAKPOINT, 0, name)
    };
    let events = online_cpus().into_iter().map(event).collect();
    Ok(vec![Target::new(Point::Perf(events), name, name)])
}
