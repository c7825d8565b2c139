//! What all functions of a module share: maps, globals, and the manifest being built.

use std::collections::{BTreeSet, HashMap};

use btc_abi::{self as abi, GlobalValue, LossKind, MOST_CPUS, Manifest, MapKind, PLAIN_CPUS, Place};
use btc_diagnostics::{SourceMap, Span};
use btc_hir as hir;
use btc_ir::{FuncId, Global, GlobalId, Guard, Map, MapId, Module, Section};
use btc_target::{CONTROL_RING_BYTES, DEFAULT_MAP_KEYS, RING_BYTES, STACK_TABLE_ENTRIES};
use btc_types::{Aggregation, Type};

use crate::alone;
use crate::constant::Rows;
use crate::exact;
use crate::guard;
use crate::Needs;
use crate::encode::{reduce, stored_bytes};

/// What holds a map of the script.
#[derive(Clone, Copy)]
pub(crate) enum Storage {
    /// A BPF map.
    Map(MapId),
    /// A variable. The kernel lets a program use 64 maps; of variables there may be any number.
    Variable(GlobalId),
}

/// The state.
pub(crate) struct Shared<'a> {
    pub program: &'a hir::Program,
    sources: &'a SourceMap,
    pub manifest: Manifest,
    /// The first program of each probe of the script.
    pub clauses: HashMap<Span, u32>,
    /// The number of each attach point whose name is known, by that name: of several probes there, the first one's.
    pub numbers: HashMap<String, u32>,
    /// What holds the script's maps.
    pub maps: Vec<Storage>,
    /// Stack tables by number of frames.
    stacks: HashMap<u32, (MapId, u32)>,
    values: HashMap<String, GlobalId>,
    texts: HashMap<Vec<u8>, GlobalId>,
    params: HashMap<(u32, bool), GlobalId>,
    /// Constant entries by map.
    pub rows: HashMap<u32, Rows>,
    losses: GlobalId,
    loss_sites: HashMap<(Span, LossKind, String), u32>,
    pub stopped: GlobalId,
    /// Read-only zeros: what a missing map value reads as.
    zeros: GlobalId,
    iterate: Option<GlobalId>,
    events: Option<MapId>,
    control: Option<MapId>,
    /// A word for each CPU, see `alone.rs`.
    pub update_words: Option<GlobalId>,
    /// What new entries with a part for each CPU are copies of.
    blank: Option<GlobalId>,
    /// Functions that do what a loop of the script needs, each for a place, see [`FnLower::apart`](crate::function::FnLower::apart).
    pub functions: HashMap<(Span, &'static str, String), FuncId>,
    /// The function that finds a rule in the unwind tables.
    pub rule_finder: Option<FuncId>,
    /// Functions that there is one of for all programs, by name, see [`FnLower::subprogram`](crate::function::FnLower::subprogram).
    pub subprograms: HashMap<&'static str, FuncId>,
    /// Maps that one program may change in the middle of another's change, on the same CPU.
    pub interrupted: BTreeSet<hir::MapId>,
    /// What programs need that others do not, as far as it was known before they were lowered.
    pub needs: Needs,
    /// Likewise, as they are lowered.
    pub found: Needs,
}

impl<'a> Shared<'a> {
    /// Declares the script's maps in `module`.
    pub fn new(
        program: &'a hir::Program,
        sources: &'a SourceMap,
        module: &mut Module,
        needs: Needs,
    ) -> Self {
        let global = |module: &mut Module, symbol: &str, section, bytes| {
            module.add_global(Global { symbol: symbol.to_string(), section, init: vec![0; bytes] })
        };
        let losses = global(module, abi::LOSSES, Section::Bss, 8);
        // Every event reads the flag: maps that follow, written all the time, must not share its cache line.
        let stopped = global(module, abi::STOPPED, Section::Bss, 64);
        let zeros = global(module, "btc_zeros", Section::Rodata, 8);
        let mut shared = Shared {
            program,
            sources,
            manifest: Manifest { exact: exact::is_exact(program), ..Manifest::default() },
            maps: Vec::new(),
            stacks: HashMap::new(),
            clauses: HashMap::new(),
            numbers: HashMap::new(),
            values: HashMap::new(),
            texts: HashMap::new(),
            params: HashMap::new(),
            rows: HashMap::new(),
            losses,
            loss_sites: HashMap::new(),
            stopped,
            zeros,
            iterate: None,
            events: None,
            control: None,
            update_words: None,
            blank: None,
            functions: HashMap::new(),
            rule_finder: None,
            subprograms: HashMap::new(),
            interrupted: alone::interrupted(program),
            needs,
            found: Needs::default(),
        };
        for (index, map) in program.maps.iter().enumerate() {
            shared.declare(index, map, module);
        }
        shared
    }

    fn declare(&mut self, index: usize, map: &hir::Map, module: &mut Module) {
        let kind = kind(map, self.needs.emptied.contains(&hir::MapId(index as u32)));
        let stored = match &map.value {
            Type::Aggregation(a) => stored_bytes(a, kind),
            other => btc_types::align_up(other.size().max(1), 8),
        };
        // A map without key remembers behind its value whether it was assigned.
        let value_size = if map.key.is_none() { stored + 8 } else { stored };
        let max_entries = if map.key.is_none() { 1 } else { map.entries.unwrap_or(DEFAULT_MAP_KEYS) };
        let symbol = symbol_of(&map.name, index);
        let storage = if kind.is_variable() {
            let parts = if kind.is_spread() { MOST_CPUS } else { 1 };
            let init = vec![0; (value_size * parts) as usize];
            Storage::Variable(module.add_global(Global { symbol: symbol.clone(), section: Section::Bss, init }))
        } else {
            Storage::Map(module.add_map(Map {
                symbol: symbol.clone(),
                kind: Some(kind),
                key_size: map.key.as_ref().map_or(4, Type::size),
                value_size: if kind.is_spread() { value_size * PLAIN_CPUS } else { value_size },
                max_entries,
            }))
        };
        self.maps.push(storage);
        let entry = abi::Map {
            name: map.name.clone(),
            symbol,
            kind,
            key: map.key.as_ref().map(|k| self.encoding(k, module)),
            short_key: self.short_encoding(map, module),
            multi_key: map.multi_key,
            value: self.encoding(&map.value, module),
            reduce: reduce(&map.value),
            max_entries,
            default_size: map.entries.is_none() && map.key.is_some(),
            value_size,
            printed: true,
        };
        self.manifest.maps.push(entry);
    }

    /// The ring buffer, made at the first record.
    pub fn events(&mut self, module: &mut Module) -> MapId {
        *self.events.get_or_insert_with(|| ring(abi::EVENTS_MAP, RING_BYTES, module))
    }

    /// The ring buffer of control records, made at the first of them.
    pub fn control(&mut self, module: &mut Module) -> MapId {
        *self.control.get_or_insert_with(|| ring(abi::CONTROL_MAP, CONTROL_RING_BYTES, module))
    }

    /// The table of stacks with so many frames, and its index in the manifest.
    pub fn stack_table(&mut self, frames: u32, module: &mut Module) -> (MapId, u32) {
        if let Some(known) = self.stacks.get(&frames) {
            return *known;
        }
        let index = self.manifest.stacks.len() as u32;
        let symbol = format!("btc_stk{index}_{frames}");
        let id = module.add_map(Map {
            symbol: symbol.clone(),
            kind: Some(MapKind::Hash),
            key_size: 8,
            value_size: frames * 8,
            max_entries: STACK_TABLE_ENTRIES,
        });
        self.manifest.stacks.push(abi::Stacks { symbol, frames });
        self.stacks.insert(frames, (id, index));
        (id, index)
    }

    /// A `.rodata` variable that the runtime fills.
    pub fn value(&mut self, value: GlobalValue, place: Place, module: &mut Module) -> GlobalId {
        let key = format!("{value:?}");
        if let Some(known) = self.values.get(&key) {
            return *known;
        }
        let symbol = format!("btc_value_{}", self.values.len());
        let init = match &value {
            GlobalValue::Constant(_, value) => *value,
            // Where nobody tells, there are as many as maps have parts for.
            GlobalValue::Cpus => i64::from(PLAIN_CPUS),
            _ => 0,
        };
        let init = init.to_le_bytes().to_vec();
        let id = module.add_global(Global { symbol: symbol.clone(), section: Section::Rodata, init });
        self.manifest.globals.push(abi::Global { symbol, value, place: Some(place) });
        self.values.insert(key, id);
        id
    }

    /// The variable of a parameter: its text or its number.
    pub fn param(&mut self, id: hir::ParamId, text: bool, module: &mut Module) -> GlobalId {
        *self.params.entry((id.0, text)).or_insert_with(|| {
            module.add_global(Global {
                symbol: param_symbol(id.0 as usize, text),
                section: Section::Rodata,
                init: vec![0; if text { PARAM_TEXT } else { 8 }],
            })
        })
    }

    /// A constant text in `.rodata` with its NUL.
    pub fn text(&mut self, text: &[u8], module: &mut Module) -> GlobalId {
        if let Some(known) = self.texts.get(text) {
            return *known;
        }
        let mut init = text.to_vec();
        init.push(0);
        init.resize(init.len().next_multiple_of(8), 0);
        let symbol = format!("btc_text_{}", self.texts.len());
        let id = module.add_global(Global { symbol, section: Section::Rodata, init });
        self.texts.insert(text.to_vec(), id);
        id
    }

    /// Read-only zeros, at least `size` bytes.
    pub fn zeros(&mut self, size: u32, module: &mut Module) -> GlobalId {
        let init = &mut module.globals[self.zeros.index()].init;
        let size = (size as usize).next_multiple_of(8);
        if init.len() < size {
            init.resize(size, 0);
        }
        self.zeros
    }

    /// Zeros for a new entry of a map with a part for each CPU, in memory that takes no room in the object.
    pub fn blank(&mut self, module: &mut Module) -> GlobalId {
        *self.blank.get_or_insert_with(|| {
            let init = vec![0; (MOST_CPUS * MOST_PART) as usize];
            module.add_global(Global { symbol: "btc_blank".to_string(), section: Section::Bss, init })
        })
    }

    /// Number of the loss counter for a place.
    pub fn loss(&mut self, kind: LossKind, subject: &str, span: Span) -> u32 {
        let key = (span, kind, subject.to_string());
        if let Some(known) = self.loss_sites.get(&key) {
            return *known;
        }
        let index = self.manifest.losses.len() as u32;
        let place = self.place(span);
        self.manifest.losses.push(abi::Loss { kind, place, subject: subject.to_string() });
        self.loss_sites.insert(key, index);
        index
    }

    /// The guard of a program, with the place that lost events are told with.
    pub fn guard(&mut self, span: Span, module: &mut Module) -> Guard {
        let lost = self.loss(LossKind::Event, "event", span) * 8;
        guard::guard(module, self.losses, lost, span)
    }

    /// What tells loops to go all their rounds by the kernel's iterator, [`abi::ITERATE`].
    pub fn iterate(&mut self, module: &mut Module) -> GlobalId {
        let global = || Global { symbol: abi::ITERATE.to_string(), section: Section::Rodata, init: vec![0; 8] };
        *self.iterate.get_or_insert_with(|| module.add_global(global()))
    }

    /// The array of loss counters.
    pub fn losses(&self) -> GlobalId {
        self.losses
    }

    /// A span as the manifest holds it.
    pub fn place(&self, span: Span) -> Place {
        let Some(file) = self.sources.own().position(|f| f == span.file) else { return Place::default() };
        let (line, column) = self.sources.position(span.file, span.start);
        let (end_line, end_column) = self.sources.position(span.file, span.end);
        Place { file: file as u32, line, column, end_line, end_column }
    }

    /// Completes the manifest; drops globals that nothing uses.
    pub fn finish(mut self, module: &mut Module) -> Manifest {
        let counters = self.manifest.losses.len().max(1) * 8;
        module.globals[self.losses.index()].init = vec![0; counters];
        for (index, param) in self.program.params.iter().enumerate() {
            let symbol = |text: bool| {
                let used = self.params.contains_key(&(index as u32, text));
                if used { param_symbol(index, text) } else { String::new() }
            };
            self.manifest.params.push(abi::Param {
                kind: param.kind.clone(),
                ty: param.ty,
                symbol: symbol(false),
                text_symbol: symbol(true),
                text_capacity: if param.uses_text { PARAM_TEXT as u32 } else { 0 },
                default: param.default.clone(),
                help: param.help.clone(),
                fixed: param.fixed,
            });
        }
        for name in &self.program.unsafe_functions {
            self.manifest.requirements.push(abi::Requirement {
                kind: abi::RequirementKind::Unsafe,
                name: (*name).to_string(),
                optional: false,
            });
        }
        self.manifest.settings = self.program.settings.clone();
        self.manifest
    }
}

fn ring(symbol: &str, bytes: u32, module: &mut Module) -> MapId {
    module.add_map(Map { symbol: symbol.to_string(), kind: None, key_size: 0, value_size: 0, max_entries: bytes })
}

/// What holds a map. Each CPU has its own part of an aggregation, for what it adds or compares takes several steps. Parts
/// that a program reads as a number are where it can reach those of all CPUs; a count or sum is one word, to which all
/// add atomically. What programs empty is the entry of a hash, for of an array's they cannot reach the parts of other CPUs.
fn kind(map: &hir::Map, emptied: bool) -> MapKind {
    let lru = matches!(map.kind, Some(hir::MapKind::LruHash | hir::MapKind::LruPerCpuHash));
    let keyed = map.key.is_some();
    match &map.value {
        Type::Aggregation(a) if !map.read_as_number || a.as_number().is_none() => match (keyed, lru) {
            (false, _) if emptied => MapKind::PerCpuHash,
            (false, _) => MapKind::PerCpuArray,
            (true, false) => MapKind::PerCpuHash,
            (true, true) => MapKind::LruPerCpuHash,
        },
        Type::Aggregation(Aggregation::Min { .. } | Aggregation::Max { .. } | Aggregation::Avg { .. }) => {
            match (keyed, lru) {
                (false, _) => MapKind::SpreadVariable,
                (true, false) => MapKind::SpreadHash,
                (true, true) => MapKind::SpreadLruHash,
            }
        }
        _ => match (keyed, lru) {
            (false, _) => MapKind::Variable,
            (true, false) => MapKind::Hash,
            (true, true) => MapKind::LruHash,
        },
    }
}

/// Most bytes of a part that a program reads as a number: an average's four words.
const MOST_PART: u32 = 32;

/// Bytes of a parameter's text with its NUL; `sema` gives its type this capacity.
const PARAM_TEXT: usize = 256;

fn param_symbol(index: usize, text: bool) -> String {
    format!("btc_param_{index}{}", if text { "_text" } else { "" })
}

/// An ELF symbol for a map: an identifier that differs from others in its first 15 characters.
fn symbol_of(name: &str, index: usize) -> String {
    let plain: String =
        name.chars().skip(1).map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("m{index}_{plain}")
}
