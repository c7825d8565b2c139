//! `cargo xtask`: the project's tasks.

use std::process::ExitCode;

use btc_xtask::{
    attach_bench, binding, conformance, demo, fuzz, guest, guest_test, kernels, mutants, oneliners, programs, random, setup, shell::Failure, soak, suite,
    tools,
};

const USAGE: &str = "\
usage: cargo xtask TASK
  demo                    install what is missing, build, compile a script and run its object
  setup [--run-only]      install what the build and the tests need and is missing
  kernels                 fetch Debian's kernels for the guests ($BTC_KERNELS, else ~/.cache/btc/kernels)
  static [--release]      build static `btc` and `btc-run`
  guest [--kernel K] [-- COMMAND]
                          boot a kernel in an emulated guest and run a command there
  guest-test [--kernel K] [--conformance] [NAME…]
                          run the scripts of testdata/run, and the other proofs, in guests
  binding-test            bind objects to each of four kernels, for all that differs between two of them
  random [--seed N] [--count N] [--load] [--run] [--bpftrace PATH]
                          check random scripts: compiled, interpreted, and in the kernel (root)
  fuzz [--minutes N] [TARGET…]
                          run the fuzz targets, each for so many minutes (30)
  mutants [--kernel K] [--seed N] [--count N]
                          run objects whose manifest lies, in a guest, under the address sanitizer
  soak [--minutes N] [--rate N]
                          a steady load under btc: nothing may be lost untold, nothing may grow (root)
  tools-test [--kernel K] [--load] [NAME…]
                          bpftrace's own tools: compile and load all, run some beside bpftrace
  oneliners [--kernel K] [NAME…]
                          run testdata/oneliners.txt under bpftrace and under btc, and compare
  attach-bench [--kernel K] [PATTERN]
                          time to attach and detach a thousand functions, under btc and under bpftrace
  conformance             run the conformance kit beside the project on this machine
  test                    everything: unit tests, conformance, fuzz targets for some seconds, guests
K is 5.10, 6.1, 6.12, new or all; several may be joined by commas.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = args.split_first().map_or(("", &[][..]), |(t, r)| (t.as_str(), r));
    let outcome = match task {
        "demo" => demo::run(rest),
        "setup" => setup::run(rest),
        "kernels" => kernels::run(rest),
        "static" => programs::run(rest),
        "guest" => guest::run(rest),
        "guest-test" => guest_test::run(rest),
        "binding-test" => binding::run(rest),
        "random" => random::run(rest),
        "oneliners" => oneliners::run(rest),
        "attach-bench" => attach_bench::run(rest),
        "fuzz" => fuzz::run(rest),
        "mutants" => mutants::run(rest),
        "soak" => soak::run(rest),
        "conformance" => conformance::run(rest),
        "tools-test" => tools::run(rest),
        "test" => suite::run(rest),
        "" | "-h" | "--help" | "help" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => Err(Failure::new(format!("no task `{other}`\n{USAGE}"))),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
