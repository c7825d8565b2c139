//! What goes into a guest: the static programs, bpftool with its libraries, tests.

use std::path::{Path, PathBuf};

use crate::programs;
use crate::shell::{self, Result};

/// The shared libraries of a program, the loader among them.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let Ok(text) = shell::output("ldd", [program]) else { return Vec::new() };
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from);
    text.lines().filter_map(path).collect()
}

/// Puts a program of this machine into a payload, with the libraries it needs.
pub fn add_program(payload: &Path, program: &Path) -> Result<()> {
    let base = |path: &Path| path.file_name().map(PathBuf::from).unwrap_or_default();
    let place = payload.join("bin").join(base(program));
    if place != program {
        shell::copy(program, &place)?;
    }
    for library in libraries(program) {
        let place = payload.join("lib").join(base(&library));
        if !place.exists() {
            shell::copy(&library, &place)?;
        }
    }
    Ok(())
}

/// A new payload in this folder: `btc`, `btc-run` and bpftool.
pub fn fill(payload: &Path) -> Result<()> {
    shell::empty_folder(payload)?;
    shell::make_folder(&payload.join("bin"))?;
    shell::make_folder(&payload.join("lib"))?;
    let built = programs::for_guests()?;
    for name in ["btc", "btc-run"] {
        shell::copy(&built.join(name), &payload.join("bin").join(name))?;
    }
    if let Some(bpftool) = bpftool() {
        add_program(payload, &bpftool)?;
    }
    Ok(())
}

/// The machine's bpftool. Its name in the search path may be a script that looks for the one
/// of the running kernel, which a guest has no use for.
fn bpftool() -> Option<PathBuf> {
    let found = shell::which("bpftool")?;
    let real = std::fs::read(&found).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF"));
    real.then_some(found)
}

/// The payload of `cargo xtask guest`.
pub fn basic() -> Result<PathBuf> {
    let payload = shell::scratch()?.join("payload-basic");
    fill(&payload)?;
    Ok(payload)
}
