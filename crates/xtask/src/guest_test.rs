//! `cargo xtask guest-test`: one object on four kernels.
//!
//! The scripts of `testdata/run` are compiled once here (against 6.1's types, and against this
//! machine's), run on every kernel beside a workload, and must print what is right. They are
//! also compiled in the guest. Then come the proofs of `testdata/guest`.

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

/// How long all cases and proofs may take on one emulated kernel.
const LIMIT: Duration = Duration::from_secs(1500);

/// The flag that runs the conformance kit too.
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
        let start = Instant::now();
        let one = on_kernel(request, kernel, &cases, &variants, &proofs, &prepared)?;
        println!("kernel {}: {one} ({} s)", kernel.name, start.elapsed().as_secs());
        tally.add(&one);
    }
    if request.has(CONFORMANCE) {
        for kernel in request.kernels.iter().filter(|k| matches!(k.name, "6.1" | "new")) {
            tally.add(&conformance::in_guest(kernel)?);
        }
    }
    Ok(tally)
}

fn on_kernel(
    request: &Options,
    kernel: &Kernel,
    cases: &[Case],
    variants: &[Variant],
    proofs: &[String],
    prepared: &Prepared,
) -> Result<Tally> {
    let mut tally = Tally::default();
    modules::add(kernel, MODULES, &prepared.payload.join("modules"))?;
    let all = || cases.iter().flat_map(|c| variants.iter().map(move |v| (c, v)));
    let refused = |test: &str| prepared.refused.iter().any(|r| r.test == test);
    let runnable = |(case, variant): &(&Case, &Variant)| {
        case.lacking(kernel, variant.btf.is_some()).is_none() && !refused(&scripts::test_name(case, variant))
    };
    // The proofs look at all objects but those.
    let lacking = cases.iter().filter(|c| c.lacking(kernel, true).is_some()).map(|c| c.name.as_str());
    let plan = scripts::plan(all().filter(runnable), &lacking.collect::<Vec<_>>(), proofs);
    let guest =
        Guest { kernel, payload: Some(&prepared.payload), command: &plan, limit: LIMIT, memory: MEMORY, echo: request.verbose };
    let outcome = guest.run()?;
    let results = Results::read(&outcome);
    for (case, variant) in all() {
        let test = scripts::test_name(case, variant);
        let name = format!("{}: {test}", kernel.name);
        if let Some(why) = case.lacking(kernel, variant.btf.is_some()) {
            tally.skip(&name, why);
        } else if !refused(&test) {
            if request.verbose {
                println!("== {name}\n{}{}", results.text(&test, "out"), results.text(&test, "facts"));
            }
            match judge(case, kernel, &test, &results) {
                Ok(()) => tally.pass(),
                Err(why) => tally.fail(&name, &why),
            }
        }
    }
    for proof in proofs {
        let name = format!("{}: {proof}", kernel.name);
        let said = results.text(proof, "out");
        match results.text(proof, "code").trim() {
            "0" => tally.pass(),
            "77" => tally.skip(&name, said.lines().last().unwrap_or("no reason told")),
            code => tally.fail(&name, &format!("exit code {code}\n{said}")),
        }
    }
    if outcome.code.is_none() {
        println!("    the guest did not come to its end; its console:\n{}", last_lines(&outcome.console, 15));
    }
    Ok(tally)
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
