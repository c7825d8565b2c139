//! `cargo xtask test`: everything a change must pass.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::conformance;
use crate::fuzz;
use crate::guest_test;
use crate::options::Options;
use crate::report::Tally;
use crate::setup;
use crate::shell::{self, Failure, Result};

/// The kernels of a plain run: what most machines run, and the newest.
const KERNELS: &str = "6.1,new";

/// Inputs of each fuzz target in a plain run: some seconds.
const FUZZ_INPUTS: u64 = 2_000;

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(shell::root()).env("CARGO_TARGET_DIR", shell::target_folder());
    cargo
}

/// Builds `btc` as a developer does.
pub fn plain_build() -> Result<PathBuf> {
    shell::perform(cargo().args(["build", "--quiet", "-p", "btc"]))?;
    Ok(shell::target_folder().join("debug/btc"))
}

/// The workspace's own tests. As root they load programs into the running kernel; what they
/// cannot do they tell as `skipped: reason`.
fn unit_tests() -> Result<Tally> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast", "--", "--nocapture", "--test-threads=2"]);
    let done = command.stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::piped()).output();
    let done = done.map_err(|e| Failure::new(format!("cannot run cargo test: {e}")))?;
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let mut tally = Tally::default();
    for line in out.lines() {
        // `test result: ok. 12 passed; 0 failed; 1 ignored; …`
        let Some(rest) = line.trim().strip_prefix("test result: ") else { continue };
        let count = |word: &str| {
            let parts = rest.split([';', '.']).map(str::trim);
            let number = |part: &str| part.strip_suffix(word).and_then(|n| n.trim().parse().ok());
            parts.filter_map(number).next().unwrap_or(0)
        };
        tally.passed += count("passed");
        tally.failed += count("failed");
        tally.skipped += count("ignored");
    }
    for line in out.lines().chain(err.lines()).filter(|l| l.contains("skipped: ")) {
        // Such a test ends as passed for cargo.
        tally.skipped += 1;
        tally.passed = tally.passed.saturating_sub(1);
        println!("{}", line.trim());
    }
    if !done.status.success() {
        tally.failed = tally.failed.max(1);
        println!("FAIL cargo test --workspace\n{out}\n{err}");
    }
    println!("cargo test: {tally}");
    Ok(tally)
}

fn guests() -> Result<Tally> {
    let flags = [guest_test::CONFORMANCE];
    guest_test::perform(&Options::read("test", KERNELS, &flags, &flags.map(str::to_string))?)
}

/// One part of the suite, with its time. What stops it counts as one failure, and the rest goes on.
fn part(name: &str, tally: &mut Tally, work: impl FnOnce() -> Result<Tally>) {
    println!("== {name}");
    let start = Instant::now();
    match work() {
        Ok(one) => tally.add(&one),
        Err(failure) => tally.fail(name, &failure.to_string()),
    }
    println!("   {} s", start.elapsed().as_secs());
}

/// The task.
pub fn run(args: &[String]) -> Result<u8> {
    if !args.is_empty() {
        return Err(Failure::new("usage: cargo xtask test"));
    }
    setup::ensure(true)?;
    let mut tally = Tally::default();
    part("unit and kernel tests", &mut tally, unit_tests);
    part("conformance on this machine", &mut tally, || conformance::on_host(&plain_build()?, &[]));
    part("fuzz targets, the same few thousand inputs each", &mut tally, || fuzz::perform(&[], fuzz::Amount::Inputs(FUZZ_INPUTS)));
    part("guests", &mut tally, guests);
    println!("{tally}");
    Ok(tally.code())
}
