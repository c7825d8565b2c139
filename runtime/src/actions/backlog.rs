//! Records that wait when the user wants an end: some time is theirs, then they are dropped, and counted.

use std::time::Duration;

use crate::render::time;
use crate::signals;

/// How long what waits is still handled once the user wants an end.
const GRACE: Duration = Duration::from_millis(500);

/// Nanoseconds after which quick actions look whether an end is wanted.
const LOOK: i64 = 20_000_000;

/// What is known of the records that wait.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// How many were dropped.
    pub left: u64,
    /// END has the word: its records are no backlog.
    pub is_over: bool,
    late: bool,
    /// When it was looked last.
    looked: i64,
}

impl Backlog {
    /// Whether a record comes too late; looks at the signals now if its action is slow, else now and then.
    pub(crate) fn is_late(&mut self, slow: bool) -> bool {
        if self.is_over || self.late {
            return !self.is_over;
        }
        let now = time::read(libc::CLOCK_MONOTONIC_COARSE);
        if slow || now - self.looked > LOOK {
            self.looked = now;
            self.late = signals::ended_for().is_some_and(|time| time > GRACE);
        }
        self.late
    }
}
