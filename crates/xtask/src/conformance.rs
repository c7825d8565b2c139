//! The conformance kit that may lie beside the project, with a list of known failures.
//!
//! The list holds cases outside of the language as far as it is there. A case that fails and is
//! not in the list is a failure; a case in the list that passes is told, to be taken out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::guest::{Guest, MEMORY};
use crate::kernels::Kernel;
use crate::payload;
use crate::report::Tally;
use crate::shell::{self, Failure, Result};

const KNOWN: &str = ".ci/conformance-known-failures.txt";
const GROUPS: &str = "kernel tracepoint probes errors";

/// The kit, where it is there.
pub fn kit() -> Option<PathBuf> {
    let folder = shell::root().join("../shared/conformance");
    folder.join("run.sh").is_file().then_some(folder)
}

/// What the kit's runner printed: names of failed cases, and its closing counts.
struct Outcome {
    failed: BTreeSet<String>,
    tally: Option<Tally>,
}

fn read(text: &str) -> Outcome {
    let failed = text.lines().filter_map(|line| line.strip_prefix("FAIL ")).map(str::to_string).collect();
    Outcome { failed, tally: text.lines().rev().find_map(Tally::parse) }
}

/// Cases of the list that fail where `place` says: `host`, or a kernel's name.
fn known(place: &str) -> Result<BTreeSet<String>> {
    let path = shell::root().join(KNOWN);
    if !path.exists() {
        return Ok(BTreeSet::new());
    }
    let text = shell::read_text(&path)?;
    let line = |line: &str| {
        let line = line.split('#').next().unwrap_or("").trim();
        // `case`, or `case @ place, place`.
        let (case, places) = line.split_once('@').unwrap_or((line, place));
        places.split(',').any(|p| p.trim() == place).then(|| case.trim().to_string())
    };
    Ok(text.lines().filter_map(line).filter(|case| !case.is_empty()).collect())
}

/// Compares with the list. Known failures count as skipped, with their number told.
fn judge(place: &str, text: &str) -> Result<Tally> {
    let outcome = read(text);
    let Some(mut tally) = outcome.tally else {
        let mut tally = Tally::default();
        let tail: Vec<&str> = text.lines().rev().take(10).collect();
        tally.fail(&format!("conformance on {place}"), &format!("no closing line\n{}", tail.join("\n")));
        return Ok(tally);
    };
    let known = known(place)?;
    for line in text.lines().filter(|line| line.starts_with("SKIP ")) {
        println!("{place}: conformance {} skipped: {}", case_of(line), line.split_once(": ").map_or("", |l| l.1));
    }
    let (expected, new): (Vec<_>, Vec<_>) = outcome.failed.iter().partition(|case| known.contains(*case));
    for case in &new {
        println!("FAIL {place}: conformance {case}");
        let behind = text.lines().skip_while(|l| *l != format!("FAIL {case}")).skip(1);
        behind.take_while(|l| l.starts_with("    ")).for_each(|l| println!("{l}"));
    }
    tally.failed = new.len() as u32;
    tally.skipped += expected.len() as u32;
    if !expected.is_empty() {
        println!("{place}: {} conformance cases skipped: known failures ({KNOWN})", expected.len());
    }
    let ran: BTreeSet<&str> = text.lines().filter_map(|l| l.strip_prefix("PASS ")).collect();
    for case in known.iter().filter(|case| ran.contains(case.as_str())) {
        println!("{place}: {case} passes now: take it out of {KNOWN}");
    }
    println!("conformance on {place}: {tally}");
    Ok(tally)
}

fn case_of(line: &str) -> &str {
    line.trim_start_matches("SKIP ").split(':').next().unwrap_or(line)
}

/// Runs the kit on this machine with a given binary.
pub fn on_host(btc: &Path, groups: &[String]) -> Result<Tally> {
    let mut tally = Tally::default();
    let Some(kit) = kit() else {
        tally.skip("conformance", "no conformance kit beside the project");
        return Ok(tally);
    };
    let mut command = Command::new("sh");
    command.arg(kit.join("run.sh")).arg("-v").args(groups).env("BTC", btc);
    let done = command.stdin(Stdio::null()).output().map_err(|e| Failure::new(format!("cannot run the kit: {e}")))?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    shell::write(&shell::scratch()?.join("conformance-host.log"), &text)?;
    judge("host", &text)
}

/// Runs in a guest the groups that trace a whole machine, and the one whose errors some kernels only can show.
pub fn in_guest(kernel: &Kernel) -> Result<Tally> {
    let mut tally = Tally::default();
    let Some(kit) = kit() else {
        tally.skip(&format!("{}: conformance", kernel.name), "no conformance kit beside the project");
        return Ok(tally);
    };
    let folder = shell::scratch()?.join(format!("payload-conformance-{}", kernel.name));
    payload::fill(&folder)?;
    let place = folder.join("conformance");
    shell::make_folder(&place)?;
    shell::perform(Command::new("cp").arg("-a").arg(kit.join("run.sh")).arg(kit.join("cases")).arg(&place))?;
    let command = format!("cd /payload/conformance; BTC=btc GUEST=1 TIMEOUT_SCALE=3 sh run.sh -v {GROUPS} > /tmp/log 2>&1; cat /tmp/log > /dev/ttyS1; tail -n 1 /tmp/log");
    let limit = Duration::from_secs(1500);
    let guest = Guest { kernel, payload: Some(&folder), command: &command, limit, memory: MEMORY, echo: false };
    let text = String::from_utf8_lossy(&guest.run()?.results).replace('\r', "");
    shell::write(&shell::scratch()?.join(format!("conformance-{}.log", kernel.name)), &text)?;
    judge(kernel.name, &text)
}

/// The task: the kit on this machine, with the plain build.
pub fn run(args: &[String]) -> Result<u8> {
    let tally = on_host(&crate::suite::plain_build()?, args)?;
    println!("{tally}");
    Ok(tally.code())
}
