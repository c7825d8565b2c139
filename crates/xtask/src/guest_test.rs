//! `cargo xtask guest-test`: one object on four kernels.
//!
//! The scripts of `testdata/run` are compiled once here (against 6.1's types, and against this
//! machine's), run on every kernel beside a workload, and must print what is right. They are
//! also compiled in the guest. Then come the proofs of `testdata/guest`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::cases::{self, Case};
use crate::conformance;
use crate::expect;
use crate::guest::{Guest, MEMORY};
use crate::kernels::{self, Kernel};
use crate::modules;
use crate::options::Options;
use crate::report::Tally;
use crate::results::Results;
use crate::scripts::{self, Prepared, Variant};
use crate::shell::{Failure, Result};

/// How long all cases, or all proofs, may take on one emulated kernel.
const LIMIT: Duration = Duration::from_secs(3000);

/// Tests whose time is told.
const SHOWN: usize = 8;

/// The flag that runs the conformance kit too, on the last of the kernels.
pub const CONFORMANCE: &str = "--conformance";

/// Modules whose functions are traced.
const MODULES: &[&str] = &["dummy"];

/// The task.
pub fn run(args: &[String]) -> Result<u8> {
    let tally = perform(&Options::read("guest-test", "all", &[CONFORMANCE], args)?)?;
    println!("{tally}");
    Ok(tally.code())
}

/// Runs all that is asked for.
pub fn perform(request: &Options) -> Result<Tally> {
    let names = &request.names;
    let cases = cases::all(names)?;
    let stem = |f: &std::path::PathBuf| f.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let mut proofs: Vec<String> = scripts::proofs().iter().map(stem).collect();
    proofs.retain(|p| request.wants(p));
    if cases.is_empty() && proofs.is_empty() {
        return Err(Failure::new(format!("no test named {}", names.join(", "))));
    }
    kernels::ensure(kernels::ALL)?;
    let variants = scripts::variants()?;
    let prepared = scripts::prepare(&cases, &variants)?;
    let mut tally = Tally::default();
    for refused in &prepared.refused {
        tally.fail(&refused.test, &refused.why);
    }
    for kernel in &request.kernels {
        modules::add(kernel, MODULES, &prepared.payload.join("modules").join(kernel.name))?;
    }
    let (alone, proofs) = proofs.into_iter().partition(|p| scripts::runs_alone(p));
    let tests = Tests { verbose: request.verbose, cases, variants, proofs, alone, prepared };
    let (alone, together): (Vec<_>, Vec<_>) = parts(request, &tests).into_iter().partition(|(_, part)| *part == Part::Alone);
    let outcomes = in_turn(&together, |(kernel, part)| tests.run(kernel, *part));
    for outcome in outcomes.into_iter().chain(alone.iter().map(|(kernel, part)| tests.run(kernel, *part))) {
        tally.add(&outcome?);
    }
    Ok(tally)
}

/// What one guest runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Proofs,
    Cases,
    Conformance,
    /// Proofs beside which nothing else runs.
    Alone,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Proofs => "proofs",
            Part::Cases => "cases",
            Part::Conformance => "conformance",
            Part::Alone => "alone",
        }
    }
}

/// The guests to boot, those that take longest first.
fn parts<'a>(request: &'a Options, tests: &Tests) -> Vec<(&'a Kernel, Part)> {
    let is_wanted = |kernel: &Kernel, part| match part {
        Part::Proofs => !tests.proofs.is_empty(),
        Part::Cases => !tests.cases.is_empty(),
        Part::Conformance => request.has(CONFORMANCE) && request.kernels.last().is_some_and(|last| last.name == kernel.name),
        Part::Alone => !tests.alone.is_empty(),
    };
    let all = [Part::Proofs, Part::Cases, Part::Conformance, Part::Alone].into_iter();
    let all = all.flat_map(|part| request.kernels.iter().map(move |kernel| (kernel, part)));
    all.filter(|(kernel, part)| is_wanted(kernel, *part)).collect()
}

/// Does jobs, one for each CPU at once, and yields what came of them. A guest waits for a third of its time.
fn in_turn<J: Sync, T: Send>(jobs: &[J], work: impl Fn(&J) -> Result<T> + Sync) -> Vec<Result<T>> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let take = || jobs.get(next.fetch_add(1, Ordering::Relaxed));
    let worker = || std::iter::from_fn(take).map(&work).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        let died = |_| vec![Err(Failure::new("a thread that runs guests died"))];
        running.into_iter().flat_map(|thread| thread.join().unwrap_or_else(died)).collect()
    })
}

/// All that may run in a guest.
struct Tests {
    verbose: bool,
    cases: Vec<Case>,
    variants: Vec<Variant>,
    proofs: Vec<String>,
    alone: Vec<String>,
    prepared: Prepared,
}

impl Tests {
    fn run(&self, kernel: &Kernel, part: Part) -> Result<Tally> {
        let start = Instant::now();
        let one = match part {
            Part::Proofs => self.proofs_on(kernel, &self.proofs)?,
            Part::Alone => self.proofs_on(kernel, &self.alone)?,
            Part::Cases => self.cases_on(kernel)?,
            Part::Conformance => conformance::in_guest(kernel)?,
        };
        println!("kernel {}, {}: {one} ({} s)", kernel.name, part.name(), start.elapsed().as_secs());
        Ok(one)
    }

    fn play(&self, kernel: &Kernel, plan: &str) -> Result<Results> {
        let payload = Some(self.prepared.payload.as_path());
        let outcome = Guest { kernel, payload, command: plan, limit: LIMIT, memory: MEMORY, echo: self.verbose }.run()?;
        let results = Results::read(&outcome);
        let slowest = results.slowest(SHOWN).into_iter().map(|(seconds, test)| format!("{test} {seconds}"));
        println!("kernel {}, slowest, in seconds: {}", kernel.name, slowest.collect::<Vec<_>>().join(", "));
        if outcome.code.is_none() {
            println!("    the guest did not come to its end; its console:\n{}", last_lines(&outcome.console, 15));
        }
        Ok(results)
    }

    fn cases_on(&self, kernel: &Kernel) -> Result<Tally> {
        let mut tally = Tally::default();
        // An object of this very kernel is what the guest compiles: one of another is loaded in the same way.
        let variants = self.variants.iter().filter(|v| self.variants.len() <= 2 || v.name != scripts::made_from(kernel));
        let all = || self.cases.iter().flat_map(|c| variants.clone().map(move |v| (c, v)));
        let refused = |test: &str| self.prepared.refused.iter().any(|r| r.test == test);
        let runnable = |(case, variant): &(&Case, &Variant)| {
            case.lacking(kernel, variant.btf.is_some()).is_none() && !refused(&scripts::test_name(case, variant))
        };
        let results = self.play(kernel, &scripts::plan(kernel, all().filter(runnable)))?;
        for (case, variant) in all() {
            let test = scripts::test_name(case, variant);
            let name = format!("{}: {test}", kernel.name);
            if let Some(why) = case.lacking(kernel, variant.btf.is_some()) {
                tally.skip(&name, why);
            } else if !refused(&test) {
                if self.verbose {
                    println!("== {name}\n{}{}", results.text(&test, "out"), results.text(&test, "facts"));
                }
                match judge(case, kernel, &test, &results) {
                    Ok(()) => tally.pass(),
                    Err(why) => tally.fail(&name, &why),
                }
            }
        }
        Ok(tally)
    }

    fn proofs_on(&self, kernel: &Kernel, proofs: &[String]) -> Result<Tally> {
        let mut tally = Tally::default();
        // The proofs look at all objects but those.
        let lacking = self.cases.iter().filter(|c| c.lacking(kernel, true).is_some()).map(|c| c.name.as_str());
        let results = self.play(kernel, &scripts::plan_of_proofs(kernel, &lacking.collect::<Vec<_>>(), proofs))?;
        for proof in proofs {
            let name = format!("{}: {proof}", kernel.name);
            let said = results.text(proof, "out");
            match results.text(proof, "code").trim() {
                "0" => tally.pass(),
                "77" => tally.skip(&name, said.lines().last().unwrap_or("no reason told")),
                code => tally.fail(&name, &format!("exit code {code}\n{said}")),
            }
        }
        Ok(tally)
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The lines on standard error that a clean run does not have. The loader's progress is not
/// among them, its warnings are.
fn complaints(text: &str) -> Vec<&str> {
    let quiet = |line: &&str| {
        // What a script allows to be missing is told under -v only, and is no warning.
        let allowed = line.contains(" is left out: ") && !line.contains("WARNING");
        !allowed && !line.starts_with("libbpf: ") && !line.starts_with("Attached ") && !line.is_empty()
    };
    text.lines().filter(quiet).collect()
}

fn judge(case: &Case, kernel: &Kernel, test: &str, results: &Results) -> std::result::Result<(), String> {
    let error = results.text(test, "err");
    let said = || {
        let found = complaints(&error).join("\n");
        let work = results.text(test, "workload");
        format!("standard error:\n{}\nworkload:\n{}", last_lines(&found, 12), last_lines(&work, 5))
    };
    match results.text(test, "code").trim() {
        "" => return Err("no result: the guest ended before".into()),
        "0" => {}
        code => return Err(format!("exit code {code}\n{}", said())),
    }
    let facts = expect::facts(&results.text(test, "facts"));
    let output = results.text(test, "out");
    expect::compare(&case.expected, &output, &facts)
        .map_err(|why| format!("{why}\noutput:\n{}\n{}", last_lines(&output, 30), said()))?;
    let found = complaints(&error);
    match case.warning(kernel) {
        Some(words) if !found.iter().any(|line| line.contains(words)) => Err(format!("no warning with the words: {words}")),
        warning => {
            let found: Vec<&str> = found.into_iter().filter(|line| warning.is_none_or(|words| !line.contains(words))).collect();
            if found.is_empty() { Ok(()) } else { Err(format!("complaints:\n{}", found.join("\n"))) }
        }
    }
}
