//! `cargo xtask attach-bench`: how long a thousand functions take to attach and to detach, under
//! btc and under bpftrace in the same guest.
//!
//! The functions are those of a file system that is not mounted, so that none is called. Times
//! are of an emulated machine: they are to be compared, not taken for a real one's.

use std::path::Path;
use std::time::Duration;

use crate::guest::Guest;
use crate::kernels::{self, Kernel};
use crate::modules;
use crate::options::Options;
use crate::payload;
use crate::results::{PRELUDE, Results};
use crate::shell::{self, Failure, Result};
use crate::sid::Sid;

const PLAYER: &str = include_str!("attach_bench.sh");
/// Kernels of a plain run.
const KERNELS: &str = "6.1,6.12,new";
/// What is attached, unless another pattern is given.
const PATTERN: &str = "xfs_*";
/// Where those functions are.
const MODULES: &[&str] = &["xfs"];
/// How long one emulated kernel may take.
const LIMIT: Duration = Duration::from_secs(2400);
/// bpftrace with its libraries lies in the guest's memory, packed and unpacked.
const MEMORY: u32 = 3072;

/// Seconds to the first line, and from there to the end.
struct Times {
    attach: f64,
    detach: f64,
}

impl Times {
    fn read(results: &Results, name: &str) -> std::result::Result<Times, String> {
        let text = results.text(name, "times");
        let numbers: Vec<f64> = text.lines().filter_map(|line| line.parse().ok()).collect();
        match numbers.as_slice() {
            [start, on, end, 0.0] => Ok(Times { attach: on - start, detach: end - on }),
            [_, _, _, code] => Err(format!("exit code {code}: {}", results.text(name, "err"))),
            _ => Err("no result".to_string()),
        }
    }
}

fn on_kernel(kernel: &Kernel, payload: &Path, pattern: &str, verbose: bool) -> Result<bool> {
    modules::add(kernel, MODULES, &payload.join("modules"))?;
    let plan = format!("{PRELUDE}{PLAYER}both '{pattern}'\n");
    let guest =
        Guest { kernel, payload: Some(payload), command: &plan, limit: LIMIT, memory: MEMORY, echo: verbose };
    let results = Results::read(&guest.run()?);
    let count = results.text("functions", "count");
    let mut good = true;
    for name in ["btc", "bpftrace"] {
        match Times::read(&results, name) {
            Ok(t) => println!("| {} | {} | {name} | {:.1} s | {:.1} s |", kernel.name, count.trim(), t.attach, t.detach),
            Err(why) => {
                println!("FAIL {}: {name}: {why}", kernel.name);
                good = false;
            }
        }
    }
    Ok(good)
}

/// The task.
pub fn run(args: &[String]) -> Result<u8> {
    let options = Options::read("attach-bench", KERNELS, &[], args)?;
    let pattern = match options.names.as_slice() {
        [] => PATTERN,
        [one] => one,
        _ => return Err(Failure::new("attach-bench takes one pattern")),
    };
    kernels::ensure(&options.kernels)?;
    let payload = shell::scratch()?.join("payload-attach");
    payload::fill(&payload)?;
    Sid::ensure()?.add(&payload)?;
    println!("| kernel | functions | tracer | to the first line | from there to the end |\n|---|---|---|---|---|");
    let mut good = true;
    for kernel in &options.kernels {
        good &= on_kernel(kernel, &payload, pattern, options.verbose)?;
    }
    Ok(u8::from(!good))
}
