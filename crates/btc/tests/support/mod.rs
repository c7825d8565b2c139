//! What kernel tests share.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::fs::File;
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
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

/// Both ends of a terminal.
fn terminal() -> (File, OwnedFd) {
    let (mut ours, mut its) = (0, 0);
    let none = std::ptr::null_mut();
    // SAFETY: room for two descriptors; name, modes and size are left to the system.
    let made = unsafe { libc::openpty(&raw mut ours, &raw mut its, none, none.cast(), none.cast()) };
    assert_eq!(made, 0, "a terminal");
    // SAFETY: both descriptors are new and nobody else's.
    unsafe { (File::from_raw_fd(ours), OwnedFd::from_raw_fd(its)) }
}

/// What a run writes to a terminal, results and messages.
pub fn on_terminal(args: &[&str]) -> Vec<u8> {
    let (mut ours, its) = terminal();
    let errors = Stdio::from(its.try_clone().expect("a copy"));
    // The command is gone with its copies of the other end once it has started.
    let mut run = Command::new("timeout")
        .args(["-s", "KILL", "60", env!("CARGO_BIN_EXE_btc")])
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::from(its))
        .stderr(errors)
        .spawn()
        .expect("btc runs");
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    // Its end, when nobody holds the other one, is an error.
    while let Ok(length @ 1..) = ours.read(&mut piece) {
        all.extend_from_slice(&piece[..length]);
    }
    run.wait().expect("it ends");
    all
}
