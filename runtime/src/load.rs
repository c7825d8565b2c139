//! Loading: an object's maps and programs into the kernel.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_void};
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use btc_abi::unwind::ROWS_MAP;
use btc_abi::{Attach, EVENTS_MAP, HOLDS, ITERATE, ITERATORS, LOSSES, MOST_CPUS, Manifest, Map, SCRATCH_MAP, STOPPED};
use btc_elf::definitions::MapDefinition;
use libbpf_rs::{AsRawLibbpf, MapCore, ObjectBuilder, ProgramAttachType, ProgramType};
use libbpf_sys as sys;

use crate::attach::{Owner, Plan, Point, is_in_kernel_types, programs};
use crate::elf::Image;
use crate::options::Settings;
use crate::{Error, Options, diagnose, libbpf_log, short_keys, sizes};

/// A program in the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    pub fd: i32,
    pub raw: NonNull<sys::bpf_program>,
    /// The object's types, which name the functions of the program.
    pub types: Option<NonNull<sys::btf>>,
}

/// A variable in `.bss`, valid as long as the object is loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variable {
    start: NonNull<u8>,
    length: usize,
}

impl Variable {
    /// Its words, which programs change at the same time.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the variable lies in a mapping that is writable and outlives what holds this; it is aligned to 8
        // bytes, and programs change words by instructions of that width.
        unsafe { std::slice::from_raw_parts(self.start.cast::<AtomicU64>().as_ptr(), self.length / 8) }
    }

    /// Copies its bytes, each word at once.
    pub(crate) fn read(&self, to: &mut [u8]) {
        for (word, chunk) in self.words().iter().zip(to.chunks_mut(8)) {
            chunk.copy_from_slice(&word.load(Ordering::Acquire).to_ne_bytes()[..chunk.len()]);
        }
    }

    /// Copies its bytes and leaves zeros, word by word in one step each: programs that add to a word lose nothing.
    pub(crate) fn take(&self, to: &mut [u8]) {
        for (word, chunk) in self.words().iter().zip(to.chunks_mut(8)) {
            chunk.copy_from_slice(&word.swap(0, Ordering::Relaxed).to_ne_bytes()[..chunk.len()]);
        }
    }

    /// Overwrites its bytes.
    pub(crate) fn write(&self, from: &[u8]) {
        for (word, chunk) in self.words().iter().zip(from.chunks_exact(8)) {
            let value = chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            word.store(value, Ordering::Relaxed);
        }
    }
}

/// A row of `u32` in `.bss`, valid as long as the object is loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    start: NonNull<u32>,
    count: usize,
}

impl Words {
    /// Sets one; one that does not exist is left out.
    pub(crate) fn set(&self, n: usize, value: u32) {
        if n < self.count {
            // SAFETY: inside the row, which is aligned and writable; programs may read meanwhile, hence volatile.
            unsafe { self.start.add(n).as_ptr().write_volatile(value) };
        }
    }
}

/// A loaded object; dropping it takes everything out of the kernel.
pub(crate) struct Loaded {
    // Owns what the fields below point at.
    _object: libbpf_rs::Object,
    programs: HashMap<String, Program>,
    maps: HashMap<String, i32>,
    bss: Option<(NonNull<u8>, usize)>,
    /// Offsets in `.bss`.
    variables: HashMap<String, u64>,
    losses: Option<u64>,
    stopped: Option<u64>,
    licence: CString,
}

/// Loads what the plan needs.
///
/// What the verifier finds too long is loaded again with loops that go all their rounds by the kernel's iterator, of which it need not
/// follow many; then with loops that have a bound, as on kernels without iterators. A program that may not do what it does while it
/// holds the CPU is loaded again as on kernels where it cannot.
pub(crate) fn load(
    image: &mut Image,
    manifest: &Manifest,
    settings: &Settings,
    options: &Options,
    plans: &[Plan],
) -> Result<Loaded, Error> {
    libbpf_log::listen(options.verbose);
    let mut result = load_once(image, manifest, settings, plans);
    for (refused, change) in OTHERWISE {
        if result.as_ref().is_err_and(refused) && change(image) {
            result = match load_once(image, manifest, settings, plans) {
                // What is refused for another reason now was made no better: the first one is told.
                Err(new) if !diagnose::is_too_complex(&new) => result,
                new => new,
            };
        }
    }
    result
}

/// What is tried again, and how, in this order; a change tells whether it is one.
const OTHERWISE: [(fn(&Error) -> bool, fn(&mut Image) -> bool); 3] = [
    (diagnose::is_about_preemption, |image| image.hide(HOLDS)),
    (diagnose::is_too_complex, |image| is_in_kernel_types(ITERATORS) && image.set_number(ITERATE, u64::MAX).is_ok()),
    (diagnose::is_too_complex, |image| {
        // Without a bound it has no loops, and nothing to set.
        let _ = image.set_number(ITERATE, 0);
        image.hide(ITERATORS)
    }),
];

fn load_once(image: &Image, manifest: &Manifest, settings: &Settings, plans: &[Plan]) -> Result<Loaded, Error> {
    libbpf_log::take();
    let failed = |error: &libbpf_rs::Error| diagnose::explain(manifest, &libbpf_log::take(), error);
    let mut open = ObjectBuilder::default()
        .name("btc")
        .and_then(|b| b.open_memory(image.bytes()))
        .map_err(|e| failed(&e))?;
    size_maps(&mut open, manifest, settings).map_err(|e| failed(&e))?;
    sizes::check(&definitions(&open))?;
    let within = choose_programs(&mut open, manifest, plans)?;
    let object = open.load().map_err(|e| failed(&e))?;
    drop(within);
    libbpf_log::take();
    Ok(collect(object, image))
}

fn size_maps(open: &mut libbpf_rs::OpenObject, manifest: &Manifest, settings: &Settings) -> libbpf_rs::Result<()> {
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        if name == EVENTS_MAP {
            map.set_max_entries(settings.ring_bytes)?;
        }
        if let (ROWS_MAP, Some(rows)) = (name.as_str(), settings.unwind_rows) {
            map.set_max_entries(rows)?;
        }
        if name == SCRATCH_MAP && map.map_type() == libbpf_rs::MapType::Array {
            map.set_max_entries(crate::binding::possible_cpus() as u32)?;
        }
        let ours = manifest.maps.iter().find(|m| m.symbol == name);
        if let Some(size) = ours.and_then(short_keys::size) {
            map.set_key_size(size)?;
        }
        if let Some(ours) = ours.filter(|m| m.kind.is_spread()) {
            let parts = (crate::binding::possible_cpus() as u32).min(MOST_CPUS);
            map.set_value_size(ours.value_size.saturating_mul(parts))?;
        }
        if let (Some(ours), Some(size)) = (ours, settings.max_map_keys)
            && ours.default_size
            && ours.key.is_some()
        {
            map.set_max_entries(size)?;
        }
    }
    Ok(())
}

/// The maps as they are about to be made.
fn definitions(open: &libbpf_rs::OpenObject) -> Vec<MapDefinition> {
    let definition = |map: libbpf_rs::OpenMap| MapDefinition {
        symbol: map.name().to_string_lossy().into_owned(),
        kind: map.map_type() as u32,
        key_size: map.key_size(),
        value_size: map.value_size(),
        max_entries: map.max_entries(),
        flags: map.map_flags(),
    };
    open.maps().map(definition).collect()
}

/// Leaves out programs whose probes have no target here, and binds typed ones to theirs. Yields descriptors of the BPF
/// programs that some are bound to, which loading needs.
fn choose_programs(
    open: &mut libbpf_rs::OpenObject,
    manifest: &Manifest,
    plans: &[Plan],
) -> Result<Vec<OwnedFd>, Error> {
    let mut within = Vec::new();
    for mut program in open.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let probes = || manifest.probes.iter().zip(plans).filter(|(p, _)| p.program == name);
        // What no probe names cannot be attached: variants for other kernels, for one.
        if probes().all(|(_, plan)| plan.targets.is_empty()) {
            program.set_autoload(false);
            continue;
        }
        for (probe, plan) in probes() {
            if let Some(Point::Multi(multi)) = plan.targets.first().map(|t| &t.point) {
                let raw = program.as_libbpf_object().as_ptr();
                // SAFETY: the program belongs to the object, which is alive and not loaded yet.
                unsafe { sys::bpf_program__set_expected_attach_type(raw, multi.attach_type()) };
            }
            if let (Attach::Fentry { ret, .. } | Attach::FentryProgram { ret, .. }, Some(target)) =
                (&probe.attach, plan.targets.first())
            {
                // A wildcard's section names another kind, for loaders that do not expand it.
                program.set_prog_type(ProgramType::Tracing);
                program.set_attach_type(if *ret { ProgramAttachType::TraceFexit } else { ProgramAttachType::TraceFentry });
                let (mut fd, mut function) = (0, target.name.function.clone());
                match target.typed.as_ref().map(|t| &t.of) {
                    Some(Owner::Module { name, .. }) => function = format!("{name}:{function}"),
                    Some(Owner::Program(program)) => {
                        let of = programs::open(*program)?;
                        fd = of.as_raw_fd();
                        within.push(of);
                    }
                    Some(Owner::Kernel) | None => {}
                }
                program
                    .set_attach_target(fd, Some(function.clone()))
                    .map_err(|_| Error::new(format!("cannot attach {} to {function}", probe.name)))?;
            }
        }
    }
    Ok(within)
}

fn collect(object: libbpf_rs::Object, image: &Image) -> Loaded {
    let mut programs = HashMap::new();
    // SAFETY: the object is alive.
    let types = NonNull::new(unsafe { sys::bpf_object__btf(object.as_libbpf_object().as_ptr()) });
    for program in object.progs() {
        let raw = program.as_libbpf_object();
        // SAFETY: the program belongs to the object, which is alive.
        let fd = unsafe { sys::bpf_program__fd(raw.as_ptr()) };
        if fd >= 0 {
            programs.insert(program.name().to_string_lossy().into_owned(), Program { fd, raw, types });
        }
    }
    let mut maps = HashMap::new();
    let mut bss = None;
    for map in object.maps() {
        let raw = map.as_libbpf_object();
        let name = map.name().to_string_lossy().into_owned();
        // SAFETY: the map belongs to the object, which is alive.
        let fd = unsafe { sys::bpf_map__fd(raw.as_ptr()) };
        if name.ends_with(".bss") {
            let mut size: sys::size_t = 0;
            // SAFETY: as above; `size` is writable.
            let data: *mut c_void = unsafe { sys::bpf_map__initial_value(raw.as_ptr(), &raw mut size) };
            bss = NonNull::new(data.cast()).map(|p| (p, size as usize));
        }
        maps.insert(name, fd);
    }
    let variables = image.variables();
    let (losses, stopped) = (variables.get(LOSSES).copied(), variables.get(STOPPED).copied());
    Loaded { _object: object, programs, maps, bss, variables, losses, stopped, licence: image.licence() }
}

impl Loaded {
    /// A program by its ELF symbol.
    pub(crate) fn program(&self, symbol: &str) -> Option<Program> {
        self.programs.get(symbol).copied()
    }

    /// What programs are licensed under, for copies.
    pub(crate) fn licence(&self) -> &CStr {
        &self.licence
    }

    /// A map's descriptor by its ELF symbol.
    pub(crate) fn map(&self, symbol: &str) -> Option<i32> {
        self.maps.get(symbol).copied()
    }

    fn bss_at(&self, offset: u64, length: usize) -> Option<NonNull<u8>> {
        let (start, size) = self.bss?;
        let offset = usize::try_from(offset).ok()?;
        if offset.checked_add(length)? > size {
            return None;
        }
        // SAFETY: the offset lies inside the mapping.
        Some(unsafe { start.add(offset) })
    }

    /// A map's variable.
    pub(crate) fn variable(&self, map: &Map) -> Option<Variable> {
        let parts = if map.kind.is_spread() { MOST_CPUS } else { 1 };
        let (offset, length) = (*self.variables.get(&map.symbol)?, map.value_size.checked_mul(parts)? as usize);
        let start = self.bss_at(offset, length).filter(|_| offset.is_multiple_of(8))?;
        Some(Variable { start, length })
    }

    /// A row of so many `u32` by its symbol.
    pub(crate) fn words(&self, symbol: &str, count: usize) -> Result<Words, Error> {
        let offset = self.variables.get(symbol).copied().filter(|o| o.is_multiple_of(4));
        let start = offset.and_then(|o| self.bss_at(o, count * 4));
        let start = start.ok_or_else(|| Error::new(format!("the object is damaged: it has no variable `{symbol}`")))?;
        Ok(Words { start: start.cast(), count })
    }

    /// The loss counter of an index.
    pub(crate) fn loss(&self, index: usize) -> u64 {
        let offset = self.losses.map(|o| o.saturating_add(index as u64 * 8));
        match offset.and_then(|o| self.bss_at(o, 8)) {
            // SAFETY: inside the mapping; programs may write meanwhile, hence volatile.
            Some(at) => unsafe { at.cast::<u64>().as_ptr().read_volatile() },
            None => 0,
        }
    }

    /// The code that a program gave to `exit()`, once one did.
    pub(crate) fn stopped(&self) -> Option<i32> {
        let at = self.stopped.and_then(|o| self.bss_at(o, 8))?;
        // SAFETY: as in `loss`.
        let word = unsafe { at.cast::<u64>().as_ptr().read_volatile() };
        // The flag is the lower half, the code the upper one.
        (word as u32 != 0).then_some((word >> 32) as i32)
    }

    /// Lets programs run again: those of END, after an `exit()`.
    pub(crate) fn unstop(&self) {
        if let Some(at) = self.stopped.and_then(|o| self.bss_at(o, 8)) {
            // SAFETY: inside the mapping, which is writable.
            unsafe { at.cast::<u64>().as_ptr().write_volatile(0) };
        }
    }
}
