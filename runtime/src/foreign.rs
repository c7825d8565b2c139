//! Files that others own: the one place where they are opened.
//!
//! The tracer runs as root and looks at what processes of others have mapped, named and written. A name may be a pipe that
//! nobody writes to, a device, a link to a file of the kernel's that waits, or a file that seems endless. So a file is
//! looked at before anything is done to it, by a descriptor that cannot be made another one's (`O_PATH`), and what is read
//! of it has a limit. A test of the house rules keeps others from opening files.

use std::cell::Cell;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use object::{ReadCache, ReadRef};

use crate::error::last_os;
use crate::inputs;

/// Most bytes that are read of one binary to know its headers, symbols and notes; those that hold more have it elsewhere.
const MOST_OF_BINARY: u64 = 512 << 20;
/// Most bytes of a file of `/proc/PID`. A process may have 65,530 mappings by default.
const MOST_OF_PROC: u64 = 64 << 20;
/// Longest line that is looked at.
const MOST_OF_LINE: u64 = 8192;

/// File systems whose files are the kernel's words and levers (`include/uapi/linux/magic.h`).
const OF_KERNEL: [u32; 16] = [
    0x0000_9fa0, // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0xcafe_4a11, // bpf
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x7363_6673, // securityfs
    0x6265_6570, // configfs
    0x6165_676c, // pstore
    0xde5e_81e4, // efivarfs
    0x4249_4e4d, // binfmt_misc
    0xf97c_ff8c, // selinuxfs
    0x4341_5d53, // smackfs
    0x0000_0187, // autofs
    0x1980_0202, // mqueue
];

/// Whether a link in the last part of a path is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    Followed,
    Refused,
}

/// Opens a plain file to read it.
///
/// # Errors
/// When there is none, or another thing than a plain file of a file system that keeps data.
pub(crate) fn open(path: impl AsRef<Path>) -> Result<File> {
    looked_at(path.as_ref(), Links::Followed, |_| true)
}

/// The same for one that must belong to this user or root, and be no link: anybody may put files into a common folder.
pub(crate) fn open_of_user(path: &Path, user: u32) -> Result<File> {
    looked_at(path, Links::Refused, |file| file.uid() == user || file.uid() == 0)
}

fn looked_at(path: &Path, links: Links, belongs: impl Fn(&Metadata) -> bool) -> Result<File> {
    // To open a pipe may wait, and to open a device may do things; this does neither.
    let no_follow = if links == Links::Refused { libc::O_NOFOLLOW } else { 0 };
    let place = OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_CLOEXEC | no_follow).open(path)?;
    let metadata = place.metadata()?;
    if !metadata.is_file() || is_of_kernel(&place)? {
        return Err(Error::new(ErrorKind::InvalidInput, "it is no plain file"));
    }
    if !belongs(&metadata) {
        return Err(Error::new(ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    // The very same file. Its owner may hold a lease on it, for which others wait unless they say not to.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    OpenOptions::new().read(true).custom_flags(flags).open(format!("/proc/self/fd/{}", place.as_raw_fd()))
}

fn is_of_kernel(file: &File) -> Result<bool> {
    // SAFETY: plain data for which zeros are valid.
    let mut system: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: a live descriptor and a writable structure.
    if unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut system) } != 0 {
        return Err(last_os());
    }
    Ok(OF_KERNEL.contains(&(system.f_type as u32)))
}

/// The user that a process runs as.
pub(crate) fn owner(pid: u32) -> Option<u32> {
    std::fs::metadata(format!("/proc/{pid}")).ok().map(|m| m.uid())
}

/// A binary to be read in parts.
pub(crate) struct Binary {
    cache: ReadCache<File>,
    length: u64,
    left: Cell<u64>,
}

/// Opens a binary, of which only what is asked for is read. What is probed is no place for output.
pub(crate) fn binary(path: impl AsRef<Path>) -> Result<Binary> {
    let file = open(path)?;
    inputs::note_open(&file.metadata()?);
    Binary::new(file)
}

impl Binary {
    /// A binary that is open.
    pub(crate) fn new(file: File) -> Result<Binary> {
        let length = file.metadata()?.len();
        Ok(Binary { cache: ReadCache::new(file), length, left: Cell::new(MOST_OF_BINARY) })
    }

    /// Its length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    fn take(&self, bytes: u64) -> std::result::Result<(), ()> {
        self.left.set(self.left.get().checked_sub(bytes).ok_or(())?);
        Ok(())
    }
}

impl<'a> ReadRef<'a> for &'a Binary {
    fn len(self) -> std::result::Result<u64, ()> {
        Ok(self.length)
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> std::result::Result<&'a [u8], ()> {
        // What lies beyond the end costs nothing: headers may claim anything.
        if offset.checked_add(size).is_none_or(|end| end > self.length) {
            return Err(());
        }
        self.take(size)?;
        (&self.cache).read_bytes_at(offset, size)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> std::result::Result<&'a [u8], ()> {
        let text = (&self.cache).read_bytes_at_until(range, delimiter)?;
        self.take(text.len() as u64)?;
        Ok(text)
    }
}

/// A line of a file, without its end.
pub(crate) struct Line<'a> {
    /// Its bytes, the first ones of a long one.
    pub bytes: &'a [u8],
    /// Whether it is longer than what is looked at.
    pub is_cut: bool,
}

/// Calls `take` for each line of a file of `/proc/PID`, but for those that are too long; a process that is gone has none.
pub(crate) fn proc_lines(pid: u32, name: &str, mut take: impl FnMut(&str)) {
    let Ok(file) = File::open(format!("/proc/{pid}/{name}")) else { return };
    lines(&mut BufReader::with_capacity(1 << 16, file.take(MOST_OF_PROC)), |line| {
        if !line.is_cut {
            take(&String::from_utf8_lossy(line.bytes));
        }
        true
    });
}

/// A small file of `/proc/PID`.
pub(crate) fn proc_bytes(pid: u32, name: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(format!("/proc/{pid}/{name}")).ok()?.take(1 << 16).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Calls `take` for each line until it wants no more. A last one without an end is left out, for it may still be written;
/// yields the bytes before it.
pub(crate) fn lines(input: &mut impl BufRead, mut take: impl FnMut(Line) -> bool) -> u64 {
    let mut line = Vec::new();
    let mut read = 0;
    loop {
        line.clear();
        let Ok(length) = input.by_ref().take(MOST_OF_LINE).read_until(b'\n', &mut line) else { return read };
        let mut length = length as u64;
        let is_whole = line.pop_if(|last| *last == b'\n').is_some();
        if !is_whole && length < MOST_OF_LINE {
            return read;
        }
        if !is_whole {
            match skip_line(input) {
                Some(rest) => length += rest,
                None => return read,
            }
        }
        read += length;
        if !take(Line { bytes: &line, is_cut: !is_whole }) {
            return read;
        }
    }
}

/// Goes behind the end of a line; `None` when it has none.
fn skip_line(input: &mut impl BufRead) -> Option<u64> {
    let mut skipped = 0;
    loop {
        let piece = input.fill_buf().ok().filter(|piece| !piece.is_empty())?;
        let end = piece.iter().position(|b| *b == b'\n').map(|at| at + 1);
        let length = end.unwrap_or(piece.len());
        input.consume(length);
        skipped += length as u64;
        if end.is_some() {
            return Some(skipped);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    fn folder(test: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("btc-foreign-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// A pipe that nobody writes to.
    pub(crate) fn pipe(path: &Path) {
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: a NUL-terminated name.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    }

    #[test]
    fn only_plain_files_are_opened() {
        let folder = folder("plain");
        pipe(&folder.join("pipe"));
        symlink("pipe", folder.join("link")).unwrap();
        std::fs::write(folder.join("plain"), "text").unwrap();
        symlink("plain", folder.join("good")).unwrap();
        let start = std::time::Instant::now();
        for name in ["pipe", "link", ".", "missing"] {
            assert!(open(folder.join(name)).is_err(), "{name}");
        }
        for path in ["/dev/zero", "/dev/null", "/proc/self/maps", "/proc/kallsyms", "/sys/kernel/btf/vmlinux", "/proc/self/fd"] {
            assert!(open(path).is_err(), "{path}");
        }
        assert!(open("/sys/kernel/tracing/trace_pipe").is_err());
        assert!(start.elapsed().as_secs() < 1);
        assert!(open(folder.join("plain")).is_ok() && open(folder.join("good")).is_ok());
        assert!(open("/proc/self/exe").is_ok(), "the file behind the link is a plain one");
        let user = std::fs::metadata(&folder).unwrap().uid();
        assert!(open_of_user(&folder.join("plain"), user).is_ok());
        assert!(open_of_user(&folder.join("good"), user).is_err(), "a link");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn files_of_other_users_are_told_apart() {
        // SAFETY: geteuid has no preconditions.
        if unsafe { libc::geteuid() } != 0 {
            return println!("skipped: not root");
        }
        let folder = folder("owner");
        let path = folder.join("map");
        std::fs::write(&path, "text").unwrap();
        assert!(open_of_user(&path, 1234).is_ok(), "root's is anybody's");
        std::os::unix::fs::chown(&path, Some(1234), None).unwrap();
        assert!(open_of_user(&path, 1234).is_ok() && open_of_user(&path, 1235).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn no_more_than_the_limit_is_read_of_a_binary() {
        let folder = folder("budget");
        let file = File::create(folder.join("big")).unwrap();
        file.set_len(4 << 30).unwrap();
        let binary = binary(folder.join("big")).unwrap();
        assert!((&binary).read_bytes_at(0, MOST_OF_BINARY + 1).is_err());
        assert!((&binary).read_bytes_at(4 << 30, 1).is_err() && (&binary).read_bytes_at(u64::MAX, 2).is_err());
        binary.left.set(1000);
        for n in 0..10 {
            assert!((&binary).read_bytes_at(n, 100).is_ok());
        }
        assert!((&binary).read_bytes_at(0, 1).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn long_lines_are_cut_and_one_without_end_is_left_out() {
        let long = "x".repeat(3 * MOST_OF_LINE as usize);
        let text = format!("one\n{long}\ntwo\n\nunfinished");
        let mut seen = Vec::new();
        let read = lines(&mut text.as_bytes(), |line| {
            seen.push((String::from_utf8(line.bytes.to_vec()).unwrap(), line.is_cut));
            true
        });
        let whole = |text: &str| (text.to_string(), false);
        assert_eq!(seen, [whole("one"), (long[..MOST_OF_LINE as usize].to_string(), true), whole("two"), whole("")]);
        assert_eq!(read as usize, text.len() - "unfinished".len());
        let exact = format!("{}\nlast\n", "y".repeat(MOST_OF_LINE as usize - 1));
        assert_eq!(lines(&mut exact.as_bytes(), |line| !line.is_cut) as usize, exact.len());
        assert_eq!(lines(&mut long.as_bytes(), |_| panic!("no line")), 0);
    }

    #[test]
    fn processes_tell_of_themselves() {
        let mut found = false;
        proc_lines(std::process::id(), "maps", |line| found |= line.contains("[vdso]") || line.contains("[stack]"));
        assert!(found && proc_bytes(std::process::id(), "auxv").is_some_and(|b| !b.is_empty()));
        proc_lines(u32::MAX, "maps", |_| panic!("nobody"));
    }
}
