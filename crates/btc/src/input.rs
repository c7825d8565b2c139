//! Files that the user names, and those that they name in turn.

use std::fs::metadata;
use std::path::Path;

pub use btc_runtime::inputs::{Kind, all_of, check_output, was_read};
use btc_runtime::inputs;

use crate::caller;

/// The bytes of a file, or why they cannot be read.
pub fn read(path: &Path, kind: Kind) -> Result<Vec<u8>, String> {
    caller::has_read(path);
    inputs::read(path, kind)
}

/// The text of a file.
pub fn read_text(path: &Path) -> Result<String, String> {
    caller::has_read(path);
    inputs::read_text(path, Kind::File)
}

/// Takes note of a file that is read elsewhere.
pub fn note(path: &Path) {
    caller::has_read(path);
    inputs::note(path);
}

/// Whether what a path leads to can be read to its end, as far as it leads anywhere.
pub fn is_file(path: &Path) -> bool {
    metadata(path).map_or(true, |meta| meta.is_file() && meta.len() <= inputs::MOST_BYTES)
}
