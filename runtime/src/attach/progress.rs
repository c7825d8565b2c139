//! A line on the terminal while many probes attach: one by one they take seconds on old kernels.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How long a quiet start may take, and between two looks of the line.
const PAUSE: Duration = Duration::from_millis(300);

/// The line; it is gone again when this is dropped.
pub(super) struct Progress {
    total: usize,
    done: usize,
    shown: bool,
    /// When it is shown next; never where nobody looks.
    next: Option<Instant>,
}

impl Progress {
    /// So many things are to be done. `wanted` is whether the user wants to be told at all.
    pub(super) fn new(total: usize, wanted: bool) -> Progress {
        let next = (wanted && std::io::stderr().is_terminal()).then(|| Instant::now() + PAUSE);
        Progress { total, done: 0, shown: false, next }
    }

    /// One more is done.
    pub(super) fn step(&mut self) {
        self.done += 1;
        if let Some(next) = self.next
            && Instant::now() >= next
        {
            let _ = write!(std::io::stderr(), "\r{}", line(self.done, self.total));
            (self.shown, self.next) = (true, Some(Instant::now() + PAUSE));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r{}\r", " ".repeat(line(self.total, self.total).len()));
        }
    }
}

fn line(done: usize, total: usize) -> String {
    format!("Attaching probes: {done:>width$} of {total}", width = total.to_string().len())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_line_covers_the_one_before() {
        assert_eq!(super::line(7, 1847), "Attaching probes:    7 of 1847");
        assert_eq!(super::line(7, 1847).len(), super::line(1847, 1847).len());
    }
}
