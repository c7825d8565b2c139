//! Files that the user names, and those that they name in turn: none without an end, and none that lets the reader wait.

use std::fs::{File, OpenOptions, metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::caller;

/// Bytes of a file at most. Scripts, headers and types of kernels are much smaller.
const MAX_BYTES: u64 = 64 << 20;

/// What may be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What the user names as input: a file, or a pipe such as `<(…)`.
    FileOrPipe,
    /// What is found by its name.
    File,
}

/// The bytes of a file, or why they cannot be read.
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

/// Files that were read, by device and number.
static READ: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());

/// Takes note of a file that is read.
pub fn note(path: &Path) {
    caller::has_read(path);
    if let Ok(about) = metadata(path) {
        READ.lock().unwrap_or_else(PoisonError::into_inner).push((about.dev(), about.ino()));
    }
}

/// Whether a path leads to a file that was read.
pub fn was_read(path: &str) -> bool {
    let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    metadata(path).is_ok_and(|about| about.is_file() && read.contains(&(about.dev(), about.ino())))
}

/// The text of a file; see [`read`].
pub fn read_text(path: &Path) -> Result<String, String> {
    String::from_utf8(read(path, Kind::File)?).map_err(|_| format!("`{}` is no UTF-8 text", path.display()))
}

/// Whether what a path leads to can be read to its end, as far as it leads anywhere.
pub fn is_file(path: &Path) -> bool {
    metadata(path).map_or(true, |meta| meta.is_file() && meta.len() <= MAX_BYTES)
}

/// All of a stream of that name, which has an end.
pub fn all_of(stream: impl Read, name: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    stream.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| format!("{name} cannot be read: {e}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("{name} is longer than {} MiB, and no more is read", MAX_BYTES >> 20));
    }
    Ok(bytes)
}

fn what(kind: std::fs::FileType) -> &'static str {
    match kind {
        _ if kind.is_dir() => "a folder",
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    }
}
