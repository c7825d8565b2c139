//! `cargo xtask fuzz`: the targets of `fuzz/`, each for a while.
//!
//! libFuzzer's coverage comes from a pass of the stable compiler; nothing else needs to be installed. What a target has found
//! is in `fuzz/artifacts`; inputs that did harm once are kept in `fuzz/kept`, a folder for each target, and are tried first.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::report::Tally;
use crate::shell::{self, Failure, Result};

/// What the compiler adds for the fuzzer: counters and comparisons.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                        -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// Named, so that programs that run while building get none of the flags.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What an input may cost: MiB and seconds.
const MEMORY: u32 = 512;
const SECONDS: u32 = 10;
/// Seconds beyond its time after which a target has hung: what it has is in its `artifacts`.
const GRACE: u64 = 600;
/// Bytes of an input.
const LENGTH: u32 = 1 << 16;

/// How much a target is given.
#[derive(Clone, Copy)]
pub enum Amount {
    /// What it can try in so many seconds.
    Seconds(u64),
    /// So many inputs beside those that are kept, the same at each run.
    Inputs(u64),
}

fn folder() -> PathBuf {
    shell::root().join("fuzz")
}

/// Names of all targets.
fn targets() -> Vec<String> {
    let mut names: Vec<String> = shell::entries(&folder().join("fuzz_targets"))
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_string()))
        .collect();
    names.sort();
    names
}

/// Builds programs of `fuzz/` with what the environment says, in a folder of that name below the target folder; yields where they are.
pub(crate) fn build(name: &str, programs: &[&str], environment: &[(&str, &str)]) -> Result<PathBuf> {
    let output = shell::target_folder().join(name);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--target", TARGET]).args(programs).current_dir(folder());
    cargo.env("CARGO_TARGET_DIR", &output).envs(environment.iter().copied());
    shell::perform(&mut cargo)?;
    Ok(output.join(TARGET).join("debug"))
}

/// Runs one target; what it says where it fails.
fn one(programs: &Path, corpora: &Path, target: &str, amount: Amount) -> Result<std::result::Result<String, String>> {
    let artifacts = folder().join("artifacts").join(target);
    shell::make_folder(&artifacts)?;
    let own = corpora.join(target);
    shell::make_folder(&own)?;
    // libFuzzer tells of an input that takes too long from within a signal, where it may wait for itself.
    let limit = GRACE + if let Amount::Seconds(seconds) = amount { seconds } else { 0 };
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL"]).arg(limit.to_string()).arg(programs.join(target));
    // The first folder takes what is found.
    command.arg(&own).args(Some(folder().join("kept").join(target)).filter(|kept| kept.is_dir()));
    match amount {
        Amount::Seconds(seconds) => command.arg(format!("-max_total_time={seconds}")),
        Amount::Inputs(count) => command.arg(format!("-runs={count}")).arg("-seed=1"),
    };
    command.arg(format!("-rss_limit_mb={MEMORY}")).arg(format!("-timeout={SECONDS}")).arg(format!("-max_len={LENGTH}"));
    command.arg(format!("-artifact_prefix={}/", artifacts.display())).arg("-print_final_stats=1");
    let done = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output();
    let done = done.map_err(|e| Failure::new(format!("cannot run {target}: {e}")))?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let number = |name: &str| {
        let line = said.lines().find_map(|l| l.strip_prefix(&format!("stat::{name}:")));
        line.map_or_else(|| "?".to_string(), |n| n.trim().to_string())
    };
    if !done.status.success() {
        let tail: Vec<&str> = said.lines().rev().take(40).collect();
        return Ok(Err(tail.into_iter().rev().collect::<Vec<_>>().join("\n")));
    }
    Ok(Ok(format!("{} inputs, {} MiB at most", number("number_of_executed_units"), number("peak_rss_mb"))))
}

/// Runs targets, all when none is named, with so much each.
pub fn perform(names: &[String], amount: Amount) -> Result<Tally> {
    let all = targets();
    if let Some(unknown) = names.iter().find(|n| !all.contains(n)) {
        return Err(Failure::new(format!("no target `{unknown}`; there are: {}", all.join(", "))));
    }
    let programs = build("fuzz", &["--bins"], &[("RUSTFLAGS", COVERAGE)])?;
    let corpora = match amount {
        Amount::Seconds(_) => shell::target_folder().join("fuzz/corpus"),
        Amount::Inputs(_) => shell::target_folder().join("fuzz/few"),
    };
    if matches!(amount, Amount::Inputs(_)) {
        // What earlier runs found would change what this one tries.
        shell::empty_folder(&corpora)?;
    }
    shell::perform(Command::new(programs.join("seeds")).arg(&corpora))?;
    let mut tally = Tally::default();
    for target in all.iter().filter(|t| names.is_empty() || names.contains(t)) {
        match one(&programs, &corpora, target, amount)? {
            Ok(figures) => {
                println!("fuzz {target}: {figures}");
                tally.pass();
            }
            Err(why) => tally.fail(&format!("fuzz {target}"), &why),
        }
    }
    Ok(tally)
}

/// The task.
pub fn run(args: &[String]) -> Result<u8> {
    let (mut minutes, mut names) = (30, Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--minutes" => {
                let number = args.next().and_then(|n| n.parse::<u64>().ok()).filter(|n| *n > 0);
                minutes = number.ok_or_else(|| Failure::new("--minutes needs a number"))?;
            }
            option if option.starts_with('-') => return Err(Failure::new("usage: cargo xtask fuzz [--minutes N] [TARGET…]")),
            name => names.push(name.to_string()),
        }
    }
    let tally = perform(&names, Amount::Seconds(minutes * 60))?;
    println!("{tally}");
    Ok(tally.code())
}
