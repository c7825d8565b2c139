//! Compiles and runs as processes of their own: wall time, processor time, peak memory.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::inside::name;
use crate::median;
use crate::options::Options;

/// What a process took.
#[derive(Clone, Copy)]
pub struct Took {
    /// Wall time in milliseconds.
    pub wall: f64,
    /// Processor time in milliseconds, user and system.
    pub cpu: f64,
    /// Peak of the resident memory in MiB.
    pub memory: f64,
    /// Whether it ended with 0.
    pub good: bool,
}

/// Runs a command to its end, its output thrown away.
pub fn run(command: &mut Command) -> Option<Took> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begin = Instant::now();
    let child = command.spawn().ok()?;
    let mut status = 0;
    // SAFETY: all zeros are a value of this plain C struct.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // `Child::wait` does not tell what the child used. It is not called: the child is gone
    // after this, and nothing else of `child` needs an end.
    // SAFETY: both pointers are valid for the call, and the child is ours.
    let waited = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    if waited < 0 {
        return None;
    }
    let ms = |t: libc::timeval| t.tv_sec as f64 * 1e3 + t.tv_usec as f64 / 1e3;
    Some(Took {
        wall: begin.elapsed().as_secs_f64() * 1e3,
        cpu: ms(usage.ru_utime) + ms(usage.ru_stime),
        memory: usage.ru_maxrss as f64 / 1024.0,
        good: status == 0,
    })
}

/// Medians of some runs; `None` when the first one fails.
pub fn median_of(runs: usize, mut command: impl FnMut() -> Command) -> Option<Took> {
    let first = run(&mut command()).filter(|t| t.good)?;
    let mut all = vec![first];
    all.extend((1..runs).filter_map(|_| run(&mut command())));
    let pick = |f: fn(&Took) -> f64| median(all.iter().map(f).collect());
    Some(Took { wall: pick(|t| t.wall), cpu: pick(|t| t.cpu), memory: pick(|t| t.memory), good: true })
}

/// A row's cells.
pub fn cells(took: Option<Took>) -> String {
    took.map_or("failed | | ".to_string(), |t| format!("{:.1} | {:.1} | {:.1}", t.wall, t.cpu, t.memory))
}

/// `btc compile` of a script.
pub fn btc(options: &Options, script: &Path) -> Command {
    let mut command = Command::new(&options.btc);
    command.args(["compile", "--unsafe", "-o", "/dev/null"]).arg(script);
    if let Some(btf) = &options.btf {
        command.args(["--btf", btf]);
    }
    command
}

/// bpftrace with these arguments, in its own root folder if it has one.
pub fn bpftrace(options: &Options, args: &[OsString]) -> Option<Command> {
    let mut command = Command::new(options.bpftrace.as_ref()?);
    command.args(args);
    if let Some(root) = options.chroot.clone() {
        // SAFETY: between fork and exec only two system calls are made, on memory made before.
        unsafe {
            command.pre_exec(move || {
                std::os::unix::fs::chroot(&root)?;
                std::env::set_current_dir("/")
            });
        }
    }
    Some(command)
}

/// bpftrace that compiles a script and does not attach. The text is given on the command
/// line, since its file may not lie in bpftrace's root folder.
pub fn bpftrace_compile(options: &Options, text: &str) -> Option<Command> {
    let args = ["--unsafe", "--mode", "codegen", "--emit-elf", "/tmp/btc-bench.elf", "-e", text];
    bpftrace(options, &args.map(OsString::from))
}

/// A table of all scripts.
pub fn scripts(options: &Options, scripts: &[PathBuf]) {
    println!("## Compiling as a process\n");
    println!("| script | wall ms | CPU ms | MiB | bpftrace: wall ms | CPU ms | MiB |\n|---|---|---|---|---|---|---|");
    for path in scripts {
        let ours = median_of(options.runs, || btc(options, path));
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let theirs = match bpftrace_compile(options, &text) {
            Some(_) => cells(median_of(options.runs, || {
                bpftrace_compile(options, &text).unwrap_or_else(|| Command::new("false"))
            })),
            None => "not there | | ".to_string(),
        };
        println!("| {} | {} | {theirs} |", name(path), cells(ours));
    }
    println!();
}

/// Hello, from text to exit.
pub fn hello(options: &Options) {
    const HELLO: &str = "BEGIN { printf(\"hello\\n\"); exit(); }";
    println!("## Hello, from text to exit\n\n| program | wall ms | CPU ms | MiB |\n|---|---|---|---|");
    if !options.run {
        println!("| not run: `--run` was not given | | | |\n");
        return;
    }
    let ours = median_of(options.runs, || {
        let mut command = Command::new(&options.btc);
        command.args(["-e", HELLO]);
        command
    });
    println!("| btc | {} |", cells(ours));
    if options.bpftrace.is_some() {
        let args = ["-e", HELLO].map(OsString::from);
        let theirs = median_of(options.runs, || bpftrace(options, &args).unwrap_or_else(|| Command::new("false")));
        println!("| bpftrace | {} |", cells(theirs));
    }
    println!();
}
