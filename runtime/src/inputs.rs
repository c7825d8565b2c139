//! Files that the user names as input, and which files were read: no output takes the place of an input.

use std::collections::BTreeSet;
use std::fs::{File, FileType, Metadata, OpenOptions, metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Bytes of a file at most. Scripts, headers, objects and types of kernels are much smaller.
pub const MOST_BYTES: u64 = 64 << 20;

/// What may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What the user names as input: a file, or a pipe such as `<(…)`.
    FileOrPipe,
    /// What is found by its name.
    File,
}

/// The bytes of a file: none without an end, and none that lets the reader wait.
///
/// # Errors
/// Why they cannot be read.
pub fn read(path: &Path, kind: Kind) -> Result<Vec<u8>, String> {
    let name = format!("`{}`", path.display());
    let failed = |e: std::io::Error| match e.kind() {
        ErrorKind::NotFound => format!("{name}: there is no such file"),
        _ => format!("{name} cannot be read: {e}"),
    };
    let found = metadata(path).map_err(failed)?.file_type();
    let file = if found.is_fifo() && kind == Kind::FileOrPipe {
        File::open(path).map_err(failed)?
    } else {
        // Asked before it is opened, for a device may do something then; and afterwards, for it may be another one by now.
        let open = || OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
        let opened = if found.is_file() { Some(open().map_err(failed)?) } else { None };
        let still = |file: &File| file.metadata().is_ok_and(|m| m.is_file());
        opened.filter(still).ok_or_else(|| format!("{name} is {}, and not a file", what(found)))?
    };
    note(path);
    all_of(file, &name)
}

/// The text of a file; see [`read`].
///
/// # Errors
/// Why there is none.
pub fn read_text(path: &Path, kind: Kind) -> Result<String, String> {
    String::from_utf8(read(path, kind)?).map_err(|_| format!("`{}` is no UTF-8 text", path.display()))
}

/// All of a stream of that name, which has an end.
///
/// # Errors
/// Why it cannot be read.
pub fn all_of(stream: impl Read, name: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    stream.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|e| format!("{name} cannot be read: {e}"))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("{name} is longer than {} MiB, and no more is read", MOST_BYTES >> 20));
    }
    Ok(bytes)
}

fn what(kind: FileType) -> &'static str {
    match kind {
        _ if kind.is_dir() => "a folder",
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

/// Files that were read, by device and number.
static READ: Mutex<BTreeSet<(u64, u64)>> = Mutex::new(BTreeSet::new());

/// Takes note of a file that is read.
pub fn note(path: &Path) {
    if let Ok(about) = metadata(path) {
        note_open(&about);
    }
}

/// The same for one that is open.
pub(crate) fn note_open(about: &Metadata) {
    READ.lock().unwrap_or_else(PoisonError::into_inner).insert((about.dev(), about.ino()));
}

/// Whether a path leads to a file that was read.
pub fn was_read(path: &Path) -> bool {
    let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    metadata(path).is_ok_and(|about| about.is_file() && read.contains(&(about.dev(), about.ino())))
}

/// Refuses a path for output that leads to what was read.
///
/// # Errors
/// When it does.
pub fn check_output(path: &Path) -> Result<(), String> {
    if was_read(path) {
        return Err(format!("`{}` was read for this: name another file for the output", path.display()));
    }
    Ok(())
}
