//! `cargo xtask static`: `btc` and `btc-run` with all they need inside, for any Linux of this
//! architecture.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archives;
use crate::shell::{self, Failure, Result};

fn target() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// Builds packages; yields the folder of the programs.
fn build(profile: &str, packages: &[&str]) -> Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(shell::root()).env("CARGO_TARGET_DIR", shell::target_folder());
    // libbpf-sys looks there for libelf and zlib, and for their headers.
    let archives = archives::ensure()?;
    let headers = archives.include.map(|folder| format!("-I{}", folder.display()));
    cargo.env("LIBBPF_SYS_LIBRARY_PATH", archives.folder).env("LIBBPF_SYS_EXTRA_CFLAGS", headers.join(" "));
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
    cargo.args(["build", "--quiet", "--profile", profile, "--target", &target()]);
    cargo.args(packages.iter().flat_map(|package| ["-p", package]));
    if packages.contains(&"btc") {
        cargo.args(["--features", "btc/static"]);
    }
    shell::perform(&mut cargo)?;
    Ok(shell::target_folder().join(target()).join(profile))
}

/// Builds both programs for the guests: less optimised than a release, sooner done.
pub fn for_guests() -> Result<PathBuf> {
    build("guest", &["btc", "btc-runtime"])
}

/// Compiles a small C program: without shared libraries, or with the C library of this machine.
pub fn compile_c(source: &Path, into: &Path, shared: bool) -> Result<()> {
    let mut command = Command::new("cc");
    // Frame pointers: the kernel walks user stacks by them.
    command.args(["-O1", "-g", "-fno-omit-frame-pointer", "-fno-inline", "-fno-optimize-sibling-calls"]);
    command.args(["-fno-pie", "-no-pie"]);
    if !shared {
        command.arg("-static");
    }
    shell::perform(command.arg("-o").arg(into).arg(source))
}

/// The task.
pub fn run(args: &[String]) -> Result<u8> {
    let programs = match args {
        [] => ["btc", "btc-run"].map(|name| for_guests().map(|folder| folder.join(name))),
        // Whole fleets get the runtime: size counts. The compiler is to be quick.
        [one] if one == "--release" => [
            build("release", &["btc"]).map(|folder| folder.join("btc")),
            build("small", &["btc-runtime"]).map(|folder| folder.join("btc-run")),
        ],
        _ => return Err(Failure::new("usage: cargo xtask static [--release]")),
    };
    for path in programs {
        let path = path?;
        let size = path.metadata().map_or(0, |m| m.len());
        println!("{} ({} KiB)", path.display(), size / 1024);
    }
    Ok(0)
}
