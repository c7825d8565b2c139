//! Files that processes have mapped, each known by device and inode.
//!
//! A path means one thing in a container and another outside, and a file may be deleted or
//! replaced while its code still runs. What this process sees under the same path is used by
//! path; of anything else a descriptor is kept from the moment it is seen first.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSegment};

use crate::foreign;

/// Device and inode of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub major: u32,
    pub minor: u32,
    pub inode: u64,
}

impl From<&fs::Metadata> for Identity {
    fn from(metadata: &fs::Metadata) -> Identity {
        let device = metadata.dev();
        Identity { major: libc::major(device), minor: libc::minor(device), inode: metadata.ino() }
    }
}

/// Where a file was seen.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub pid: u32,
    pub start: u64,
    pub end: u64,
    pub name: &'a str,
}

/// How to get at a file.
enum Access {
    Path,
    Held(File),
    /// It was gone before it could be looked at.
    Lost,
}

struct Known {
    identity: Identity,
    name: String,
    /// Who had it last, and where.
    seen: (u32, u64, u64),
    access: Access,
    /// What its headers say, once somebody asked.
    elf: Option<Option<Elf>>,
}

/// What is needed of a file's headers.
struct Elf {
    build_id: Option<Vec<u8>>,
    /// Address, offset and size of each segment.
    segments: Vec<(u64, u64, u64)>,
}

/// The files, numbered.
#[derive(Default)]
pub(super) struct Files {
    all: Vec<Known>,
    numbers: HashMap<Identity, usize>,
}

fn is(identity: Identity, path: &str) -> bool {
    fs::metadata(path).is_ok_and(|m| Identity::from(&m) == identity)
}

fn find(identity: Identity, sight: &Sight<'_>) -> Access {
    if is(identity, sight.name) {
        return Access::Path;
    }
    let Sight { pid, start, end, name } = sight;
    let inside = format!("/proc/{pid}/root{name}");
    let path = if is(identity, &inside) { inside } else { format!("/proc/{pid}/map_files/{start:x}-{end:x}") };
    foreign::open(&path).map_or(Access::Lost, Access::Held)
}

impl Files {
    /// The number of a file, which is looked at when it is new.
    pub(super) fn number(&mut self, identity: Identity, sight: &Sight<'_>) -> usize {
        if let Some(number) = self.numbers.get(&identity) {
            let known = &mut self.all[*number];
            known.seen = (sight.pid, sight.start, sight.end);
            if matches!(known.access, Access::Lost) {
                known.access = find(identity, sight);
            }
            return *number;
        }
        let number = self.all.len();
        let seen = (sight.pid, sight.start, sight.end);
        let access = find(identity, sight);
        self.all.push(Known { identity, name: sight.name.to_string(), seen, access, elf: None });
        self.numbers.insert(identity, number);
        number
    }

    /// The file's name, as the process had it.
    pub(super) fn name(&self, number: usize) -> String {
        self.all[number].name.clone()
    }

    /// A path under which the file can be opened, by this process and its children. It is the same one each time, but after the
    /// file was deleted or replaced while a process had it.
    pub(super) fn path(&mut self, number: usize) -> Option<PathBuf> {
        let known = &mut self.all[number];
        if matches!(known.access, Access::Path) && !is(known.identity, &known.name) {
            let (pid, start, end) = known.seen;
            known.access = find(known.identity, &Sight { pid, start, end, name: &known.name });
        }
        match &known.access {
            Access::Path => Some(known.name.clone().into()),
            Access::Held(file) => Some(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into()),
            Access::Lost => None,
        }
    }

    fn elf(&mut self, number: usize) -> Option<&Elf> {
        if self.all[number].elf.is_none() {
            let elf = self.path(number).and_then(|path| Elf::read(&path));
            self.all[number].elf = Some(elf);
        }
        self.all[number].elf.as_ref()?.as_ref()
    }

    /// The build id.
    pub(super) fn build_id(&mut self, number: usize) -> Option<&[u8]> {
        self.elf(number)?.build_id.as_deref()
    }

    /// The address that the file's own tables have for what is at an offset in it.
    pub(super) fn address(&mut self, number: usize, offset: u64) -> Option<u64> {
        let holds = |(_, start, size): &&(u64, u64, u64)| offset >= *start && offset - start < *size;
        let (address, start, _) = self.elf(number)?.segments.iter().find(holds)?;
        Some(address + (offset - start))
    }

    /// The separate debug file that lies under the build id in one of the folders.
    pub(super) fn debug_file(&mut self, number: usize, folders: &[PathBuf]) -> Option<PathBuf> {
        let (first, rest) = self.build_id(number)?.split_first()?;
        let rest: String = rest.iter().map(|b| format!("{b:02x}")).collect();
        let name = format!(".build-id/{first:02x}/{rest}.debug");
        folders.iter().map(|folder| folder.join(&name)).find(|path| path.is_file())
    }
}

impl Elf {
    fn read(path: &Path) -> Option<Elf> {
        let binary = foreign::binary(path).ok()?;
        let file = object::File::parse(&binary).ok()?;
        let segments = file.segments().map(|s| {
            let (offset, size) = s.file_range();
            (s.address(), offset, size)
        });
        Some(Elf { build_id: file.build_id().ok().flatten().map(<[u8]>::to_vec), segments: segments.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(files: &mut Files, path: &Path) -> usize {
        let identity = Identity::from(&fs::metadata(path).unwrap());
        files.number(identity, &Sight { pid: 0, start: 0, end: 0, name: path.to_str().unwrap() })
    }

    #[test]
    fn a_file_is_known_by_its_inode() {
        let own = std::env::current_exe().unwrap();
        let mut files = Files::default();
        let number = see(&mut files, &own);
        assert_eq!(see(&mut files, &own), number);
        assert_eq!(files.path(number), Some(own));
        let (start, offset, _) = files.elf(number).unwrap().segments[0];
        assert_eq!(files.address(number, offset + 1), Some(start + 1));
    }

    #[test]
    fn a_replaced_file_is_not_taken_for_the_old_one() {
        let path = std::env::temp_dir().join(format!("btc-files-{}", std::process::id()));
        fs::write(&path, "old").unwrap();
        let mut files = Files::default();
        let number = see(&mut files, &path);
        assert!(files.path(number).is_some());
        let newer = path.with_extension("new");
        fs::write(&newer, "new").unwrap();
        fs::rename(&newer, &path).unwrap();
        assert_eq!(files.path(number), None);
        fs::remove_file(&path).unwrap();
    }
}
