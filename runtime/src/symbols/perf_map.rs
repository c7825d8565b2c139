//! Symbols that JITs write for profilers: `/tmp/perf-PID.map`, one function a line.
//!
//! Anybody may write such a file: it counts if it belongs to the process's user or to root, and no more is read of it than
//! [`Limits`] say. It grows while it is read: what was read is not read again.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::Found;
use crate::foreign::{self, Line};

/// What is taken of perf maps at most.
#[derive(Clone, Copy)]
struct Limits {
    /// Bytes of one file.
    bytes: u64,
    /// Functions of one file.
    functions: usize,
    /// Bytes of all that is kept; with more of it, all is forgotten and read anew where it is asked for.
    kept: usize,
    /// How often a file is read from its start.
    starts: u32,
}

const LIMITS: Limits = Limits { bytes: 64 << 20, functions: 1 << 20, kept: 256 << 20, starts: 16 };

struct Function {
    start: u64,
    size: u64,
    /// Where the name begins, and its length.
    name: (u32, u32),
}

/// The functions of one process, sorted by address.
#[derive(Default)]
struct PerfMap {
    /// Device and inode of the file.
    file: (u64, u64),
    /// Bytes that it had, and bytes that were read of it.
    length: u64,
    read: u64,
    starts: u32,
    /// Whether the user knows that not all was read.
    is_told: bool,
    names: String,
    functions: Vec<Function>,
}

impl PerfMap {
    /// Takes in a line: `7f00aa10 1c name`, the name to its end; one that is cut tells so.
    fn add(&mut self, line: &Line) {
        let is_cut = line.is_cut;
        let line = String::from_utf8_lossy(line.bytes);
        let mut words = line.trim_end().splitn(3, ' ');
        let number = |w: Option<&str>| u64::from_str_radix(w?.trim_start_matches("0x"), 16).ok();
        if let (Some(start), Some(size), Some(name)) = (number(words.next()), number(words.next()), words.next()) {
            let at = self.names.len();
            self.names.push_str(name);
            self.names.push_str(if is_cut { "…" } else { "" });
            self.functions.push(Function { start, size, name: (at as u32, (self.names.len() - at) as u32) });
        }
    }

    /// Reads what is new in a file; tells whether that is all.
    fn read(&mut self, mut file: File, limits: Limits) -> bool {
        let Ok(metadata) = file.metadata() else { return true };
        let identity = (metadata.dev(), metadata.ino());
        if identity != self.file || metadata.len() < self.length {
            if self.starts == limits.starts {
                return true;
            }
            *self = PerfMap { file: identity, starts: self.starts + 1, is_told: self.is_told, ..PerfMap::default() };
        }
        self.length = metadata.len();
        if file.seek(SeekFrom::Start(self.read)).is_err() {
            return true;
        }
        let room = limits.bytes.saturating_sub(self.read);
        let mut input = BufReader::with_capacity(1 << 16, file.take(room));
        self.read += foreign::lines(&mut input, |line| {
            self.add(&line);
            self.functions.len() < limits.functions
        });
        // Code may be thrown away and its place used again: the last line counts.
        self.functions.sort_by_key(|f| f.start);
        self.length <= limits.bytes && self.functions.len() < limits.functions
    }

    fn find(&self, address: u64) -> Option<Found> {
        let end = self.functions.partition_point(|f| f.start <= address);
        let function = self.functions.get(end.checked_sub(1)?)?;
        let offset = address - function.start;
        if offset >= function.size.max(1) {
            return None;
        }
        let (start, length) = (function.name.0 as usize, function.name.1 as usize);
        let name = self.names.get(start..start + length)?;
        Some(Found { name: name.to_string(), offset, ..Found::default() })
    }

    fn bytes(&self) -> usize {
        self.names.capacity() + self.functions.capacity() * size_of::<Function>()
    }
}

/// Perf maps by process.
#[derive(Default)]
pub(super) struct PerfMaps {
    processes: HashMap<u32, PerfMap>,
    /// The users that processes had when they were seen last.
    users: HashMap<u32, u32>,
}

impl PerfMaps {
    /// Remembers who a process belongs to.
    pub(super) fn meet(&mut self, pid: u32) {
        if let Some(user) = foreign::owner(pid) {
            self.users.insert(pid, user);
        }
    }

    /// The function that a JIT has put at an address.
    pub(super) fn find(&mut self, pid: u32, address: u64) -> Option<Found> {
        if let Some(found) = self.processes.get(&pid).and_then(|map| map.find(address)) {
            return Some(found);
        }
        self.meet(pid);
        // Of a process that nobody has seen, only root's file can be trusted.
        let user = self.users.get(&pid).copied().unwrap_or(0);
        let (path, file) = open(pid, user)?;
        let length = file.metadata().ok()?.len();
        let map = self.processes.entry(pid).or_default();
        // Files of JITs only grow.
        if map.starts > 0 && map.length == length {
            return None;
        }
        if !map.read(file, LIMITS) && !std::mem::replace(&mut map.is_told, true) {
            say!(
                "WARNING: of `{}` only the first {} MiB and {} functions are read",
                path.display(),
                LIMITS.bytes >> 20,
                LIMITS.functions
            );
        }
        let found = map.find(address);
        if self.processes.values().map(PerfMap::bytes).sum::<usize>() > LIMITS.kept {
            self.processes.clear();
        }
        found
    }
}

/// The file. It is named after the number that the process has in its own pid namespace, and lies in its own `/tmp`; when
/// the process is gone, only ours can be looked at.
fn open(pid: u32, user: u32) -> Option<(PathBuf, File)> {
    let mut inner = None;
    foreign::proc_lines(pid, "status", |line| {
        if let Some(numbers) = line.strip_prefix("NStgid:") {
            inner = numbers.split_whitespace().next_back().and_then(|n| n.parse::<u32>().ok());
        }
    });
    let inside = inner.map(|inner| format!("/proc/{pid}/root/tmp/perf-{inner}.map"));
    let paths = inside.into_iter().chain([format!("/tmp/perf-{pid}.map")]).map(PathBuf::from);
    paths.into_iter().find_map(|path| Some((path.clone(), foreign::open_of_user(&path, user).ok()?)))
}

/// The function at an address by a map's text, for the fuzzer.
#[cfg(feature = "fuzzing")]
pub(super) fn read_text(file: File, address: u64) -> Option<Found> {
    let mut map = PerfMap::default();
    map.read(file, LIMITS);
    map.find(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(test: &str, text: &[u8]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("btc-perf-map-{test}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    fn read(test: &str, text: &[u8], limits: Limits) -> (PerfMap, bool) {
        let path = file(test, text);
        let mut map = PerfMap::default();
        let is_all = map.read(File::open(&path).unwrap(), limits);
        std::fs::remove_file(&path).unwrap();
        (map, is_all)
    }

    #[test]
    fn lines_are_functions() {
        let text = b"2000 10 later\nbroken\n1000 8 Klass::method (x.js:1)\n0x3000 0x4 last\n4000 4 unfinished";
        let (map, is_all) = read("lines", text, LIMITS);
        let found = |a| map.find(a).map(|f| (f.name, f.offset));
        assert_eq!(found(0x1007), Some(("Klass::method (x.js:1)".into(), 7)));
        assert_eq!(found(0x1008), None);
        assert_eq!(found(0x200f), Some(("later".into(), 15)));
        assert_eq!(found(0x3003), Some(("last".into(), 3)));
        assert_eq!([found(0), found(0x4000)], [None, None]);
        assert!(is_all);
    }

    #[test]
    fn hostile_lines_do_no_harm() {
        let mut text = b"ffffffffffffffff ffffffffffffffff wraps\n10 ffffffffffffffff wide\n0 0 none\n-1 -1 x\n".to_vec();
        text.extend(b"20 4 a\x1b]0;b\xff\n");
        text.extend(vec![b'7'; 100_000]);
        text.extend(b"\n30 4 behind\n40 4 ");
        text.extend(vec![b'n'; 100_000]);
        text.extend(b"\n\0\0\0");
        let (map, is_all) = read("hostile", &text, LIMITS);
        let found = |a| map.find(a).map(|f| f.name);
        assert_eq!(found(u64::MAX).as_deref(), Some("wraps"));
        assert_eq!(found(0x19).as_deref(), Some("wide"));
        assert_eq!(found(0x21).as_deref(), Some("a\u{1b}]0;b\u{fffd}"));
        assert_eq!((found(0x31).as_deref(), found(0).as_deref()), (Some("behind"), Some("none")));
        let long = found(0x41).unwrap();
        assert!(long.starts_with("nnn") && long.ends_with("n…") && long.len() < 10_000, "{}", long.len());
        assert!(is_all);
    }

    #[test]
    fn no_more_than_the_limits_is_read() {
        let text: String = (0..1000).map(|n| format!("{n:x} 1 name{n}\n")).collect();
        let (map, is_all) = read("functions", text.as_bytes(), Limits { functions: 100, ..LIMITS });
        assert_eq!((map.functions.len(), is_all), (100, false));
        let (map, is_all) = read("bytes", text.as_bytes(), Limits { bytes: 1000, ..LIMITS });
        assert!(map.read <= 1000 && map.functions.len() > 50 && !is_all);
    }

    /// Four gigabytes of nothing cost a moment, and no memory.
    #[test]
    fn a_sparse_file_is_read_in_pieces() {
        let path = file("sparse", b"10 4 first\n");
        let sparse = File::options().write(true).open(&path).unwrap();
        sparse.set_len(4 << 30).unwrap();
        let start = std::time::Instant::now();
        let mut map = PerfMap::default();
        assert!(!map.read(File::open(&path).unwrap(), LIMITS));
        assert!(map.find(0x10).is_some() && map.bytes() < 1 << 16);
        assert!(start.elapsed().as_secs() < 5);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_grows_is_read_on_and_what_shrinks_anew() {
        let path = file("grows", b"10 4 first\n20 4 par");
        let mut map = PerfMap::default();
        let mut again = |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            map.read(File::open(&path).unwrap(), Limits { starts: 3, ..LIMITS });
            (map.starts, map.functions.len(), map.find(0x20).map(|f| f.name))
        };
        assert_eq!(again(b"10 4 first\n20 4 par"), (1, 1, None));
        assert_eq!(again(b"10 4 first\n20 4 part\n"), (1, 2, Some("part".into())));
        assert_eq!(again(b"20 4 anew\n"), (2, 1, Some("anew".into())));
        assert_eq!(again(b""), (3, 0, None));
        again(b"20 4 late\n");
        assert_eq!(again(b""), (3, 1, Some("late".into())), "that is enough");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_is_written_later_is_found() {
        let pid = u32::MAX - 1;
        let path = format!("/tmp/perf-{pid}.map");
        let _ = std::fs::remove_file(&path);
        let mut maps = PerfMaps::default();
        assert_eq!(maps.find(pid, 0x10), None);
        std::fs::write(&path, "10 4 first\n").unwrap();
        // SAFETY: geteuid has no preconditions.
        maps.users.insert(pid, unsafe { libc::geteuid() });
        assert_eq!(maps.find(pid, 0x10).map(|f| f.name).as_deref(), Some("first"));
        assert_eq!(maps.find(pid, 0x20), None);
        std::fs::write(&path, "10 4 first\n20 4 second\n").unwrap();
        assert_eq!(maps.find(pid, 0x20).map(|f| f.name).as_deref(), Some("second"));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_pipe_and_a_link_to_one_are_no_maps() {
        let pid = u32::MAX - 2;
        let path = format!("/tmp/perf-{pid}.map");
        let pipe = file("pipe", b"");
        std::fs::remove_file(&pipe).unwrap();
        let name = std::ffi::CString::new(pipe.to_str().unwrap()).unwrap();
        // SAFETY: a NUL-terminated name.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        for target in [pipe.to_str().unwrap(), "/sys/kernel/tracing/trace_pipe", "/dev/zero", "/proc/kmsg"] {
            let _ = std::fs::remove_file(&path);
            std::os::unix::fs::symlink(target, &path).unwrap();
            assert_eq!(PerfMaps::default().find(pid, 0x10), None, "{target}");
        }
        std::fs::rename(&pipe, &path).unwrap();
        assert_eq!(PerfMaps::default().find(pid, 0x10), None);
        std::fs::remove_file(&path).unwrap();
    }
}
