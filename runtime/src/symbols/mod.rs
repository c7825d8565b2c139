//! Addresses to names: the kernel's symbols from `/proc/kallsyms`, those of processes by
//! blazesym, which [`helper::Helper`] keeps in a process of its own. Nothing of a symbol table is read before the first address is shown.
//!
//! An address of a process means something only together with what the process had mapped
//! there, and processes end before their stacks are shown. So a [`watch::Watch`] lets the
//! kernel tell every executable mapping, [`memory::Memory`] remembers them, and
//! [`files::Files`] keeps hold of the files behind them.

mod files;
mod helper;
mod kernel;
mod memory;
mod perf_map;
mod unwind;
mod watch;
mod wire;

use std::fmt::Write;
use std::path::PathBuf;

use btc_abi::{Encoding, Manifest, StackMode};

use crate::render::escape::{self, Keep};
use files::Files;
use helper::Helper;
use kernel::Kernel;
use memory::{Memory, Region, What};
use perf_map::PerfMaps;
use unwind::Unwinder;
use watch::{Notice, Watch};
use wire::Place;

pub(crate) use unwind::Maps as UnwindMaps;

/// How symbols are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Files, lines and inlined functions from debug information.
    pub debug_info: bool,
    /// C++ and Rust names as in the source.
    pub demangle: bool,
    /// Folders with separate debug files, before the system's own.
    pub debug_folders: Vec<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options { debug_info: true, demangle: true, debug_folders: Vec::new() }
    }
}

/// Where the system keeps separate debug files.
pub(crate) const DEBUG_FOLDERS: [&str; 2] = ["/usr/lib/debug", "/lib/debug"];

/// What an address was found to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub name: String,
    /// Bytes from the symbol's start.
    pub offset: u64,
    /// The file that holds it; none for the kernel's and for those of a JIT.
    pub module: Option<String>,
    /// `folder/file:line`, where debug information tells.
    pub line: Option<String>,
    /// Functions that the compiler put into this one and that the address is in, outermost first.
    pub inlined: Vec<Inlined>,
}

/// A function without a frame of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inlined {
    pub name: String,
    pub line: Option<String>,
}

impl Found {
    /// Without control characters: a name with an end of a line would pass for a frame more.
    pub(crate) fn visible(self) -> Found {
        let shown = |text: String| escape::shown(&text, Keep::Seen);
        let inlined = self.inlined.into_iter();
        Found {
            name: shown(self.name),
            offset: self.offset,
            module: self.module.map(shown),
            line: self.line.map(shown),
            inlined: inlined.map(|f| Inlined { name: shown(f.name), line: f.line.map(shown) }).collect(),
        }
    }
}

/// Names of addresses, with what was read so far.
pub(crate) struct Symbols {
    options: Options,
    kernel: Option<Kernel>,
    helper: Helper,
    watch: Option<Watch>,
    memory: Memory,
    files: Files,
    perf_maps: PerfMaps,
    /// What unwinds user stacks, where the script asks for that.
    unwinder: Option<Unwinder>,
    /// Where the vDSO is in this process: it is the same one in all.
    vdso: Option<u64>,
}

impl Symbols {
    pub(crate) fn new(options: &Options) -> Symbols {
        let mut options = options.clone();
        options.debug_folders.extend(DEBUG_FOLDERS.map(PathBuf::from));
        let helper = Helper::new(&options);
        Symbols {
            options,
            kernel: None,
            helper,
            watch: None,
            memory: Memory::default(),
            files: Files::default(),
            perf_maps: PerfMaps::default(),
            unwinder: None,
            vdso: None,
        }
    }

    fn kernel_table(&mut self) -> &Kernel {
        self.kernel.get_or_insert_with(Kernel::read)
    }

    /// The kernel symbol that holds an address.
    pub(crate) fn kernel(&mut self, address: u64) -> Option<Found> {
        if address == 0 {
            return None;
        }
        self.kernel_table().find(address)
    }

    /// Address of a kernel symbol.
    pub(crate) fn kernel_address(&mut self, name: &str) -> Option<u64> {
        self.kernel_table().address_of(name)
    }

    /// Has the kernel tell what is mapped from now on: by one process and its children, or by
    /// all. Where it does not, what still runs when it is shown is looked at then.
    pub(crate) fn watch(&mut self, process: Option<u32>) {
        self.watch = Watch::start(process).ok();
    }

    /// Looks at what is mapped already.
    pub(crate) fn look_around(&mut self, process: Option<u32>) {
        match process {
            Some(pid) => self.memory.look_at(pid, &mut self.files),
            None => {
                let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
                let pids = entries.filter_map(|e| e.file_name().to_str()?.parse().ok());
                for pid in pids {
                    self.memory.look_at(pid, &mut self.files);
                }
            }
        }
    }

    /// Takes in what the kernel has told.
    pub(crate) fn observe(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.read(|notice| {
                if let Some(unwinder) = &mut self.unwinder {
                    unwinder.apply(&notice, &mut self.files);
                }
                if let Notice::Mapped { pid, .. } = notice {
                    self.perf_maps.meet(pid);
                }
                self.memory.apply(notice, &mut self.files);
            });
        }
    }

    /// Makes unwind tables of what processes have mapped; yields the number of rows that their map must
    /// have room for.
    pub(crate) fn prepare_unwinding(&mut self, processes: &[u32], quiet: bool) -> u32 {
        let unwinder = Unwinder::new(processes, quiet, &mut self.memory, &mut self.files);
        self.unwinder.insert(unwinder).most()
    }

    /// Gives the tables to programs, now and as more is mapped.
    pub(crate) fn start_unwinding(&mut self, maps: UnwindMaps) {
        if let Some(unwinder) = &mut self.unwinder {
            unwinder.start(maps, &self.memory, &mut self.files);
        }
    }

    /// Gives tables of what a process has mapped by now.
    pub(crate) fn unwind_mapped(&mut self, pid: u32) {
        self.observe();
        self.memory.look_at(pid, &mut self.files);
        if let Some(unwinder) = &mut self.unwinder {
            unwinder.add_all(pid, &self.memory, &mut self.files);
        }
    }

    /// The symbol that holds an address of a process.
    pub(crate) fn user(&mut self, pid: u32, address: u64) -> Option<Found> {
        self.user_all(pid, &[address]).pop().flatten()
    }

    /// Symbols of several addresses of a process, in their order.
    pub(crate) fn user_all(&mut self, pid: u32, addresses: &[u64]) -> Vec<Option<Found>> {
        let regions = self.regions(pid, addresses);
        addresses.iter().zip(regions).map(|(a, region)| self.name(pid, *a, region?)).collect()
    }

    /// Build ids of the files that addresses of a process are in, with offsets in them.
    pub(crate) fn build_ids(&mut self, pid: u32, addresses: &[u64]) -> Vec<Option<(String, u64)>> {
        let regions = self.regions(pid, addresses);
        let one = |(address, region): (&u64, Option<Region>)| {
            let region = region?;
            let What::File(file) = region.what else { return None };
            let id: String = self.files.build_id(file)?.iter().map(|b| format!("{b:02x}")).collect();
            Some((id, region.offset_of(*address)))
        };
        addresses.iter().zip(regions).map(one).collect()
    }

    /// What a process has, or had, mapped at addresses.
    fn regions(&mut self, pid: u32, addresses: &[u64]) -> Vec<Option<Region>> {
        self.observe();
        let find = |memory: &Memory| -> Vec<Option<Region>> {
            addresses.iter().map(|a| memory.find(pid, *a)).collect()
        };
        let regions = find(&self.memory);
        if pid == 0 || regions.iter().all(Option::is_some) {
            return regions;
        }
        // Nobody told of it: perhaps it can still be seen.
        self.memory.look_at(pid, &mut self.files);
        self.perf_maps.meet(pid);
        find(&self.memory)
    }

    fn name(&mut self, pid: u32, address: u64, region: Region) -> Option<Found> {
        let found = match region.what {
            What::File(file) => self.name_in_file(file, region.offset_of(address)),
            What::Vdso => self.name_in_vdso(address - region.start),
            What::Anonymous => None,
        };
        // Some JITs put their code into files without a name.
        found.or_else(|| self.perf_maps.find(pid, address))
    }

    fn name_in_file(&mut self, file: usize, offset: u64) -> Option<Found> {
        let path = self.files.path(file)?;
        let module = Some(self.files.name(file));
        let debug_info = self.options.debug_info;
        // Debug information that is no use must not hide the symbol table. Where nobody wants
        // lines, it is read only for what the symbol table does not have.
        let at = Place::Offset(offset);
        let mut found = self.helper.ask(Some(&path), debug_info, at).or_else(|| self.helper.ask(Some(&path), !debug_info, at));
        if found.is_none() {
            // A file without a link to its debug file: that may lie under its build id.
            let debug = self.files.debug_file(file, &self.options.debug_folders)?;
            found = self.helper.ask(Some(&debug), debug_info, Place::Address(self.files.address(file, offset)?));
        }
        Some(Found { module, ..found? })
    }

    fn name_in_vdso(&mut self, offset: u64) -> Option<Found> {
        let own = *self.vdso.get_or_insert_with(|| memory::own_vdso().map_or(0, |range| range.start));
        let found = self.helper.ask(None, false, Place::Address(own.checked_add(offset)?))?;
        Some(Found { module: Some("[vdso]".into()), ..found })
    }
}

/// Whether an object shows addresses of processes by more than their number.
pub(crate) fn are_of_processes(manifest: &Manifest) -> bool {
    let records = manifest.records.iter().flat_map(|r| &r.fields).map(|f| &f.encoding);
    let maps = manifest.maps.iter().flat_map(|m| m.key.iter().chain([&m.value]));
    records.chain(maps).any(shows_process)
}

fn shows_process(encoding: &Encoding) -> bool {
    match encoding {
        Encoding::UserSymbol => true,
        Encoding::UserStack { mode, .. } => *mode != StackMode::Raw,
        Encoding::Array { element, .. } => shows_process(element),
        Encoding::Tuple(fields) | Encoding::Record(fields) => fields.iter().any(|f| shows_process(&f.encoding)),
        _ => false,
    }
}

/// The source name of a Rust or C++ symbol; `None` for a plain one. Only those that begin as such are asked for: to the
/// libraries a type alone is a name too, so that a C function `f` would be a `float`.
pub(crate) fn demangle(name: &str) -> Option<String> {
    if !name.starts_with("_Z") && !name.starts_with("_R") {
        return None;
    }
    let mut full = Bounded(String::new());
    match rustc_demangle::try_demangle(name) {
        Ok(name) => write!(full, "{name:#}").ok()?,
        Err(_) => cpp_demangle::Symbol::new(name).ok()?.structured_demangle(&mut full, &Default::default()).ok()?,
    }
    Some(full.0)
}

/// Most bytes of a source name: one can double with every few bytes of a mangled name.
const LONGEST: usize = 1 << 16;

/// A string that takes no more than that.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        if self.0.len() + text.len() > LONGEST {
            return Err(std::fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// Doors for the fuzzer: what stands in files of others.
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing {
    use super::{kernel, memory, perf_map, unwind};

    /// Name and offset of the function at an address by a perf map's text.
    pub fn perf_map(text: &[u8], address: u64) -> Option<(String, u64)> {
        let file = unwind::in_memory(text)?;
        perf_map::read_text(file, address).map(|found| (found.name, found.offset))
    }

    /// Reads the unwind table of a binary.
    pub fn unwind_table(binary: &[u8]) {
        unwind::read_bytes(binary);
    }

    /// Reads a map of memory and a list of symbols.
    pub(crate) fn lists(text: &[u8]) {
        memory::read_text(text);
        kernel::read_text(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols() -> Symbols {
        Symbols::new(&Options::default())
    }

    #[test]
    fn own_functions_have_names() {
        let address = own_functions_have_names as fn() as usize as u64;
        let found = symbols().user(std::process::id(), address).expect("a symbol");
        assert!(found.name.contains("own_functions_have_names"), "{}", found.name);
        assert!(found.line.is_some_and(|l| l.contains("symbols/mod.rs:")), "its line is known");
    }

    #[test]
    fn lines_can_be_switched_off() {
        let address = lines_can_be_switched_off as fn() as usize as u64;
        let options = Options { debug_info: false, demangle: false, ..Options::default() };
        let found = Symbols::new(&options).user(std::process::id(), address).expect("a symbol");
        assert_eq!(found.line, None);
        assert!(found.name.starts_with("_"), "{} is as the linker knows it", found.name);
    }

    #[test]
    fn the_vdso_has_symbols() {
        let start = memory::own_vdso().expect("a vDSO").start;
        let mut symbols = symbols();
        let named = (0..256).filter_map(|n| symbols.user(std::process::id(), start + n * 16)).next();
        assert_eq!(named.and_then(|f| f.module).as_deref(), Some("[vdso]"));
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        let mut symbols = symbols();
        assert_eq!(symbols.user(0, 1), None);
        assert_eq!(symbols.user(std::process::id(), 16), None);
        assert_eq!(symbols.user(u32::MAX, 0x1000), None);
    }
}
