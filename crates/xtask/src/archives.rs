//! libelf and zlib for static programs, compiled from the sources that the crate `libbpf-sys`
//! carries.
//!
//! A distribution's own archives are of no use: its `libelf.a` may want further libraries
//! (zstd, and parts of elfutils that no package brings), and there is none for another
//! machine. The crate's own way of building them needs autotools, flex, bison and gawk; the
//! files themselves need a C compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{self, Failure, Result};

/// What elfutils' `configure` would write.
const CONFIG: &str = include_str!("elfutils_config.h");

/// Both archives, and the headers that belong to them.
pub struct Archives {
    /// Holds `libelf.a` and `libz.a`.
    pub folder: PathBuf,
    /// For the compiler, to find `libelf.h`, `gelf.h` and `zlib.h`.
    pub include: [PathBuf; 2],
}

/// The folder of `libbpf-sys`, fetched where it is missing.
fn sources() -> Result<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_string());
    let manifest = shell::root().join("Cargo.toml").display().to_string();
    let text = shell::output(&cargo, ["metadata", "--format-version=1", "--manifest-path", &manifest])?;
    let place = regex_lite::Regex::new(r#""manifest_path":"([^"]*/libbpf-sys[^"/]*)/Cargo\.toml""#);
    let place = place.map_err(|e| Failure::new(e.to_string()))?;
    let found = place.captures(&text).map(|c| PathBuf::from(&c[1]));
    found.ok_or_else(|| Failure::new("cargo metadata names no package libbpf-sys"))
}

/// Compiles all C files of a folder into an archive.
fn archive(name: &str, files: &Path, flags: &[String], into: &Path) -> Result<()> {
    let work = into.join(name);
    shell::empty_folder(&work)?;
    shell::write(&work.join("config.h"), CONFIG)?;
    let sources = shell::entries(files).into_iter().filter(|f| f.extension().is_some_and(|e| e == "c"));
    // Position independent: a program may be linked either way.
    let mut compiler = Command::new("cc");
    compiler.current_dir(&work).args(["-c", "-O2", "-fPIC", "-w"]).args(flags).args(sources);
    shell::perform(&mut compiler)?;
    let objects = shell::entries(&work).into_iter().filter(|f| f.extension().is_some_and(|e| e == "o"));
    shell::perform(Command::new("ar").arg("rcs").arg(into.join(format!("lib{name}.a"))).args(objects))?;
    let _ = std::fs::remove_dir_all(&work);
    Ok(())
}

/// Builds both, where that has not been done.
pub fn ensure() -> Result<Archives> {
    let sources = sources()?;
    let (libelf, zlib) = (sources.join("elfutils/libelf"), sources.join("zlib"));
    let include = |folder: &Path| format!("-I{}", folder.display());
    // Named for the sources' release, so that others are never taken for them.
    let release = sources.file_name().unwrap_or_default();
    let folder = shell::target_folder().join("archives").join(release);
    let built = Archives { folder: folder.clone(), include: [libelf.clone(), zlib.clone()] };
    if folder.exists() {
        return Ok(built);
    }
    // Built beside its place, so that half of it is nothing.
    let partial = folder.with_file_name(".new");
    shell::empty_folder(&partial)?;
    let flags = ["-DHAVE_CONFIG_H", "-I."].map(str::to_string).into_iter();
    let folders = [sources.join("elfutils/lib"), libelf.clone(), zlib.clone()];
    let flags: Vec<String> = flags.chain(folders.iter().map(|f| include(f))).collect();
    archive("elf", &libelf, &flags, &partial)?;
    archive("z", &zlib, &["-D_LARGEFILE64_SOURCE=1".to_string()], &partial)?;
    std::fs::rename(&partial, &folder).map_err(|e| Failure::new(format!("cannot move the archives: {e}")))?;
    Ok(built)
}
