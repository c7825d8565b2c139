//! What processes have mapped to execute, also those that have ended.
//!
//! A mapping is never taken back: a newer one hides older ones where they overlap. So an
//! `exec`, an unloaded library and a process id that is used again need no care, and stacks
//! taken before and after are both understood.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use super::files::{Files, Identity, Sight};
use super::watch::Notice;
use crate::foreign;

/// What is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A file, by its number.
    File(usize),
    /// The code that the kernel lends to all.
    Vdso,
    /// Memory of the process: the code of a JIT.
    Anonymous,
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub start: u64,
    pub end: u64,
    /// Where the range begins in the file.
    pub offset: u64,
    pub what: What,
}

impl Region {
    /// Offset in the file of an address in the range.
    pub(super) fn offset_of(&self, address: u64) -> u64 {
        (address - self.start).wrapping_add(self.offset)
    }
}

/// A mapping as the kernel tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping<'a> {
    pub start: u64,
    pub end: u64,
    pub offset: u64,
    pub file: Identity,
    /// As the process names it; not always a path.
    pub name: &'a str,
}

/// Processes that have ended and are remembered. The longest gone is forgotten first, or a
/// tracer that runs for weeks would grow without end.
const REMEMBERED: usize = 4096;

/// Mappings of one process that are known, the oldest forgotten first: each new one is compared with all others.
const MOST_REGIONS: usize = 1 << 14;

#[derive(Default)]
struct Process {
    regions: Vec<Region>,
    ended: bool,
}

impl Process {
    fn find(&self, address: u64) -> Option<Region> {
        self.regions.iter().rev().find(|r| r.start <= address && address < r.end).copied()
    }

    fn add(&mut self, region: Region) {
        if self.find(region.start) != Some(region) {
            if self.regions.len() == MOST_REGIONS {
                self.regions.drain(..MOST_REGIONS / 2);
            }
            self.regions.push(region);
        }
    }
}

/// Mappings by process.
#[derive(Default)]
pub(super) struct Memory {
    processes: HashMap<u32, Process>,
    /// Processes that have ended, in that order.
    ended: VecDeque<u32>,
}

impl Memory {
    /// What a process has or had at an address.
    pub(super) fn find(&self, pid: u32, address: u64) -> Option<Region> {
        self.processes.get(&pid)?.find(address)
    }

    /// Reads what a process has mapped now; one that is gone keeps what it had.
    pub(super) fn look_at(&mut self, pid: u32, files: &mut Files) {
        foreign::proc_lines(pid, "maps", |line| {
            if let Some(mapping) = parse_line(line) {
                self.add(pid, &mapping, files);
            }
        });
    }

    /// Takes in what the kernel tells.
    pub(super) fn apply(&mut self, notice: Notice<'_>, files: &mut Files) {
        match notice {
            Notice::Mapped { pid, mapping } => self.add(pid, &mapping, files),
            Notice::Forked { parent, child } => {
                let mut regions = self.processes.get(&parent).map(|p| p.regions.clone()).unwrap_or_default();
                // What the child maps itself may be told before, from another CPU. Of an ended
                // process with this number, nothing stays.
                if let Some(known) = self.processes.get(&child).filter(|p| !p.ended) {
                    regions.extend_from_slice(&known.regions);
                }
                self.processes.insert(child, Process { regions, ended: false });
            }
            Notice::Ended { pid } => {
                let Some(process) = self.processes.get_mut(&pid) else { return };
                process.ended = true;
                self.ended.push_back(pid);
                while self.ended.len() > REMEMBERED {
                    let oldest = self.ended.pop_front();
                    // The number may have a new owner.
                    if let Some(pid) = oldest.filter(|p| self.processes.get(p).is_some_and(|p| p.ended)) {
                        self.processes.remove(&pid);
                    }
                }
            }
        }
    }

    fn add(&mut self, pid: u32, mapping: &Mapping<'_>, files: &mut Files) {
        let region = region(pid, mapping, files);
        self.processes.entry(pid).or_default().add(region);
    }

    /// What a process has mapped, as far as nothing newer hides it.
    pub(super) fn regions(&self, pid: u32) -> Vec<Region> {
        let Some(process) = self.processes.get(&pid) else { return Vec::new() };
        let mut regions: Vec<Region> = Vec::new();
        for region in process.regions.iter().rev() {
            if !regions.iter().any(|newer| newer.start < region.end && region.start < newer.end) {
                regions.push(*region);
            }
        }
        regions
    }
}

/// What a process mapped.
pub(super) fn region(pid: u32, mapping: &Mapping<'_>, files: &mut Files) -> Region {
    let (start, end, offset) = (mapping.start, mapping.end, mapping.offset);
    let what = match mapping.name {
        "[vdso]" => What::Vdso,
        // Perf's word for memory without a file is `//anon`.
        name if name.starts_with('/') && !name.starts_with("//") => {
            What::File(files.number(mapping.file, &Sight { pid, start, end, name }))
        }
        _ => What::Anonymous,
    };
    Region { start, end, offset, what }
}

/// Addresses of this process's own vDSO.
pub(super) fn own_vdso() -> Option<Range<u64>> {
    let mut range = None;
    foreign::proc_lines(std::process::id(), "maps", |line| {
        range = range.take().or_else(|| parse_line(line).filter(|m| m.name == "[vdso]").map(|m| m.start..m.end));
    });
    range
}

/// An executable mapping: `55d0a000-55d0b000 r-xp 00002000 fe:00 1234   /usr/bin/true`.
fn parse_line(line: &str) -> Option<Mapping<'_>> {
    let mut rest = line;
    let mut word = || {
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = after.trim_start();
        word
    };
    let (range, permissions, offset, device, inode) = (word(), word(), word(), word(), word());
    if !permissions.contains('x') {
        return None;
    }
    let hexadecimal = |text| u64::from_str_radix(text, 16).ok();
    let ((start, end), (major, minor)) = (range.split_once('-')?, device.split_once(':')?);
    let file = Identity {
        major: hexadecimal(major)? as u32,
        minor: hexadecimal(minor)? as u32,
        inode: inode.parse().ok()?,
    };
    Some(Mapping { start: hexadecimal(start)?, end: hexadecimal(end)?, offset: hexadecimal(offset)?, file, name: rest })
}

/// Takes in the lines of a map of memory, for the fuzzer; yields how many mappings there are.
#[cfg(feature = "fuzzing")]
pub(super) fn read_text(text: &[u8]) -> usize {
    let (mut memory, mut files) = (Memory::default(), Files::default());
    foreign::lines(&mut &*text, |line| {
        // Files are opened when they are seen.
        if let Some(mapping) = parse_line(&String::from_utf8_lossy(line.bytes)) {
            memory.add(u32::MAX, &Mapping { name: "", ..mapping }, &mut files);
        }
        true
    });
    memory.regions(u32::MAX).iter().map(|r| r.offset_of(r.start)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(start: u64, offset: u64) -> Notice<'static> {
        let mapping = Mapping { start, end: start + 0x1000, offset, file: Identity::default(), name: "" };
        Notice::Mapped { pid: 7, mapping }
    }

    #[test]
    fn lines_of_maps() {
        let line = "7f00-7f10 r-xp 00002000 fe:1f 1234                       /a b (deleted)";
        let file = Identity { major: 0xfe, minor: 0x1f, inode: 1234 };
        let wanted = Mapping { start: 0x7f00, end: 0x7f10, offset: 0x2000, file, name: "/a b (deleted)" };
        assert_eq!(parse_line(line), Some(wanted));
        assert_eq!(parse_line("7f00-7f10 rw-p 00002000 fe:1f 1234 /a"), None);
        assert_eq!(parse_line("7f00-7f10 r-xp 00000000 00:00 0 ").map(|m| m.name), Some(""));
        assert_eq!(parse_line(""), None);
    }

    #[test]
    fn newer_mappings_hide_older_ones() {
        let (mut memory, mut files) = (Memory::default(), Files::default());
        for notice in [mapped(0x1000, 1), mapped(0x2000, 2), mapped(0x1000, 3), mapped(0x1000, 3)] {
            memory.apply(notice, &mut files);
        }
        let offset = |a| memory.find(7, a).map(|r| r.offset_of(a));
        assert_eq!([offset(0x1001), offset(0x2002), offset(0x3000)], [Some(4), Some(4), None]);
        assert_eq!(memory.processes[&7].regions.len(), 3, "the same again is nothing new");
    }

    #[test]
    fn a_process_that_maps_without_end_costs_no_more_than_others() {
        let (mut memory, mut files) = (Memory::default(), Files::default());
        for n in 0..3 * MOST_REGIONS as u64 {
            memory.apply(mapped(n << 12, 0), &mut files);
        }
        assert!(memory.processes[&7].regions.len() <= MOST_REGIONS);
        assert!(memory.find(7, (3 * MOST_REGIONS as u64 - 1) << 12).is_some());
    }

    #[test]
    fn children_have_what_their_parent_had() {
        let (mut memory, mut files) = (Memory::default(), Files::default());
        memory.apply(mapped(0x1000, 0), &mut files);
        memory.apply(Notice::Forked { parent: 7, child: 8 }, &mut files);
        memory.apply(Notice::Ended { pid: 7 }, &mut files);
        assert!(memory.find(8, 0x1000).is_some() && memory.find(7, 0x1000).is_some());
    }

    #[test]
    fn a_fork_that_is_told_late_takes_nothing_away() {
        let (mut memory, mut files) = (Memory::default(), Files::default());
        memory.apply(mapped(0x1000, 3), &mut files);
        memory.apply(Notice::Forked { parent: 6, child: 7 }, &mut files);
        assert!(memory.find(7, 0x1000).is_some());
        memory.apply(Notice::Ended { pid: 7 }, &mut files);
        memory.apply(Notice::Forked { parent: 6, child: 7 }, &mut files);
        assert!(memory.find(7, 0x1000).is_none(), "another process with this number");
    }

    #[test]
    fn the_longest_gone_is_forgotten_first() {
        let (mut memory, mut files) = (Memory::default(), Files::default());
        memory.apply(mapped(0x1000, 0), &mut files);
        for child in 100..101 + REMEMBERED as u32 {
            memory.apply(Notice::Forked { parent: 7, child }, &mut files);
            memory.apply(Notice::Ended { pid: child }, &mut files);
        }
        assert_eq!(memory.processes.len(), 1 + REMEMBERED);
        assert!(memory.find(100, 0x1000).is_none() && memory.find(101, 0x1000).is_some());
    }
}
