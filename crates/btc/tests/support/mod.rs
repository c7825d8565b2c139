//! What kernel tests share.

use std::process::{Command, Output};

/// Why kernel tests cannot run here.
pub fn unfit() -> Option<&'static str> {
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        return Some("not root");
    }
    let events = std::path::Path::new("/sys/kernel/tracing/events/syscalls/sys_enter_getppid");
    if !events.exists() {
        // A fresh machine may not have it mounted yet.
        let _ = Command::new("mount").args(["-t", "tracefs", "tracefs", "/sys/kernel/tracing"]).output();
    }
    (!events.exists()).then_some("no syscall tracepoints")
}

/// Runs the command.
pub fn btc(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_btc")).args(args).output().expect("btc runs")
}
