//! How time and memory grow with the script.

use std::fmt::Write;

use crate::inside::{Kernel, median_of, programs};
use crate::options::Options;
use crate::process;

/// Makes one line of a script.
type Line = fn(usize) -> String;

/// Scripts of growing size, and one of many probes.
fn cases() -> Vec<(String, String)> {
    let mut all = Vec::new();
    let lines: [(&str, Line); 3] = [
        ("plain maps", |n| format!("@a{n} = {n};")),
        ("constant entries", |n| format!("@[{n}] = {n};")),
        ("entries", |n| format!("@[{n}] = nsecs;")),
    ];
    for (what, line) in lines {
        for count in [1, 10, 100, 1000, 10_000] {
            let mut text = "BEGIN {\n".to_string();
            (0..count).for_each(|n| text.push_str(&format!("  {}\n", line(n))));
            text.push_str("}\n");
            all.push((format!("{count} {what}"), text));
        }
    }
    for count in [10, 100, 500] {
        let mut text = String::new();
        for n in 0..count {
            let _ = writeln!(text, "tracepoint:syscalls:sys_enter_{} {{ @[{n}] = count(); }}", CALLS[n % CALLS.len()]);
        }
        all.push((format!("{count} probes"), text));
    }
    all
}

/// System calls that every kernel has.
const CALLS: [&str; 10] =
    ["read", "write", "close", "openat", "mmap", "munmap", "brk", "ioctl", "accept4", "connect"];

/// A table of all sizes, compiled by processes of their own.
pub fn processes(options: &Options) {
    println!("## Growth, as a process\n");
    println!("| script | wall ms | CPU ms | MiB | bpftrace: wall ms | CPU ms | MiB |\n|---|---|---|---|---|---|---|");
    let file = std::env::temp_dir().join(format!("btc-bench-{}.bt", std::process::id()));
    for (name, text) in cases() {
        let runs = if text.len() > 100_000 { 3 } else { options.runs };
        let ours = match std::fs::write(&file, &text) {
            Ok(()) => process::cells(process::median_of(runs, || process::btc(options, &file))),
            Err(e) => format!("{e} | | "),
        };
        // The kernel refuses longer arguments than this.
        let theirs = match process::bpftrace_compile(options, &text).filter(|_| text.len() < 128 * 1024) {
            Some(mut command) => process::cells(process::run(&mut command)),
            None => "not there | | ".to_string(),
        };
        println!("| {name} | {ours} | {theirs} |");
    }
    let _ = std::fs::remove_file(&file);
    println!();
}

/// The same, compiled in this process.
pub fn inside(options: &Options) {
    println!("## Growth, in this process\n\n| script | ms | instructions | object |\n|---|---|---|---|");
    let kernel = Kernel::new(options);
    for (name, text) in cases() {
        let runs = if text.len() > 100_000 { 3 } else { options.runs };
        let outcome = median_of(&kernel, &name, &text, runs);
        match outcome.object {
            Some(object) => {
                let instructions: usize = programs(&object).iter().sum();
                println!("| {name} | {:.1} | {instructions} | {} |", outcome.time, object.len());
            }
            None => {
                let first = outcome.messages.lines().next().unwrap_or_default();
                println!("| {name} | {:.1} | refused: {first} | |", outcome.time);
            }
        }
    }
    println!();
}
