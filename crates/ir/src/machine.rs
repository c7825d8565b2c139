//! A mock [`Host`]: real maps, a log of records, and fixed answers for the rest.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use btc_abi::MapKind;

use crate::interp::{Host, map_at};
use crate::memory::{Memory, RegionKind, Trap};
use crate::{GlobalId, KfuncId, Late, LateId, MapId, Module};

/// Negative results of helpers, as the kernel's.
const ENOENT: u64 = -2i64 as u64;
const E2BIG: u64 = -7i64 as u64;
const EFAULT: u64 = -14i64 as u64;
const EEXIST: u64 = -17i64 as u64;
const EINVAL: u64 = -22i64 as u64;

/// Most numbers of an iterator (`BPF_MAX_LOOPS`).
const MOST_NUMBERS: i64 = 1 << 23;

/// The mock. Its fields are the answers; tests set what they need.
#[derive(Clone, Debug)]
pub struct Machine {
    /// All memory. Regions that tests add are what `probe_read` finds.
    pub memory: Memory,
    /// Values of late constants; what is missing traps.
    pub lates: HashMap<LateId, u64>,
    /// Whether kernel functions exist. Iterators over numbers work as the kernel's; calls of others
    /// yield the sum of their arguments.
    pub kfuncs: bool,
    /// `ktime_get_ns`; stands still while a program runs.
    pub time: u64,
    /// `get_current_pid_tgid`
    pub pid_tgid: u64,
    /// `get_current_uid_gid`
    pub uid_gid: u64,
    /// `get_current_comm`
    pub comm: [u8; 16],
    /// `get_current_task`
    pub task: u64,
    /// `get_current_cgroup_id`
    pub cgroup: u64,
    /// `get_smp_processor_id`
    pub cpu: u64,
    /// State of `get_prandom_u32`.
    pub random: u64,
    /// What `ringbuf_reserve` can still give, in records.
    pub room: u64,
    /// Submitted records in order.
    pub records: Vec<Vec<u8>>,
    maps: HashMap<MapId, BTreeMap<Vec<u8>, u64>>,
    globals: HashMap<GlobalId, u64>,
    reserved: Vec<u64>,
    /// Addresses of iterators that live. None may when a program ends.
    pub iterators: BTreeSet<u64>,
}

impl Default for Machine {
    fn default() -> Self {
        Machine {
            memory: Memory::default(),
            lates: HashMap::new(),
            kfuncs: true,
            time: 1_000_000,
            pid_tgid: 1234 << 32 | 1235,
            uid_gid: 1000 << 32 | 1001,
            comm: *b"comm\0\0\0\0\0\0\0\0\0\0\0\0",
            task: 0xffff_8880_0000_1000,
            cgroup: 77,
            cpu: 1,
            random: 1,
            room: 1000,
            records: Vec::new(),
            maps: HashMap::new(),
            globals: HashMap::new(),
            reserved: Vec::new(),
            iterators: BTreeSet::new(),
        }
    }
}

impl Machine {
    /// Keys and values of a map, by key.
    pub fn map(&self, map: MapId) -> Vec<(Vec<u8>, Vec<u8>)> {
        let elements = self.maps.get(&map).into_iter().flatten();
        elements.map(|(key, at)| (key.clone(), self.memory.region(*at).to_vec())).collect()
    }

    /// Bytes of a global that the program used.
    pub fn global_bytes(&self, global: GlobalId) -> Option<&[u8]> {
        self.globals.get(&global).map(|at| self.memory.region(*at))
    }

    fn map_data(module: &Module, address: u64) -> Result<(MapId, &crate::Map), Trap> {
        let id = map_at(address)?;
        let map = module.maps.get(id.index()).ok_or_else(|| Trap::Invalid(format!("no {id}")))?;
        Ok((id, map))
    }

    fn lookup(&mut self, module: &Module, map: u64, key: u64) -> Result<u64, Trap> {
        let (id, map) = Self::map_data(module, map)?;
        let key = self.memory.read(key, u64::from(map.key_size))?.to_vec();
        if let Some(at) = self.maps.get(&id).and_then(|m| m.get(&key)) {
            return Ok(*at);
        }
        if !is_array(map.kind) || index(&key) >= u64::from(map.max_entries) {
            return Ok(0);
        }
        let at = self.memory.add(RegionKind::Data, vec![0; map.value_size as usize]);
        self.maps.entry(id).or_default().insert(key, at);
        Ok(at)
    }

    fn update(&mut self, module: &Module, args: [u64; 4]) -> Result<u64, Trap> {
        let [address, key, value, flags] = args;
        let (id, map) = Self::map_data(module, address)?;
        let bytes = self.memory.read(value, u64::from(map.value_size))?.to_vec();
        let old = self.lookup(module, address, key)?;
        let key = self.memory.read(key, u64::from(map.key_size))?.to_vec();
        match flags {
            0..=2 => {}
            _ => return Ok(EINVAL),
        }
        if old != 0 {
            if flags == 1 {
                return Ok(EEXIST);
            }
            self.memory.write(old, &bytes)?;
            return Ok(0);
        }
        let elements = self.maps.entry(id).or_default();
        if flags == 2 {
            return Ok(ENOENT);
        }
        if is_array(map.kind) || elements.len() >= map.max_entries as usize {
            return Ok(E2BIG);
        }
        elements.insert(key, self.memory.add(RegionKind::Data, bytes));
        Ok(0)
    }

    fn delete(&mut self, module: &Module, map: u64, key: u64) -> Result<u64, Trap> {
        let (id, map) = Self::map_data(module, map)?;
        let key = self.memory.read(key, u64::from(map.key_size))?.to_vec();
        if is_array(map.kind) {
            return Ok(EINVAL);
        }
        let removed = self.maps.get_mut(&id).and_then(|m| m.remove(&key));
        Ok(if removed.is_some() { 0 } else { ENOENT })
    }

    fn probe_read(&mut self, to: u64, len: u64, from: u64) -> Result<u64, Trap> {
        let (bytes, result) = match self.memory.read(from, len) {
            Ok(bytes) => (bytes.to_vec(), 0),
            Err(_) => (vec![0; self.room_at(to, len)?], EFAULT),
        };
        self.memory.write(to, &bytes)?;
        Ok(result)
    }

    fn probe_read_str(&mut self, to: u64, len: u64, from: u64) -> Result<u64, Trap> {
        let room = self.room_at(to, len)?;
        let mut bytes = Vec::new();
        while bytes.len() < room {
            match self.memory.load(from.wrapping_add(bytes.len() as u64), 1) {
                Ok(byte) => bytes.push(byte as u8),
                Err(_) => return Ok(EFAULT),
            }
            if bytes.last() == Some(&0) {
                break;
            }
        }
        if let Some(last) = bytes.last_mut() {
            *last = 0;
        }
        self.memory.write(to, &bytes)?;
        Ok(bytes.len() as u64)
    }

    /// `len`, when so many bytes can be at `to`; keeps a wild length from being allocated.
    fn room_at(&self, to: u64, len: u64) -> Result<usize, Trap> {
        let region = self.memory.region(to).len() as u64;
        if len <= region { Ok(len as usize) } else { Err(Trap::OutOfBounds { address: to, len }) }
    }

    fn reserve(&mut self, size: u64) -> u64 {
        if self.room == 0 || size > 1 << 24 {
            return 0;
        }
        self.room -= 1;
        let at = self.memory.add(RegionKind::Data, vec![0; size as usize]);
        self.reserved.push(at);
        at
    }

    /// Ends a reservation; yields the record.
    fn release(&mut self, at: u64) -> Result<Vec<u8>, Trap> {
        let Some(n) = self.reserved.iter().position(|r| *r == at) else {
            return Err(Trap::Invalid(format!("{at:#x} is not reserved")));
        };
        self.reserved.swap_remove(n);
        let record = self.memory.region(at).to_vec();
        self.memory.end(at);
        Ok(record)
    }

    /// Creates an iterator over numbers: the last one that it gave, and its end.
    fn new_numbers(&mut self, at: u64, start: i32, end: i32) -> Result<u64, Trap> {
        if !self.iterators.insert(at) {
            return Err(Trap::Invalid(format!("{at:#x} is an iterator already")));
        }
        let count = i64::from(end) - i64::from(start);
        let (result, last, end) = match count {
            ..0 => (EINVAL, 0, 0),
            0..=MOST_NUMBERS => (0, start.wrapping_sub(1), end),
            _ => (E2BIG, 0, 0),
        };
        self.memory.store(at, 4, u64::from(last as u32))?;
        self.memory.store(at + 4, 4, u64::from(end as u32))?;
        Ok(result)
    }

    /// The address of the next number, which lies in the iterator; 0 behind the last.
    fn next_number(&mut self, at: u64) -> Result<u64, Trap> {
        if !self.iterators.contains(&at) {
            return Err(Trap::Invalid(format!("{at:#x} is no iterator")));
        }
        let next = i64::from(self.memory.load(at, 4)? as i32) + 1;
        if next >= i64::from(self.memory.load(at + 4, 4)? as i32) {
            self.memory.store(at, 8, 0)?;
            return Ok(0);
        }
        self.memory.store(at, 4, u64::from(next as u32))?;
        Ok(at)
    }

    fn compare(&self, text: u64, len: u64, with: u64) -> Result<u64, Trap> {
        for n in 0..len {
            let (a, b) = (self.memory.load(text + n, 1)?, self.memory.load(with + n, 1)?);
            if a != b || a == 0 {
                return Ok(a.wrapping_sub(b));
            }
        }
        Ok(0)
    }
}

fn is_array(kind: Option<MapKind>) -> bool {
    matches!(kind, Some(MapKind::Array | MapKind::PerCpuArray))
}

fn index(key: &[u8]) -> u64 {
    key.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))
}

impl Host for Machine {
    fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }

    fn late(&mut self, module: &Module, late: LateId) -> Result<u64, Trap> {
        if let Some(n) = self.lates.get(&late) {
            return Ok(*n);
        }
        match module.lates.get(late.index()) {
            Some(Late::EnumValue { value, .. }) => Ok(*value as u64),
            // The kernel is an old one, unless it is told otherwise.
            Some(Late::EnumExists { .. }) => Ok(0),
            _ => Err(Trap::Missing(late.to_string())),
        }
    }

    fn global(&mut self, module: &Module, global: GlobalId) -> Result<u64, Trap> {
        let Some(data) = module.globals.get(global.index()) else {
            return Err(Trap::Invalid(format!("no {global}")));
        };
        let kind = match data.section {
            crate::Section::Rodata => RegionKind::ReadOnly,
            crate::Section::Bss => RegionKind::Data,
        };
        let memory = &mut self.memory;
        Ok(*self.globals.entry(global).or_insert_with(|| memory.add(kind, data.init.clone())))
    }

    fn kfunc_address(&mut self, _: &Module, kfunc: KfuncId) -> u64 {
        if self.kfuncs { 0xffff_ffff_8100_0000 + 64 * u64::from(kfunc.0) } else { 0 }
    }

    fn kfunc(&mut self, module: &Module, kfunc: KfuncId, args: &[u64]) -> Result<u64, Trap> {
        if !self.kfuncs {
            return Err(Trap::Missing(kfunc.to_string()));
        }
        let name = module.kfuncs.get(kfunc.index()).map_or("", |k| k.name.as_str());
        match (name, args) {
            ("bpf_iter_num_new", [at, start, end]) => self.new_numbers(*at, *start as i32, *end as i32),
            ("bpf_iter_num_next", [at]) => self.next_number(*at),
            ("bpf_iter_num_destroy", [at]) => {
                let known = self.iterators.remove(at);
                known.then_some(0).ok_or_else(|| Trap::Invalid(format!("{at:#x} is no iterator")))
            }
            _ => Ok(args.iter().fold(0, |sum, n| sum.wrapping_add(*n))),
        }
    }

    fn helper(&mut self, module: &Module, number: u32, args: &[u64]) -> Result<u64, Trap> {
        Ok(match (number, args) {
            (1, [map, key]) => self.lookup(module, *map, *key)?,
            (2, [map, key, value, flags]) => self.update(module, [*map, *key, *value, *flags])?,
            (3, [map, key]) => self.delete(module, *map, *key)?,
            (4 | 112 | 113, [to, len, from]) => self.probe_read(*to, *len, *from)?,
            (45 | 114 | 115, [to, len, from]) => self.probe_read_str(*to, *len, *from)?,
            (5 | 125, []) => self.time,
            (7, []) => {
                self.random =
                    self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                self.random >> 32
            }
            (8, []) => self.cpu,
            (14, []) => self.pid_tgid,
            (15, []) => self.uid_gid,
            (16, [to, len]) => {
                let room = self.room_at(*to, *len)?;
                let mut comm = self.comm.to_vec();
                comm.resize(room, 0);
                self.memory.write(*to, &comm)?;
                0
            }
            (35 | 158, []) => self.task,
            (80, []) => self.cgroup,
            (130, [_, data, len, _]) => {
                let record = self.memory.read(*data, *len)?.to_vec();
                self.records.push(record);
                0
            }
            (131, [_, size, _]) => self.reserve(*size),
            (132, [at, _]) => {
                let record = self.release(*at)?;
                self.records.push(record);
                0
            }
            (133, [at, _]) => {
                self.release(*at)?;
                0
            }
            (182, [text, len, with]) => self.compare(*text, *len, *with)?,
            _ => return Err(Trap::Missing(format!("helper {number} of {} arguments", args.len()))),
        })
    }

    fn elements(&mut self, _: &Module, map: MapId) -> Result<Vec<(u64, u64)>, Trap> {
        let elements = self.maps.get(&map).cloned().unwrap_or_default();
        Ok(elements
            .into_iter()
            .map(|(key, value)| (self.memory.add(RegionKind::ReadOnly, key), value))
            .collect())
    }
}
