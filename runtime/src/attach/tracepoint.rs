//! Tracepoints.

use btc_abi::Typed;

use super::perf::{Event, Sample};
use super::{Point, Problem, Target, missing, tracefs};

/// `PERF_TYPE_TRACEPOINT`
const TYPE: u32 = 2;

/// The perf event of a tracepoint, by its id.
pub(super) fn event(id: u64, name: &str) -> Event {
    // Only its program is of interest; some events may not be sampled.
    Event { sample: Sample::Period(0), ..Event::new(TYPE, id, name) }
}

pub(super) fn targets(category: &str, event: &str) -> Result<Vec<Target>, Problem> {
    let found = tracefs::events(category, event)?;
    if found.is_empty() {
        return missing(format!("this kernel has no tracepoint {category}:{event}"));
    }
    let target = |(category, event, id): (String, String, u64)| {
        let name = format!("tracepoint:{category}:{event}");
        let of = Some(Typed::Tracepoint { category, event: event.clone() });
        Target { of, ..Target::new(Point::Perf(vec![self::event(id, &name)]), name, event) }
    };
    Ok(found.into_iter().map(target).collect())
}
