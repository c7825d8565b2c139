//! `cargo xtask setup`: installs what the build and the tests need and is missing.

use std::path::Path;

use crate::apt;
use crate::shell::{self, Failure, Result};

/// Something that must be there, and the package that brings it.
struct Need {
    package: &'static str,
    /// A program, or a file as an absolute path.
    proof: &'static str,
}

const fn need(package: &'static str, proof: &'static str) -> Need {
    Need { package, proof }
}

/// For the build, and so for whoever only wants to run scripts.
const BUILD: &[Need] = &[
    need("gcc", "cc"),
    need("libc6-dev", "/usr/include/stdio.h"),
    need("make", "make"),
    need("pkg-config", "pkg-config"),
    need("libelf-dev", "/usr/include/libelf.h"),
    need("zlib1g-dev", "/usr/include/zlib.h"),
];

/// For the tests.
const TESTS: &[Need] = &[
    need("g++", "c++"),
    need("busybox-static", "busybox"),
    need("xz-utils", "xz"),
    need("zstd", "zstd"),
    need("lz4", "lz4"),
    need("bpftool", "bpftool"),
    need("llvm", "llvm-objdump"),
];

fn present(need: &Need) -> bool {
    if need.proof.starts_with('/') { Path::new(need.proof).exists() } else { shell::which(need.proof).is_some() }
}

/// The emulator's first version that runs guests without dying now and then.
const QEMU_MAJOR: u32 = 8;

fn qemu_version() -> Option<u32> {
    let text = shell::output("qemu-system-x86_64", ["--version"]).ok()?;
    text.split("version ").nth(1)?.split('.').next()?.parse().ok()
}

fn qemu_is_good() -> bool {
    qemu_version().is_some_and(|major| major >= QEMU_MAJOR)
}

/// A package manager's words for what is missing, where this program may not do it.
fn by_hand(packages: &[&str]) -> Failure {
    let all = packages.join(" ");
    if shell::which("apt-get").is_some() {
        return Failure::new(format!("missing: {all}; install them with\n  sudo apt-get install -y {all}"));
    }
    Failure::new(format!("missing: {all} (Debian's names); install them with your package manager"))
}

fn install_qemu() -> Result<()> {
    if !shell::is_root() || shell::which("apt-get").is_none() {
        return Err(by_hand(&["qemu-system-x86"]));
    }
    println!("setup: installing qemu-system-x86");
    let release = apt::release()?;
    let suites = [release.clone(), format!("{release}-updates"), format!("{release}-backports")];
    let folder = std::env::temp_dir().join(format!("btc-apt-{}", std::process::id()));
    let names: Vec<&str> = suites.iter().map(String::as_str).collect();
    let state = apt::State::new(&folder, &names, false)?;
    // A release without backports (the newest, unstable) has a QEMU that is new enough.
    if !state.has(&suites[2]) || state.install(&suites[2], &["qemu-system-x86"]).is_err() {
        apt::install(&["qemu-system-x86"])?;
    }
    if qemu_is_good() { Ok(()) } else { Err(Failure::new(format!("no QEMU {QEMU_MAJOR} or newer to be had"))) }
}

/// Installs what is missing; quiet when nothing is.
pub fn ensure(tests: bool) -> Result<()> {
    let wanted = BUILD.iter().chain(if tests { TESTS } else { &[] });
    let missing: Vec<&str> = wanted.filter(|n| !present(n)).map(|n| n.package).collect();
    if !missing.is_empty() {
        if !shell::is_root() || shell::which("apt-get").is_none() {
            return Err(by_hand(&missing));
        }
        println!("setup: installing {}", missing.join(" "));
        apt::install(&missing)?;
    }
    if tests && !qemu_is_good() {
        install_qemu()?;
    }
    Ok(())
}

/// The task.
pub fn run(args: &[String]) -> Result<u8> {
    let tests = match args {
        [] => true,
        [one] if one == "--run-only" => false,
        _ => return Err(Failure::new("usage: cargo xtask setup [--run-only]")),
    };
    ensure(tests)?;
    Ok(0)
}
