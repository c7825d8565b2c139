//! What the kernel tells of processes as it happens: executable mappings, forks, ends.
//!
//! It is how perf knows the mappings of processes that are gone when it reports: an event
//! that counts nothing, on each CPU, whose buffer the kernel fills with notices. Processes
//! are not slowed down but in the moment in which they map a file.

use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use libbpf_sys as sys;

use super::files::Identity;
use super::memory::Mapping;
use crate::attach::perf::{self, Event};
use crate::render::{le, le32};

/// What is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notice<'a> {
    Mapped { pid: u32, mapping: Mapping<'a> },
    Forked { parent: u32, child: u32 },
    Ended { pid: u32 },
}

/// Bits of `perf_event_attr`: children too, executable mappings, forks and ends, the time in
/// every record, inodes.
const FLAGS: u64 = 1 << 1 | 1 << 8 | 1 << 13 | 1 << 18 | 1 << 23;

/// Bytes of a CPU's buffer: some thousand notices, between two looks at most 20 ms apart.
const BYTES: usize = 256 << 10;

/// Bytes of a record's type, bits and length.
const HEADER: usize = 8;

/// One CPU's buffer: a page of its state, then the bytes.
struct Buffer {
    memory: NonNull<u8>,
    page: usize,
    _event: OwnedFd,
}

/// The buffers of all CPUs.
pub(super) struct Watch {
    buffers: Vec<Buffer>,
    /// Records of all buffers, each in one piece.
    bytes: Vec<u8>,
    /// Time of each record, and where it is in `bytes`.
    records: Vec<(u64, Range<usize>)>,
}

impl Watch {
    /// Starts to listen, to one process and its children or to all.
    pub(super) fn start(process: Option<u32>) -> std::io::Result<Watch> {
        let open = |cpu| {
            let event = Event {
                flags: FLAGS,
                sample_type: u64::from(sys::PERF_SAMPLE_TIME),
                pid: process.map_or(-1, |p| p as i32),
                cpu,
                ..Event::new(sys::PERF_TYPE_SOFTWARE, u64::from(sys::PERF_COUNT_SW_DUMMY), "notices of mappings")
            };
            Buffer::new(perf::open(&event)?)
        };
        let buffers = perf::online_cpus().into_iter().map(open).collect::<Result<_, _>>()?;
        Ok(Watch { buffers, bytes: Vec::new(), records: Vec::new() })
    }

    /// Hands over what was told since the last time, in the order of time: a process may fork
    /// on one CPU, and its child run on another.
    pub(super) fn read(&mut self, mut take: impl FnMut(Notice<'_>)) {
        let Watch { buffers, bytes, records } = self;
        bytes.clear();
        records.clear();
        for buffer in buffers {
            buffer.read(bytes, records);
        }
        records.sort_by_key(|(time, _)| *time);
        records.iter().filter_map(|(_, range)| parse(&bytes[range.clone()])).for_each(&mut take);
    }
}

impl Buffer {
    fn new(event: OwnedFd) -> std::io::Result<Buffer> {
        // SAFETY: sysconf has no preconditions.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        // SAFETY: a new mapping at a place of the kernel's choice.
        let memory = unsafe {
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(std::ptr::null_mut(), page + BYTES, protection, libc::MAP_SHARED, event.as_raw_fd(), 0)
        };
        match NonNull::new(memory.cast::<u8>()) {
            Some(memory) if memory.as_ptr().cast() != libc::MAP_FAILED => Ok(Buffer { memory, page, _event: event }),
            _ => Err(crate::error::last_os()),
        }
    }

    /// A counter of the first page.
    fn counter(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: the page is mapped as long as `self` lives, and the counters are aligned.
        unsafe { &*self.memory.as_ptr().add(offset).cast::<AtomicU64>() }
    }

    fn copy(&self, at: u64, length: usize, to: &mut Vec<u8>) {
        for n in 0..length {
            let offset = self.page + (at as usize).wrapping_add(n) % BYTES;
            // SAFETY: the offset is in the mapping; the kernel does not write before `tail` moves.
            to.push(unsafe { self.memory.as_ptr().add(offset).read() });
        }
    }

    fn read(&self, bytes: &mut Vec<u8>, records: &mut Vec<(u64, Range<usize>)>) {
        let head = self.counter(std::mem::offset_of!(sys::perf_event_mmap_page, data_head)).load(Ordering::Acquire);
        let tail = self.counter(std::mem::offset_of!(sys::perf_event_mmap_page, data_tail));
        let mut at = tail.load(Ordering::Relaxed);
        while at < head {
            let start = bytes.len();
            self.copy(at, HEADER, bytes);
            let length = usize::from(le(bytes, start + 6) as u16);
            if length < HEADER {
                bytes.truncate(start);
                break;
            }
            self.copy(at + HEADER as u64, length - HEADER, bytes);
            // The time is last.
            records.push((le(bytes, start + length - 8), start..start + length));
            at += length as u64;
        }
        fence(Ordering::SeqCst);
        tail.store(head, Ordering::Release);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length, unmapped once.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.page + BYTES) };
    }
}

/// A record as the kernel writes it: its type, bits and length, then its fields.
fn parse(record: &[u8]) -> Option<Notice<'_>> {
    let word = |at| le32(record, at);
    match word(0) {
        sys::PERF_RECORD_MMAP2 => {
            let name = record.get(72..)?;
            let end = name.iter().position(|b| *b == 0)?;
            let start = le(record, 16);
            let file = Identity { major: word(40), minor: word(44), inode: le(record, 48) };
            let name = std::str::from_utf8(&name[..end]).ok()?;
            let mapping = Mapping { start, end: start.checked_add(le(record, 24))?, offset: le(record, 32), file, name };
            Some(Notice::Mapped { pid: word(8), mapping })
        }
        sys::PERF_RECORD_FORK => {
            let (child, parent) = (word(8), word(12));
            // A new thread has what its process has.
            (child != parent).then_some(Notice::Forked { parent, child })
        }
        sys::PERF_RECORD_EXIT => {
            let (pid, thread) = (word(8), word(16));
            (pid == thread).then_some(Notice::Ended { pid })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u32, words: &[u32], tail: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = [kind, 0].iter().chain(words).flat_map(|w| w.to_le_bytes()).collect();
        bytes.extend(tail);
        bytes
    }

    #[test]
    fn records_of_the_kernel() {
        let words = [7, 7, 0x1000, 0, 0x200, 0, 0x30, 0, 0xfe, 1, 99, 0, 0, 0, 5, 2];
        let mapped = record(sys::PERF_RECORD_MMAP2, &words, b"/bin/a\0\0");
        let file = Identity { major: 0xfe, minor: 1, inode: 99 };
        let mapping = Mapping { start: 0x1000, end: 0x1200, offset: 0x30, file, name: "/bin/a" };
        assert_eq!(parse(&mapped), Some(Notice::Mapped { pid: 7, mapping }));
        assert_eq!(parse(&mapped[..60]), None);
        let fork = |pid| record(sys::PERF_RECORD_FORK, &[pid, 7, pid, 7], &[]);
        assert_eq!(parse(&fork(8)), Some(Notice::Forked { parent: 7, child: 8 }));
        assert_eq!(parse(&fork(7)), None);
        let exit = |thread| record(sys::PERF_RECORD_EXIT, &[7, 1, thread, 1], &[]);
        assert_eq!(parse(&exit(7)), Some(Notice::Ended { pid: 7 }));
        assert_eq!(parse(&exit(9)), None);
    }
}
