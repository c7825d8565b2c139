//! The table of one file: rows made of its `.eh_frame`, and where they are in the array.

use std::fs::File;
use std::os::fd::FromRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use btc_abi::unwind::{HALVINGS, ROW_SIZE};
use btc_dwarf::unwind::Row;
use libbpf_sys as sys;
use object::{Architecture, Object, ObjectSection, ObjectSegment, SegmentFlags, elf};

use crate::foreign::{self, Binary};
use crate::symbols::memory;

/// Most bytes of a section that are read, and of the vDSO.
const MOST_BYTES: u64 = 64 << 20;
/// Most rows of a file, so many that programs find each; and before those alike are joined.
const MOST_ROWS: usize = (1 << HALVINGS) - 1;
/// Rows that are written at once.
const BATCH: usize = 4096;

/// A file's table.
pub(super) struct Table {
    /// Offset in the file, size in it and address of what is executable.
    segments: Vec<(u64, u64, u64)>,
    /// The address that rows count from.
    base: u64,
    /// Rows that are not written yet, as the map holds them.
    rows: Vec<[u8; ROW_SIZE as usize]>,
    /// Number of the first row, once they are written, and their number.
    stored: Option<(u32, u32)>,
}

impl Table {
    /// The table of a file; `None` when it is no program of this machine or has no rows.
    pub(super) fn of_file(path: &Path) -> Option<Table> {
        foreign::open(path).ok().and_then(Table::read)
    }

    /// The table of the code that the kernel lends to all: this process has it, too.
    pub(super) fn of_vdso() -> Option<Table> {
        let range = memory::own_vdso()?;
        let mut image = vec![0; usize::try_from((range.end - range.start).min(MOST_BYTES)).ok()?];
        File::open("/proc/self/mem").ok()?.read_exact_at(&mut image, range.start).ok()?;
        Table::read(in_memory(&image)?)
    }

    fn read(file: File) -> Option<Table> {
        let binary = Binary::new(file).ok()?;
        let file = object::File::parse(&binary).ok().filter(|f| f.architecture() == Architecture::X86_64)?;
        let section = file.section_by_name(".eh_frame").filter(|s| s.size() <= MOST_BYTES)?;
        let rows = btc_dwarf::unwind::rows(section.data().ok()?, section.address(), MOST_ROWS);
        let base = rows.first()?.address;
        let executable = |flags| matches!(flags, SegmentFlags::Elf { p_flags, .. } if p_flags.0 & elf::PF_X.0 != 0);
        let segments = file.segments().filter(|s| executable(s.flags())).map(|s| {
            let (offset, size) = s.file_range();
            (offset, size, s.address())
        });
        let segments = segments.collect();
        let rows = rows.iter().take(MOST_ROWS).map_while(|row| bytes(row, base)).collect();
        Some(Table { segments, base, rows, stored: None })
    }

    /// Number of rows.
    pub(super) fn len(&self) -> u32 {
        self.stored.map_or(self.rows.len() as u32, |(_, count)| count)
    }

    /// What is added to the start of a mapping of the file from `offset` on to get the address where rows count from.
    pub(super) fn base_at(&self, offset: u64) -> Option<u64> {
        // Mappings begin at whole pages, segments need not.
        const PAGE: u64 = 4096;
        let holds = |(start, size, _): &&(u64, u64, u64)| offset >= start & !(PAGE - 1) && offset < start.saturating_add(*size);
        let (start, _, address) = self.segments.iter().find(holds)?;
        let here = address.wrapping_add(offset).wrapping_sub(*start);
        Some(self.base.wrapping_sub(here))
    }

    /// First row and number of rows in the map, where they are written if there is room.
    pub(super) fn store(&mut self, map: i32, used: &mut u32, most: u32) -> Option<(u32, u32)> {
        if self.stored.is_none() {
            let (first, count) = (*used, self.rows.len() as u32);
            let end = first.checked_add(count).filter(|end| *end <= most)?;
            let numbers: Vec<u32> = (first..end).collect();
            for (numbers, rows) in numbers.chunks(BATCH).zip(self.rows.chunks(BATCH)) {
                if !update(map, numbers, rows) {
                    return None;
                }
            }
            *used = end;
            self.rows = Vec::new();
            self.stored = Some((first, count));
        }
        self.stored
    }
}

/// A file of these bytes. To read files and memory alike would put the reader into the program twice.
pub(in crate::symbols) fn in_memory(bytes: &[u8]) -> Option<File> {
    // SAFETY: the name is a NUL-terminated text.
    let fd = unsafe { libc::memfd_create(c"btc".as_ptr(), libc::MFD_CLOEXEC) };
    // SAFETY: the descriptor, if there is one, is new and nobody else's.
    let file = (fd >= 0).then(|| unsafe { File::from_raw_fd(fd) })?;
    file.write_all_at(bytes, 0).ok()?;
    Some(file)
}

/// Writes rows of these numbers.
fn update(map: i32, numbers: &[u32], rows: &[[u8; ROW_SIZE as usize]]) -> bool {
    let mut count = numbers.len() as u32;
    // SAFETY: so many keys and values of the map's sizes are behind the pointers.
    let result = unsafe {
        let (keys, values) = (numbers.as_ptr().cast(), rows.as_ptr().cast());
        sys::bpf_map_update_batch(map, keys, values, &raw mut count, std::ptr::null())
    };
    result == 0
}

/// A row as the map holds it; `None` for one too far away.
fn bytes(row: &Row, base: u64) -> Option<[u8; ROW_SIZE as usize]> {
    let address = u32::try_from(row.address - base).ok()?;
    Some((u64::from(address) | u64::from(row.rule.bits()) << 32).to_le_bytes())
}

/// Reads the table of a file of these bytes, for the fuzzer.
#[cfg(feature = "fuzzing")]
pub(in crate::symbols) fn read_bytes(bytes: &[u8]) {
    if let Some(table) = in_memory(bytes).and_then(Table::read) {
        assert!(table.len() as usize <= MOST_ROWS);
        let _ = [0, 4096, u64::MAX].map(|offset| table.base_at(offset));
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use btc_abi::unwind::Rule;

    use super::*;

    /// The bits of the rule for an address of this process's own code.
    fn rule_at(table: &Table, region: &memory::Region, address: u64) -> u32 {
        let base = region.start.wrapping_add(table.base_at(region.offset).unwrap());
        let wanted = address.wrapping_sub(base);
        let rows = table.rows.iter().map(|row| u64::from_le_bytes(*row));
        let row = rows.take_while(|row| row & 0xffff_ffff <= wanted).last();
        (row.unwrap_or(0) >> 32) as u32
    }

    #[test]
    fn own_functions_begin_with_a_return_address_on_the_stack() {
        let own = std::env::current_exe().unwrap();
        let (mut memory, mut files) = Default::default();
        let address = rule_at as fn(&Table, &memory::Region, u64) -> u32 as usize as u64;
        memory::Memory::look_at(&mut memory, std::process::id(), &mut files);
        let region = memory.find(std::process::id(), address).unwrap();
        let table = Table::of_file(&own).unwrap();
        assert_eq!(rule_at(&table, &region, address), Rule::Stack { words: 1, saved: 0 }.bits());
        assert!(table.base_at(u64::MAX).is_none());
    }

    #[test]
    fn the_vdso_has_a_table() {
        assert!(Table::of_vdso().is_some_and(|table| table.len() > 2));
    }

    #[test]
    fn what_is_no_program_has_none() {
        assert!(Table::of_file(Path::new("/proc/self/maps")).is_none());
        assert!(Table::of_file(Path::new("/dev/null")).is_none());
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        for length in [0, 16, 64, 100, 4096, own.len() / 2] {
            assert!(Table::read(in_memory(&own[..length]).unwrap()).is_none(), "the first {length} bytes");
        }
    }
}
