//! Symbols that JITs write for profilers: `/tmp/perf-PID.map`, one function a line.

use std::collections::HashMap;
use std::path::PathBuf;

use super::Found;

struct Function {
    start: u64,
    size: u64,
    name: (usize, usize),
}

/// The functions of one process, sorted by address.
#[derive(Default)]
struct PerfMap {
    /// Bytes of the file.
    length: u64,
    text: String,
    functions: Vec<Function>,
}

impl PerfMap {
    fn new(bytes: &[u8]) -> PerfMap {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut functions = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let end = at + line.trim_end().len();
            // `7f00aa10 1c name`, the name to the end of the line.
            let mut words = line.splitn(3, ' ');
            let number = |w: Option<&str>| u64::from_str_radix(w?.trim_start_matches("0x"), 16).ok();
            if let (Some(start), Some(size), Some(name)) = (number(words.next()), number(words.next()), words.next()) {
                functions.push(Function { start, size, name: (at + line.len() - name.len(), end) });
            }
            at += line.len();
        }
        // Code may be thrown away and its place used again: the last line counts.
        functions.sort_by_key(|f: &Function| f.start);
        PerfMap { length: bytes.len() as u64, text, functions }
    }

    fn find(&self, address: u64) -> Option<Found> {
        let end = self.functions.partition_point(|f| f.start <= address);
        let function = self.functions.get(end.checked_sub(1)?)?;
        let offset = address - function.start;
        if offset >= function.size.max(1) {
            return None;
        }
        let name = self.text.get(function.name.0..function.name.1)?;
        Some(Found { name: name.to_string(), offset, ..Found::default() })
    }
}

/// Perf maps by process.
#[derive(Default)]
pub(super) struct PerfMaps {
    processes: HashMap<u32, PerfMap>,
}

impl PerfMaps {
    /// The function that a JIT has put at an address.
    pub(super) fn find(&mut self, pid: u32, address: u64) -> Option<Found> {
        let known = self.processes.get(&pid);
        if let Some(found) = known.and_then(|map| map.find(address)) {
            return Some(found);
        }
        let (path, length) = locate(pid)?;
        // Files of JITs only grow.
        if known.is_some_and(|map| map.length == length) {
            return None;
        }
        let map = PerfMap::new(&std::fs::read(path).ok()?);
        let found = map.find(address);
        self.processes.insert(pid, map);
        found
    }
}

/// The file and its length. It is named after the number that the process has in its own pid
/// namespace, and lies in its own `/tmp`; when the process is gone, only ours can be looked at.
fn locate(pid: u32) -> Option<(PathBuf, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|l| l.strip_prefix("NStgid:"));
    let inner = numbers.and_then(|n| n.split_whitespace().next_back());
    let inside = inner.map(|inner| format!("/proc/{pid}/root/tmp/perf-{inner}.map"));
    let paths = inside.into_iter().chain([format!("/tmp/perf-{pid}.map")]);
    paths.map(PathBuf::from).find_map(|path| {
        let metadata = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
        Some((path, metadata.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_functions() {
        let map = PerfMap::new(b"2000 10 later\nbroken\n1000 8 Klass::method (x.js:1)\n0x3000 0x4 last");
        let found = |a| map.find(a).map(|f| (f.name, f.offset));
        assert_eq!(found(0x1007), Some(("Klass::method (x.js:1)".into(), 7)));
        assert_eq!(found(0x1008), None);
        assert_eq!(found(0x200f), Some(("later".into(), 15)));
        assert_eq!(found(0x3003), Some(("last".into(), 3)));
        assert_eq!(found(0), None);
    }

    #[test]
    fn what_is_written_later_is_found() {
        let pid = u32::MAX - 1;
        let path = format!("/tmp/perf-{pid}.map");
        let mut maps = PerfMaps::default();
        assert_eq!(maps.find(pid, 0x10), None);
        std::fs::write(&path, "10 4 first\n").unwrap();
        assert_eq!(maps.find(pid, 0x10).map(|f| f.name).as_deref(), Some("first"));
        assert_eq!(maps.find(pid, 0x20), None);
        std::fs::write(&path, "10 4 first\n20 4 second\n").unwrap();
        assert_eq!(maps.find(pid, 0x20).map(|f| f.name).as_deref(), Some("second"));
        std::fs::remove_file(&path).unwrap();
    }
}
