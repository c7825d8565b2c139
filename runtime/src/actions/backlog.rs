//! Records that wait when the user wants an end: some time is theirs, then they are dropped, and counted.

use std::time::Duration;

use crate::render::time;
use crate::signals;

/// How long what waits is still handled once the user wants an end.
const GRACE: Duration = Duration::from_millis(500);

/// Nanoseconds after which quick actions look whether an end is wanted.
const LOOK: i64 = 20_000_000;

/// What is still handled when the grace is over, in lines that are printed, or entries of maps: what waits only because
/// something else took its time (a slow pipe, the kernel that lets go of probes, a host that stopped this virtual CPU) takes
/// some ten milliseconds.
const SOON_DONE: u32 = 10_000;

/// The lines of an action that nobody knows the end of: it runs a command, or shows a file.
pub(crate) const SLOW: u32 = u32::MAX;

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
    /// The grace is over, and so much was handled since.
    spent: Option<u32>,
}

impl Backlog {
    /// Whether a record comes too late whose action prints so many lines, or waits for others and is `SLOW`; looks at the
    /// signals now if that is much, else now and then.
    pub(crate) fn is_late(&mut self, lines: u32) -> bool {
        if self.is_over || self.late {
            return !self.is_over;
        }
        let now = time::read(libc::CLOCK_MONOTONIC_COARSE);
        if lines > 1 || now - self.looked > LOOK {
            self.looked = now;
            if self.spent.is_none() && signals::ended_for().is_some_and(|time| time > GRACE) {
                self.spent = Some(0);
            }
        }
        if let Some(spent) = &mut self.spent {
            *spent = spent.saturating_add(lines);
            self.late = *spent > SOON_DONE;
        }
        self.late
    }
}
