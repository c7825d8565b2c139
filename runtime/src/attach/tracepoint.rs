//! Tracepoints.

use super::perf::Event;
use super::{Point, Problem, Target, missing, tracefs};

const TYPE_TRACEPOINT: u32 = 2;

pub(super) fn targets(category: &str, event: &str) -> Result<Vec<Target>, Problem> {
    let found = tracefs::events(category, event)?;
    if found.is_empty() {
        return missing(format!("this kernel has no tracepoint {category}:{event}"));
    }
    let target = |(category, event, id): (String, String, u64)| {
        let name = format!("tracepoint:{category}:{event}");
        Target::new(Point::Perf(vec![Event::new(TYPE_TRACEPOINT, id, &name)]), name, event)
    };
    Ok(found.into_iter().map(target).collect())
}
