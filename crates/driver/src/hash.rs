//! Hashes of sources.

use sha2::{Digest, Sha256};

/// SHA-256 of a text.
pub fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
