//! Cost of an event: what a probe adds to a system call, for scripts of the kinds that users write.
//!
//! A child makes a fixed number of `getppid()` calls, which only its own probe looks at. The
//! time of its calls without any probe is taken off.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::options::Options;
use crate::process::bpftrace;

/// Calls of a run: enough to drown start and end.
const CALLS: u64 = 3_000_000;

/// What is measured: a name and an action.
const ACTIONS: &[(&str, &str, &str)] = &[
    ("predicate alone", "/pid == 1/", "{ @ = count(); }"),
    ("comm filter that fails", "/comm == \"nobody\"/", "{ @ = count(); }"),
    ("count()", "/pid == cpid/", "{ @ = count(); }"),
    ("count() by pid", "/pid == cpid/", "{ @[pid] = count(); }"),
    ("sum() by comm", "/pid == cpid/", "{ @[comm] = sum(cpu); }"),
    ("hist()", "/pid == cpid/", "{ @ = hist(nsecs); }"),
    ("@start[tid] = nsecs", "/pid == cpid/", "{ @start[tid] = nsecs; }"),
    (
        "entry and exit: latency",
        "/pid == cpid/",
        "{ @start[tid] = nsecs; } \
         tracepoint:syscalls:sys_exit_getppid /@start[tid]/ { @ = hist(nsecs - @start[tid]); delete(@start[tid]); }",
    ),
    ("three casts of curtask", "/pid == cpid/", "{ @a = curtask.pid; @b = curtask.tgid; @c = curtask.prio; }"),
    ("printf of two integers", "/pid == cpid/", "{ printf(\"%d %d\\n\", pid, cpu); }"),
    ("for 0..100", "/pid == cpid/", "{ $s = 0; for ($i : 0..100) { $s += $i; } @ = $s; }"),
];

/// Prints the table; needs root.
pub fn costs(options: &Options) {
    println!("## Cost of an event\n\n| action | btc net ns | bpftrace net ns |\n|---|---|---|");
    let Some(load) = options.run.then(build).flatten() else {
        return println!("| not run: `--run` was not given, or there is no cc | | |\n");
    };
    let base = seconds(Command::new(&load).arg(CALLS.to_string()));
    for (name, predicate, action) in ACTIONS {
        let script = format!("tracepoint:syscalls:sys_enter_getppid {predicate} {action} END {{ }}");
        let child = format!("{} {CALLS}", load.display());
        let args = ["-q", "-e", &script, "-c", &child].map(String::from);
        let ours = (0..3).map(|_| seconds(Command::new(&options.btc).args(&args))).fold(f64::MAX, f64::min);
        let os_args = args.clone().map(Into::into);
        let theirs = bpftrace(options, &os_args).map(|mut command| seconds(&mut command));
        let net = |all: f64| format!("{:.0}", (all - base).max(0.0) * 1e9 / CALLS as f64);
        println!("| {name} | {} | {} |", net(ours), theirs.map_or("–".to_string(), net));
    }
    println!();
}

fn seconds(command: &mut Command) -> f64 {
    let start = Instant::now();
    let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    start.elapsed().as_secs_f64()
}

/// Compiles the child, without shared libraries so that it runs in a chroot too.
fn build() -> Option<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/kernel/syscalls.c");
    let program = std::env::temp_dir().join("btc-bench-syscalls");
    let built = Command::new("cc").args(["-O2", "-static", "-o"]).arg(&program).arg(source).status();
    built.is_ok_and(|s| s.success()).then_some(program)
}
