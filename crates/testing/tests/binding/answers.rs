//! Maps with elements, and helpers that answer always the same: for scripts that people wrote.

use std::collections::{BTreeMap, HashMap};

use btc_elf::{Contents, Type};

use crate::machine::{APART, Run, TASK};

/// Kinds of types (kernel: uapi/linux/btf.h).
const POINTER: u32 = 2;
const ARRAY: u32 = 3;

/// Elements of maps.
#[derive(Default)]
pub struct Slots {
    /// Bytes of keys and values, by map.
    sizes: HashMap<String, (usize, usize)>,
    /// Maps and sections that the program knows, by their places.
    names: HashMap<u64, String>,
    /// Where elements are: by map and key.
    all: BTreeMap<(String, Vec<u8>), u64>,
}

impl Slots {
    /// Of an object's maps.
    pub fn of(object: &Contents) -> Slots {
        // In `struct { int (*type)[N]; int (*key_size)[N]; int (*value_size)[N]; … }` lengths are the numbers.
        let length = |id: u32| -> Option<usize> {
            let array = object.ty(object.ty(id).filter(|ty| ty.kind == POINTER)?.size_or_type)?;
            (array.kind == ARRAY).then(|| array.rest[2] as usize)
        };
        let sizes = |ty: &Type| -> Option<(usize, usize)> {
            let map = object.ty(ty.size_or_type)?;
            Some((length(*map.rest.get(4)?)?, length(*map.rest.get(7)?)?))
        };
        let maps = object.symbols.iter().filter(|s| s.section.is_some_and(|n| object.sections[n].name == ".maps"));
        let sizes = maps.filter_map(|map| Some((map.name.clone(), sizes(object.types.iter().find(|t| t.name == map.name)?)?)));
        Slots { sizes: sizes.collect(), ..Slots::default() }
    }

    /// The program names a map or section.
    pub fn meet(&mut self, base: u64, name: &str) {
        self.names.insert(base, name.to_string());
    }

    /// Whether a helper is answered here.
    pub fn knows(number: u32) -> bool {
        // `bpf_ktime_get_ns` and the like, `bpf_get_func_ip`, `bpf_get_attach_cookie`: a number each.
        matches!(number, 1..=3 | 5 | 8 | 14..=16 | 35 | 67 | 80 | 125 | 158 | 160 | 173 | 174 | 208)
    }
}

impl Run<'_, '_> {
    /// What a helper answers.
    pub fn answer(&mut self, number: u32, args: &[u64; 5]) -> Result<u64, String> {
        let [a, b, c, ..] = *args;
        match number {
            // bpf_map_lookup_elem, bpf_map_update_elem, bpf_map_delete_elem
            1 => self.slot(a, b).map(|(slot, _)| slot),
            2 => {
                let (slot, size) = self.slot(a, b)?;
                let value = self.place(c, size)?.to_vec();
                self.place(slot, size)?.copy_from_slice(&value);
                Ok(0)
            }
            3 => {
                let (slot, size) = self.slot(a, b)?;
                self.place(slot, size)?.fill(0);
                Ok(0)
            }
            // bpf_get_current_comm
            16 => {
                let text: Vec<u8> = (0..b).map(|n| if n < 8 { self.byte(TASK + n) } else { 0 }).collect();
                self.place(a, text.len())?.copy_from_slice(&text);
                Ok(0)
            }
            // bpf_get_current_task, bpf_get_current_task_btf
            35 | 158 => Ok(TASK),
            // bpf_get_stack
            67 => {
                let frames: Vec<u8> = (0..c.min(24)).map(|n| self.byte(TASK + (1 << 20) + n)).collect();
                self.place(b, frames.len())?.copy_from_slice(&frames);
                Ok(frames.len() as u64)
            }
            number => Ok(u64::from(number) * 0x1001_0000_1001),
        }
    }

    /// An element, with its size. What nobody has put there is made up, like the kernel's memory.
    fn slot(&mut self, map: u64, key: u64) -> Result<(u64, usize), String> {
        let name = self.slots.names.get(&(map / APART)).ok_or("no map")?.clone();
        let (key_size, size) = *self.slots.sizes.get(&name).ok_or("a map of unknown size")?;
        let key = self.place(key, key_size)?.to_vec();
        if let Some(slot) = self.slots.all.get(&(name.clone(), key.clone())) {
            return Ok((*slot, size));
        }
        let bytes = self.untouched(&name, &key, size);
        let slot = self.add(bytes);
        self.slots.all.insert((name, key), slot);
        Ok((slot, size))
    }

    fn untouched(&self, name: &str, key: &[u8], size: usize) -> Vec<u8> {
        let seed = name.bytes().chain(key.iter().copied()).fold(7u64, |n, b| n.wrapping_mul(0x100_0000_01b3) ^ u64::from(b));
        (0..size as u64).map(|n| self.world.pattern.byte(seed.wrapping_add(n))).collect()
    }

    /// What maps and variables hold at the end, where the program has changed it.
    pub fn left(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = BTreeMap::new();
        for ((name, key), slot) in &self.slots.all {
            let bytes = &self.memory[&(slot / APART)];
            // Scratch memory belongs to a run.
            if *bytes != self.untouched(name, key, bytes.len()) && name != btc_abi::SCRATCH_MAP {
                all.insert(format!("{name}[{key:x?}]"), bytes.clone());
            }
        }
        for symbol in self.loaded.object().symbols.iter().filter(|s| s.size > 0 && s.kind == 1) {
            let Some(section) = symbol.section.filter(|n| self.loaded.object().sections[*n].name == ".bss") else { continue };
            let base = (1 << 20) + section as u64;
            let bytes = self.memory.get(&base).and_then(|m| m.get(symbol.value as usize..(symbol.value + symbol.size) as usize));
            if let Some(bytes) = bytes.filter(|bytes| bytes.iter().any(|b| *b != 0)) {
                all.insert(symbol.name.clone(), bytes.to_vec());
            }
        }
        all
    }
}
