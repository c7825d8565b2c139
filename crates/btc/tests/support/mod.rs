//! What kernel tests share.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Why kernel tests cannot run here.
pub fn unfit() -> Option<&'static str> {
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        return Some("not root");
    }
    let events = Path::new("/sys/kernel/tracing/events/syscalls/sys_enter_getppid");
    if !events.exists() {
        // A fresh machine may not have it mounted yet.
        let _ = Command::new("mount").args(["-t", "tracefs", "tracefs", "/sys/kernel/tracing"]).output();
    }
    (!events.exists()).then_some("no syscall tracepoints")
}

/// The same for those that ask the kernel what is loaded.
pub fn unfit_to_look() -> Option<&'static str> {
    let missing = || Command::new("bpftool").arg("version").output().is_err().then_some("no bpftool");
    unfit().or_else(missing)
}

/// Runs the command.
pub fn btc(args: &[&str]) -> Output {
    tracer(args).output().expect("btc runs")
}

/// The command, to be started.
pub fn tracer(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_btc"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Compiles a C program of `testdata`; one copy for each test, as they run at the same time.
pub fn program(source: &str, name: &str) -> PathBuf {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(source);
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let built = Command::new("cc").args(["-O2", "-o"]).arg(&program).arg(source).status();
    assert!(built.is_ok_and(|s| s.success()), "cc builds the program");
    program
}

/// A load of so many system calls, so many a second, as a command line; 0 is as fast as it goes.
pub fn load(name: &str, count: u64, rate: u64) -> String {
    format!("{} {count} {rate}", program("kernel/syscalls.c", name).display())
}

/// What a pipe gave, as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Records told as lost.
pub fn lost(messages: &str) -> u64 {
    let number = |line: &str| line.split(" record").next()?.split_whitespace().last()?.parse::<u64>().ok();
    messages.lines().filter(|l| l.contains("lost ")).filter_map(number).sum()
}
