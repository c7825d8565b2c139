//! Who has called: under sudo, messages must not show what only root may read.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static READ_A_SECRET: AtomicBool = AtomicBool::new(false);

/// The user and group that called sudo, unless that was root.
fn caller() -> Option<(u32, u32)> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    let user = number("SUDO_UID").filter(|user| *user != 0)?;
    Some((user, number("SUDO_GID").unwrap_or(u32::MAX)))
}

/// Takes note of a file that was read.
pub fn has_read(path: &Path) {
    let Some(caller) = caller() else { return };
    let Ok(path) = path.canonicalize() else { return };
    let may = |path: &Path, bit: u32| fs::metadata(path).is_ok_and(|m| allows(&m, caller, bit));
    // To read a file one must get there.
    if !may(&path, 4) || !path.ancestors().skip(1).all(|folder| may(folder, 1)) {
        READ_A_SECRET.store(true, Relaxed);
    }
}

/// Whether the mode grants this (4 to read, 1 to pass). Of the caller's groups only the first is known.
fn allows(about: &Metadata, (user, group): (u32, u32), bit: u32) -> bool {
    let shift = if about.uid() == user {
        6
    } else if about.gid() == group {
        3
    } else {
        0
    };
    about.mode() >> shift & bit != 0
}

/// Whether something was read that the caller may not read.
pub fn read_a_secret() -> bool {
    READ_A_SECRET.load(Relaxed)
}
