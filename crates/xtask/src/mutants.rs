//! `cargo xtask mutants`: objects whose manifest lies, run as root in a guest, under the address sanitizer.
//!
//! `fuzz/src/mutants.rs` makes and runs them; here it is built with the sanitizer, libbpf's C as well, and put into a guest.
//! What the runtime reads or writes beyond its buffers is a report that ends the child.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fuzz;
use crate::guest::{Guest, MEMORY};
use crate::kernels::{self, Kernel};
use crate::payload;
use crate::report::Tally;
use crate::shell::{self, Failure, Result};

/// Objects in one guest: a guest that dies costs no more than these.
const CHUNK: u64 = 5_000;
/// How long a guest may take for them.
const LIMIT: Duration = Duration::from_secs(3_600);
const USAGE: &str = "usage: cargo xtask mutants [--kernel K] [--seed N] [--count N]";

/// Builds the program. The sanitizer's library comes with the stable compiler, its flag only with `RUSTC_BOOTSTRAP`.
fn build() -> Result<PathBuf> {
    let environment =
        [("RUSTC_BOOTSTRAP", "1"), ("RUSTFLAGS", "-Zsanitizer=address"), ("LIBBPF_SYS_EXTRA_CFLAGS", "-fsanitize=address")];
    Ok(fuzz::build("asan", &["--bin", "mutants"], &environment)?.join("mutants"))
}

/// The line that counts what became of a guest's objects; its absence, or a failure, is what went wrong.
fn verdict(console: &str, code: Option<u8>) -> std::result::Result<String, String> {
    let counts = console.lines().rev().find(|line| line.contains(" refused, "));
    match (counts, code) {
        (Some(counts), Some(0)) => Ok(counts.trim().to_string()),
        _ => {
            let last: Vec<&str> = console.lines().rev().take(60).collect();
            Err(last.into_iter().rev().collect::<Vec<_>>().join("\n"))
        }
    }
}

/// Runs objects from these seeds on a kernel.
fn chunk(kernel: &Kernel, payload: &Path, seed: u64, count: u64) -> Result<std::result::Result<String, String>> {
    // Reports of leaks come from children that end in the middle.
    let command = format!("export ASAN_OPTIONS=exitcode=99:detect_leaks=0; mutants {seed} {count} 2>&1");
    let guest = Guest { kernel, payload: Some(payload), command: &command, limit: LIMIT, memory: 2 * MEMORY, echo: false };
    let outcome = guest.run()?;
    Ok(verdict(&outcome.console, outcome.code))
}

/// The task.
pub fn run(args: &[String]) -> Result<u8> {
    let (mut list, mut seed, mut count) = ("6.1", 0, CHUNK);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| Failure::new(USAGE))?;
        let number = || value.parse().map_err(|_| Failure::new(USAGE));
        match arg.as_str() {
            "--kernel" => list = value,
            "--seed" => seed = number()?,
            "--count" => count = number()?,
            _ => return Err(Failure::new(USAGE)),
        }
    }
    let kernels = kernels::named(list)?;
    kernels::ensure(&kernels)?;
    let payload = shell::scratch()?.join("payload-mutants");
    shell::empty_folder(&payload)?;
    ["bin", "lib"].iter().try_for_each(|folder| shell::make_folder(&payload.join(folder)))?;
    payload::add_program(&payload, &build()?)?;
    let mut tally = Tally::default();
    for kernel in &kernels {
        for first in (seed..seed + count).step_by(CHUNK as usize) {
            let size = CHUNK.min(seed + count - first);
            let name = format!("mutants {} {first}+{size}", kernel.name);
            match chunk(kernel, &payload, first, size)? {
                Ok(counts) => {
                    println!("{name}: {counts}");
                    tally.pass();
                }
                Err(why) => tally.fail(&name, &why),
            }
        }
    }
    println!("{tally}");
    Ok(tally.code())
}

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn a_guest_that_does_not_count_to_the_end_has_failed() {
        assert_eq!(verdict("x\n3 ran, 4 refused, 0 failed\n", Some(0)), Ok("3 ran, 4 refused, 0 failed".into()));
        assert!(verdict("3 ran, 4 refused, 1 failed\n", Some(1)).is_err_and(|why| why.contains("1 failed")));
        assert!(verdict("", Some(0)).is_err() && verdict("3 ran, 4 refused, 0 failed\n", None).is_err());
    }
}
