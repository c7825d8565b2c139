//! Control groups by id: the inode of their folder.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Context, le};
use crate::glob;

/// Folders looked at before giving up, so that a broken mount cannot hang the tracer.
const MAX_FOLDERS: usize = 100_000;

pub(super) fn path(ctx: &Context, pattern: &str, bytes: &[u8], out: &mut Vec<u8>) {
    let id = le(bytes, 0);
    let mut known = ctx.cgroups.borrow_mut();
    let text = known.entry((id, pattern.to_string())).or_insert_with(|| find(id, pattern));
    out.extend_from_slice(text.as_bytes());
}

fn find(id: u64, pattern: &str) -> String {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut found = Vec::new();
    for (name, root) in hierarchies(&mounts) {
        if !pattern.is_empty() && !glob::matches(pattern, &name) {
            continue;
        }
        let mut folders = vec![Path::new(&root).to_path_buf()];
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            seen += 1;
            let Ok(meta) = std::fs::symlink_metadata(&folder) else { continue };
            if meta.ino() == id {
                let below = folder.strip_prefix(&root).unwrap_or(&folder);
                found.push(format!("{name}:/{}", below.display()));
                break;
            }
            if seen > MAX_FOLDERS {
                break;
            }
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            folders.extend(entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()));
        }
    }
    found.join(",")
}

/// Name and mount point of each hierarchy.
fn hierarchies(mounts: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for line in mounts.lines() {
        let mut words = line.split(' ').skip(1);
        let (Some(place), Some(kind)) = (words.next(), words.next()) else { continue };
        match kind {
            "cgroup2" => all.push(("unified".to_string(), place.to_string())),
            "cgroup" => {
                let name = place.rsplit('/').next().unwrap_or_default();
                all.push((name.to_string(), place.to_string()));
            }
            _ => {}
        }
    }
    // Version 2 first, then by name.
    all.sort_by(|(a, _), (b, _)| (a != "unified", a).cmp(&(b != "unified", b)));
    all
}

/// Looks for control groups in a list of mounts, for the fuzzer.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_text(mounts: &str) {
    hierarchies(mounts);
}

#[cfg(test)]
mod tests {
    #[test]
    fn hierarchies_are_named() {
        let mounts = "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\ncpu /sys/fs/cgroup/cpu cgroup rw 0 0\n";
        let expected = [("unified", "/sys/fs/cgroup"), ("cpu", "/sys/fs/cgroup/cpu")];
        let expected: Vec<_> = expected.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        assert_eq!(super::hierarchies(mounts), expected);
    }
}
