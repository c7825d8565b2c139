//! A file for what is read by its path.

use std::path::PathBuf;
use std::sync::OnceLock;

/// Writes the bytes to this process's own file in memory, and yields its path.
///
/// # Panics
/// When there is no room for them.
pub fn file(bytes: &[u8]) -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let path = PATH.get_or_init(|| format!("/dev/shm/btc-fuzz-{}", std::process::id()).into());
    std::fs::write(path, bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    path
}
