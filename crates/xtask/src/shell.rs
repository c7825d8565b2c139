//! Files, folders and child processes, with failures that say what was being done.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a task stopped, in words.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure with this text.
    pub fn new(text: impl Into<String>) -> Failure {
        Failure(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What most of the tasks return.
pub type Result<T> = std::result::Result<T, Failure>;

/// The project's root folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Where cargo builds.
pub fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Where the tests keep what they make: `target/guest`.
pub fn scratch() -> Result<PathBuf> {
    let folder = target_folder().join("guest-work");
    make_folder(&folder)?;
    Ok(folder)
}

/// Creates a folder and those above it.
pub fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| Failure::new(format!("cannot create `{}`: {e}", path.display())))
}

/// A folder with nothing in it.
pub fn empty_folder(path: &Path) -> Result<()> {
    if path.exists() {
        fs::remove_dir_all(path).map_err(|e| Failure::new(format!("cannot remove `{}`: {e}", path.display())))?;
    }
    make_folder(path)
}

/// A file's bytes.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| Failure::new(format!("cannot read `{}`: {e}", path.display())))
}

/// A file's text; bytes that are no text are replaced.
pub fn read_text(path: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&read(path)?).into_owned())
}

/// Writes a file.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, bytes).map_err(|e| Failure::new(format!("cannot write `{}`: {e}", path.display())))
}

/// Copies a file with its permissions.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let done = fs::copy(from, to);
    done.map(drop).map_err(|e| Failure::new(format!("cannot copy `{}`: {e}", from.display())))
}

/// The files and folders in a folder, in order of name; none where there is no such folder.
pub fn entries(path: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(path).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = found.map(|entry| entry.path()).collect();
    all.sort();
    all
}

/// The first file below a folder whose name passes.
pub fn find(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
    let (files, folders): (Vec<_>, Vec<_>) = entries(folder).into_iter().partition(|path| !path.is_dir());
    let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    // Links to folders elsewhere are not followed: a package's own files are enough.
    let own = |path: &PathBuf| !path.is_symlink();
    files.into_iter().find(|f| wanted(&name(f))).or_else(|| folders.into_iter().filter(own).find_map(|f| find(&f, wanted)))
}

/// The program of this name in the search path, or where administrators' programs lie.
pub fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/sbin"]);
    folders.map(|folder| Path::new(folder).join(program)).find(|file| file.is_file())
}

/// Is this the superuser?
pub fn is_root() -> bool {
    output("id", ["-u"]).is_ok_and(|id| id.trim() == "0")
}

fn words(command: &Command) -> String {
    let all = std::iter::once(command.get_program()).chain(command.get_args());
    all.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs a command with this process's own input and output; fails where it fails.
pub fn perform(command: &mut Command) -> Result<()> {
    if succeeds(command)? { Ok(()) } else { Err(Failure::new(format!("failed: {}", words(command)))) }
}

/// Runs a command with this process's own input and output.
pub fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.status().map_err(|e| Failure::new(format!("cannot run `{}`: {e}", words(command))))?;
    Ok(status.success())
}

/// Runs a command quietly; its standard output.
pub fn output<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> Result<String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    let done = command.output().map_err(|e| Failure::new(format!("cannot run `{program}`: {e}")))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(Failure::new(format!("failed: {}\n{}", words(&command), said.trim_end())))
}
