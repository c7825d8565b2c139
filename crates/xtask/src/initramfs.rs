//! An initramfs: the archive a kernel unpacks as its first root folder ("newc" cpio).

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::shell::{self, Failure, Result};

const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_777;

/// The archive so far.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    fn pad(&mut self) {
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
    }

    fn entry(&mut self, name: &str, mode: u32, contents: &[u8]) {
        self.entries += 1;
        let links = if mode == FOLDER { 2 } else { 1 };
        let size = contents.len() as u32;
        // Number, mode, owner, group, links, time, size, four device numbers, name, checksum.
        let fields = [self.entries, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name.len() as u32 + 1, 0];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(contents);
        self.pad();
    }

    /// An empty folder.
    pub fn folder(&mut self, name: &str) {
        self.entry(name, FOLDER, &[]);
    }

    /// A file.
    pub fn file(&mut self, name: &str, permissions: u32, contents: &[u8]) {
        self.entry(name, FILE | permissions, contents);
    }

    /// A folder of this machine with everything in it, under a name of its own.
    pub fn tree(&mut self, name: &str, source: &Path) -> Result<()> {
        self.folder(name);
        for path in shell::entries(source) {
            let base = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let inner = format!("{name}/{base}");
            if path.is_symlink() {
                let to = std::fs::read_link(&path).map_err(|e| Failure::new(format!("cannot read a link: {e}")))?;
                self.entry(&inner, LINK, to.to_string_lossy().as_bytes());
            } else if path.is_dir() {
                self.tree(&inner, &path)?;
            } else {
                let about = path.metadata().map_err(|e| Failure::new(format!("`{}`: {e}", path.display())))?;
                self.file(&inner, about.permissions().mode() & 0o777, &shell::read(&path)?);
            }
        }
        Ok(())
    }

    /// The finished archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }
}
