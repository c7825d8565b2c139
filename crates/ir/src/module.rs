//! Modules: everything that becomes one object.

use btc_abi::MapKind;

use crate::{FuncId, Function, GlobalId, KfuncId, Late, LateId, MapId};

/// A BPF map.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// ELF symbol; an identifier, different from others in its first 15 characters.
    pub symbol: String,
    /// `None` for the ring buffer, whose `max_entries` is its size in bytes.
    pub kind: Option<MapKind>,
    /// Key size in bytes; 0 for the ring buffer.
    pub key_size: u32,
    /// Value size in bytes; 0 for the ring buffer.
    pub value_size: u32,
    /// Entries.
    pub max_entries: u32,
}

/// The section of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Read-only once loaded; the verifier sees the values.
    Rodata,
    /// Zero at first, shared by all programs, readable by the runtime.
    Bss,
}

/// A global variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Global {
    /// ELF symbol.
    pub symbol: String,
    /// Where it lies.
    pub section: Section,
    /// Its bytes; for `.bss` all 0. Aligned to 8.
    pub init: Vec<u8>,
}

/// A kernel function that programs call; always weak, so calls stand under a
/// guard that asks [`crate::Op::KfuncAddr`].
#[derive(Clone, Debug, PartialEq)]
pub struct Kfunc {
    /// Its name.
    pub name: String,
    /// Number of arguments.
    pub args: u8,
}

/// Everything that becomes one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Module {
    /// Maps.
    pub maps: Vec<Map>,
    /// Globals.
    pub globals: Vec<Global>,
    /// Kernel functions.
    pub kfuncs: Vec<Kfunc>,
    /// Late constants, each once.
    pub lates: Vec<Late>,
    /// Programs, subprograms and callbacks.
    pub functions: Vec<Function>,
    /// Licence string of the object, such as `GPL`.
    pub license: String,
    /// The per-CPU array of one element that holds scratch objects; its value size is set
    /// by codegen, which lays the scratch objects of each function out.
    pub scratch_map: Option<MapId>,
}

impl Module {
    /// Adds a map.
    pub fn add_map(&mut self, map: Map) -> MapId {
        self.maps.push(map);
        MapId(self.maps.len() as u32 - 1)
    }

    /// Makes the map of scratch objects, if there is none yet.
    pub fn need_scratch(&mut self) {
        if self.scratch_map.is_none() {
            let symbol = btc_abi::SCRATCH_MAP.to_string();
            let kind = Some(MapKind::PerCpuArray);
            self.scratch_map = Some(self.add_map(Map { symbol, kind, key_size: 4, value_size: 8, max_entries: 1 }));
        }
    }

    /// A variable that is always 0, and of which the verifier does not know that, added when new.
    pub fn unknown_zero(&mut self) -> GlobalId {
        const SYMBOL: &str = "btc_unknown_zero";
        match self.globals.iter().position(|g| g.symbol == SYMBOL) {
            Some(known) => GlobalId(known as u32),
            None => self.add_global(Global { symbol: SYMBOL.to_string(), section: Section::Bss, init: vec![0; 8] }),
        }
    }

    /// Adds a global.
    pub fn add_global(&mut self, global: Global) -> GlobalId {
        self.globals.push(global);
        GlobalId(self.globals.len() as u32 - 1)
    }

    /// The id of a late constant, added when new.
    pub fn late(&mut self, late: Late) -> LateId {
        let at = self.lates.iter().position(|l| *l == late).unwrap_or_else(|| {
            self.lates.push(late);
            self.lates.len() - 1
        });
        LateId(at as u32)
    }

    /// The id of a kernel function, added when new.
    pub fn kfunc(&mut self, name: &str, args: u8) -> KfuncId {
        let at = self.kfuncs.iter().position(|k| k.name == name).unwrap_or_else(|| {
            self.kfuncs.push(Kfunc { name: name.to_string(), args });
            self.kfuncs.len() - 1
        });
        KfuncId(at as u32)
    }

    /// Adds a function.
    pub fn add_function(&mut self, function: Function) -> FuncId {
        self.functions.push(function);
        FuncId(self.functions.len() as u32 - 1)
    }

    /// The map.
    pub fn map(&self, id: MapId) -> &Map {
        &self.maps[id.index()]
    }

    /// The late constant.
    pub fn late_of(&self, id: LateId) -> &Late {
        &self.lates[id.index()]
    }
}
