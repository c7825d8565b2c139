//! Runs of the script's own tests and benchmarks instead of a trace.

mod bench;
mod test;

pub(crate) use bench::run as bench;
pub(crate) use test::run as test;

use std::time::Duration;

/// What a test came to.
pub(crate) struct TestResult<'a> {
    /// The test's name.
    pub name: &'a str,
    /// Whether it passed.
    pub passed: bool,
    /// How long it took.
    pub duration: Duration,
    /// What it printed.
    pub printed: &'a [u8],
}

/// What a benchmark came to.
pub(crate) struct BenchResult<'a> {
    /// The benchmark's name.
    pub name: &'a str,
    /// Nanoseconds that a run takes on average.
    pub average: u64,
    /// How often it ran.
    pub runs: u64,
}
