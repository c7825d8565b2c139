//! `cargo xtask demo`: the main job on a fresh machine, end to end.

use std::process::Command;

use crate::setup;
use crate::shell::{self, Failure, Result};
use crate::suite;

/// The script that is compiled and run.
const SCRIPT: &str = "testdata/demo/opens.bt";
/// What it traces: a program that opens a few files.
const CHILD: &str = "cat /etc/hostname";

/// The task: installs what is missing, builds, compiles a script to an object and runs that.
pub fn run(args: &[String]) -> Result<u8> {
    if !args.is_empty() {
        return Err(Failure::new("usage: cargo xtask demo"));
    }
    setup::ensure(false)?;
    let btc = suite::plain_build()?;
    let script = shell::root().join(SCRIPT);
    let object = shell::scratch()?.join("opens.o");
    println!("$ btc compile {SCRIPT} -o opens.o");
    shell::perform(Command::new(&btc).arg("compile").arg(&script).arg("-o").arg(&object))?;
    println!("$ btc run -c '{CHILD}' opens.o");
    if !shell::is_root() {
        println!("running it needs root: sudo {} run -c '{CHILD}' {}", btc.display(), object.display());
        return Ok(0);
    }
    mount_tracefs();
    // cargo sets a library path, which the child would search at length.
    let mut run = Command::new(&btc);
    shell::perform(run.args(["run", "-c", CHILD]).arg(&object).env_remove("LD_LIBRARY_PATH"))?;
    Ok(0)
}

/// Some machines start without it. A failure shows up in the run, with its remedy.
fn mount_tracefs() {
    let mounted = std::path::Path::new("/sys/kernel/tracing/events").exists();
    if !mounted {
        let _ = shell::succeeds(Command::new("mount").args(["-t", "tracefs", "tracefs", "/sys/kernel/tracing"]));
    }
}
