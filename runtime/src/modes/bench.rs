//! `--bench`: runs each `bench:` probe many times and tells how long one takes, as the kernel
//! measures it (`BPF_ENABLE_STATS`, Linux 5.8).

use std::os::fd::{FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use btc_abi::{Attach, Manifest};
use libbpf_sys as sys;

use super::BenchResult;
use crate::Error;
use crate::attach::{self, programs};
use crate::error::{last_os, reason};
use crate::events::Reader;
use crate::load::Loaded;

/// Runs before the first that counts.
const WARM_UP: u32 = 100;
/// Runs of one benchmark, if they take no longer than [`TIME`].
const RUNS: u32 = 100_000;
/// Time for one benchmark.
const TIME: Duration = Duration::from_millis(300);
/// Runs between looks at the clock and the ring buffer.
const BATCH: u32 = 100;

/// Runs all benchmarks of the script.
pub(crate) fn run(manifest: &Manifest, loaded: &Loaded, reader: &mut Reader) -> Result<(), Error> {
    let _statistics = count_time()?;
    for (index, probe) in manifest.probes.iter().enumerate() {
        let Attach::Bench { name } = &probe.attach else { continue };
        let Some(program) = loaded.program(&probe.program) else { continue };
        let start = reader.state().sink.buffer().len();
        repeat(program.fd, reader, WARM_UP)?;
        let before = figures(program.fd)?;
        repeat(program.fd, reader, RUNS)?;
        let after = figures(program.fd)?;
        loaded.unstop();
        let state = reader.state();
        (state.exit, state.discard) = (None, false);
        // What a benchmark prints is not wanted so many times over.
        state.sink.buffer().truncate(start);
        let runs = (after.1 - before.1).max(1);
        let result = BenchResult { name, average: (after.0 - before.0) / runs, runs };
        let first = !manifest.probes[..index].iter().any(|p| matches!(p.attach, Attach::Bench { .. }));
        state.output.benchmark(&result, first, state.sink.buffer());
    }
    Ok(())
}

fn repeat(program: i32, reader: &mut Reader, most: u32) -> Result<(), Error> {
    let start = reader.state().sink.buffer().len();
    let end = Instant::now() + TIME;
    let mut left = most;
    while left > 0 && Instant::now() < end {
        for _ in 0..BATCH.min(left) {
            attach::run_program(program)?;
        }
        left = left.saturating_sub(BATCH);
        reader.consume();
        reader.state().sink.buffer().truncate(start);
    }
    Ok(())
}

/// Lets the kernel measure programs for as long as the descriptor is open.
fn count_time() -> Result<OwnedFd, Error> {
    // SAFETY: takes no pointers.
    let fd = unsafe { sys::bpf_enable_stats(sys::BPF_STATS_RUN_TIME) };
    if fd < 0 {
        return Err(Error::new(format!("the kernel does not measure BPF programs: {}", reason(&last_os()))));
    }
    // SAFETY: a descriptor that was just opened and that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Nanoseconds that a program has run, and how often.
fn figures(program: i32) -> Result<(u64, u64), Error> {
    match programs::info(program, sys::bpf_prog_info::default()) {
        Some(info) => Ok((info.run_time_ns, info.run_cnt)),
        None => Err(Error::new(format!("cannot read a program's statistics: {}", reason(&last_os())))),
    }
}
