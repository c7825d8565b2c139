//! Unwind tables for `dw_ustack`: of the files that named processes and their children have mapped, kept in the
//! maps that programs look rules up in (`btc_abi::unwind`).

mod table;
mod trie;

#[cfg(feature = "fuzzing")]
pub(super) use table::{in_memory, read_bytes};

use std::collections::HashMap;

use btc_abi::unwind::ROWS;

use super::files::Files;
use super::memory::{self, Region, What};
use super::watch::Notice;
use table::Table;

/// A descriptor of each map.
#[derive(Clone, Copy)]
pub(crate) struct Maps {
    pub mappings: i32,
    pub rows: i32,
}

/// The tables, and where they hold.
pub(crate) struct Unwinder {
    maps: Option<Maps>,
    /// The processes, with what each has mapped.
    processes: HashMap<u32, Vec<Region>>,
    /// By number of the file; `None` for one without a table.
    files: HashMap<usize, Option<Table>>,
    /// The vDSO's, once somebody asked.
    vdso: Option<Option<Table>>,
    /// Rows in use, and rows that there are.
    used: u32,
    most: u32,
    /// Whether nobody is told that there are too few.
    quiet: bool,
}

impl Unwinder {
    /// Tables for processes; of those that run, what is mapped is read now.
    pub(super) fn new(processes: &[u32], quiet: bool, memory: &mut memory::Memory, files: &mut Files) -> Unwinder {
        let mut unwinder = Unwinder {
            maps: None,
            processes: processes.iter().map(|pid| (*pid, Vec::new())).collect(),
            files: HashMap::new(),
            vdso: None,
            used: 0,
            most: ROWS,
            quiet,
        };
        for pid in processes {
            memory.look_at(*pid, files);
            for region in memory.regions(*pid) {
                unwinder.table(region.what, files);
            }
        }
        let known = unwinder.files.values().chain(&unwinder.vdso).flatten();
        // What is there, and what comes.
        let rows = known.fold(0u32, |all, table| all.saturating_add(table.len()));
        unwinder.most = rows.saturating_add(ROWS);
        unwinder
    }

    /// Rows that the map must have room for.
    pub(crate) fn most(&self) -> u32 {
        self.most
    }

    /// Begins to fill the maps: programs find the processes from now on.
    pub(super) fn start(&mut self, maps: Maps, memory: &memory::Memory, files: &mut Files) {
        self.maps = Some(maps);
        let processes: Vec<u32> = self.processes.keys().copied().collect();
        for pid in processes {
            trie::know(maps.mappings, pid);
            self.add_all(pid, memory, files);
        }
    }

    /// Adds all that a process has mapped.
    pub(super) fn add_all(&mut self, pid: u32, memory: &memory::Memory, files: &mut Files) {
        for region in memory.regions(pid) {
            self.add(pid, region, files);
        }
    }

    /// Takes in what the kernel tells.
    pub(super) fn apply(&mut self, notice: &Notice<'_>, files: &mut Files) {
        match notice {
            Notice::Mapped { pid, mapping } if self.processes.contains_key(pid) => {
                let region = memory::region(*pid, mapping, files);
                self.add(*pid, region, files);
            }
            Notice::Mapped { .. } => {}
            Notice::Forked { parent, child } => {
                let (Some(regions), Some(maps)) = (self.processes.get(parent).cloned(), self.maps) else { return };
                self.processes.entry(*child).or_default();
                trie::know(maps.mappings, *child);
                for region in regions {
                    self.add(*child, region, files);
                }
            }
            Notice::Ended { pid } => {
                let (Some(regions), Some(maps)) = (self.processes.remove(pid), self.maps) else { return };
                for region in regions {
                    trie::remove(maps.mappings, *pid, region.start..region.end);
                }
                trie::forget(maps.mappings, *pid);
            }
        }
    }

    /// Adds a mapping, which hides older ones.
    fn add(&mut self, pid: u32, region: Region, files: &mut Files) {
        let (Some(regions), Some(maps)) = (self.processes.get_mut(&pid), self.maps) else { return };
        if regions.contains(&region) {
            return;
        }
        let hidden = |r: &Region| r.start < region.end && region.start < r.end;
        for old in regions.iter().filter(|r| hidden(r)) {
            trie::remove(maps.mappings, pid, old.start..old.end);
        }
        regions.retain(|r| !hidden(r));
        regions.push(region);
        let (mut used, most) = (self.used, self.most);
        let Some(table) = self.table(region.what, files) else { return };
        // Of the vDSO the kernel tells no offset.
        let offset = if region.what == What::Vdso { 0 } else { region.offset };
        let Some(base) = table.base_at(offset) else { return };
        let stored = table.store(maps.rows, &mut used, most);
        let entry = stored.map(|(first, rows)| trie::Entry { bias: region.start.wrapping_add(base), first, rows });
        let fits = entry.is_some_and(|entry| trie::add(maps.mappings, pid, region.start..region.end, entry));
        self.used = used;
        if !fits && !std::mem::replace(&mut self.quiet, true) {
            say!(
                "WARNING: the unwind tables are full: stacks end where later files are mapped; name programs that run \
                 already by -p or --dwarf-pid, whose tables are counted beforehand"
            );
        }
    }

    /// The table of what is mapped, made when it is seen first.
    fn table(&mut self, what: What, files: &mut Files) -> Option<&mut Table> {
        let table = match what {
            What::File(number) => {
                self.files.entry(number).or_insert_with(|| files.path(number).and_then(|path| Table::of_file(&path)))
            }
            What::Vdso => self.vdso.get_or_insert_with(Table::of_vdso),
            What::Anonymous => return None,
        };
        table.as_mut()
    }
}
