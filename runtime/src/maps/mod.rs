//! Maps of the script: reading, merging CPUs, ordering.

pub(crate) mod raw;
mod baseline;
mod reduce;
mod settle;

use std::cell::Cell;
use std::cmp::Ordering;
use std::sync::Once;

use btc_abi::{Encoding, Map, MapKind, Reduce};

use crate::load::Variable;
use crate::render::{integer, le, part};
use crate::trust::is_padded;
use raw::BpfMap;
pub(crate) use baseline::Baseline;
pub(crate) use reduce::{Value, divide, merge};

/// How often a value is written at most that programs change meanwhile.
const RESETS: usize = 5;

/// Whether it was told that a map cannot be read.
static UNREADABLE: Once = Once::new();

/// One entry, with all CPUs merged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub key: Vec<u8>,
    pub value: Value,
}

/// Where a map's values are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Storage {
    /// In a BPF map.
    Map(BpfMap),
    /// In `.bss`, which is mapped here.
    Variable(Variable),
}

/// An open map of the script.
#[derive(Clone, Debug)]
pub(crate) struct Handle<'m> {
    pub map: &'m Map,
    pub storage: Storage,
    pub cpus: usize,
    /// Entries that it really has room for.
    pub limit: u32,
    /// What counts from, where it is counted: see [`Baseline`].
    pub baseline: Baseline,
}

impl Handle<'_> {
    /// Bytes of a key without what the map pads it with.
    fn key_size(&self) -> usize {
        self.map.key.as_ref().map_or(4, |k| k.size() as usize)
    }

    /// Bytes from one CPU's part to the next one's.
    fn stride(&self) -> usize {
        (self.map.value_size as usize).next_multiple_of(8)
    }

    /// Bytes of a lookup: each CPU's part takes a multiple of 8.
    fn buffer(&self) -> Vec<u8> {
        let size = self.map.value_size as usize;
        if self.map.kind.is_per_cpu() { vec![0; self.stride() * self.cpus] } else { vec![0; size] }
    }

    fn cpu_parts<'b>(&self, buffer: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
        let size = self.map.value_size as usize;
        let stride = if self.map.kind.is_per_cpu() { self.stride() } else { buffer.len().max(1) };
        buffer.chunks(stride).map(move |c| &c[..size.min(c.len())])
    }

    /// Where in a part the mark stands that tells whether a map without key was assigned.
    fn flag(&self) -> usize {
        crate::validate::reduced_size(self.map).next_multiple_of(8) as usize
    }

    /// The value of a map without key, and whether it was ever assigned.
    pub(crate) fn scalar(&self) -> (Value, bool) {
        self.held(&self.read_single())
    }

    fn held(&self, buffer: &[u8]) -> (Value, bool) {
        let is_set = self.cpu_parts(buffer).any(|p| le(p, self.flag()) != 0);
        (merge(self.map, self.cpu_parts(buffer)), is_set)
    }

    /// The same, and the map becomes unassigned, in one step where it is in `.bss` or counts.
    pub(crate) fn take_scalar(&self) -> (Value, bool) {
        let mut buffer = self.buffer();
        match self.storage {
            Storage::Map(_) if Baseline::fits(self.map) => {
                self.lookup(&0u32.to_le_bytes(), &mut buffer);
                let counted = self.baseline.since(buffer.clone(), self.stride(), self.flag());
                self.baseline.set(buffer);
                buffer = counted;
            }
            // What programs delete, too, is an entry of a hash.
            Storage::Map(_) if self.map.kind == MapKind::PerCpuHash => {
                self.take_entry(&0u32.to_le_bytes(), &mut buffer);
            }
            Storage::Map(_) => {
                buffer = self.read_single();
                self.write_single(&self.buffer());
            }
            Storage::Variable(variable) if settle::keeps_total(self.map) => {
                settle::take(variable.words(), &mut buffer, self.stride() / 8, true);
            }
            Storage::Variable(variable) => variable.take(&mut buffer),
        }
        self.held(&buffer)
    }

    /// The bytes of a map without key, of all CPUs.
    fn read_single(&self) -> Vec<u8> {
        let mut buffer = self.buffer();
        match self.storage {
            Storage::Map(_) => {
                self.lookup(&0u32.to_le_bytes(), &mut buffer);
            }
            Storage::Variable(variable) => {
                settle::read(self.map, self.stride(), &mut buffer, |to| {
                    variable.read(to);
                    true
                });
            }
        }
        self.baseline.since(buffer, self.stride(), self.flag())
    }

    fn write_single(&self, bytes: &[u8]) {
        match self.storage {
            Storage::Map(map) => self.reset(map, &0u32.to_le_bytes(), bytes),
            Storage::Variable(variable) => variable.write(bytes),
        }
    }

    /// Writes what all CPUs hold under a key. A change that was going on meanwhile may have left a half, which goes, too.
    fn reset(&self, map: BpfMap, key: &[u8], bytes: &[u8]) {
        for _ in 0..RESETS {
            map.update(key, bytes);
            let mut seen = self.buffer();
            let read = |to: &mut [u8]| map.lookup(key, to);
            if self.map.reduce.progress().is_none() || !read(&mut seen) {
                return;
            }
            let settled = settle::settle(self.map, self.stride(), &mut seen, read);
            if settled && seen.chunks(self.stride()).all(|part| settle::is_own(self.map, part)) {
                return;
            }
        }
    }

    /// The BPF map, if it is in one.
    fn bpf(&self) -> Option<BpfMap> {
        match self.storage {
            Storage::Map(map) => Some(map),
            Storage::Variable(_) => None,
        }
    }

    /// Whether the kernel's map has the sizes that the manifest tells.
    pub(crate) fn is_as_told(&self) -> bool {
        let fits = |map: BpfMap| is_padded(self.key_size() as u32, map.key_size() as u32) && map.filled() == self.buffer().len();
        self.bpf().is_none_or(fits)
    }

    /// Reads what all CPUs hold under a key.
    fn lookup(&self, key: &[u8], buffer: &mut [u8]) -> bool {
        settle::read(self.map, self.stride(), buffer, |to| self.bpf().is_some_and(|map| map.lookup(key, to)))
    }

    /// The value under a key, padded or not.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Value> {
        let (mut key, mut buffer) = (key.to_vec(), self.buffer());
        key.resize(self.bpf()?.key_size(), 0);
        self.merged(&key, &mut buffer)
    }

    /// The value under a key as the map has it, read by way of this buffer.
    fn merged(&self, key: &[u8], buffer: &mut [u8]) -> Option<Value> {
        self.lookup(key, buffer).then(|| merge(self.map, self.cpu_parts(buffer)))
    }

    /// Hands out keys and values as the map has them, halves of changes among them.
    fn each(&self, met: impl FnMut(&[u8], &[u8])) {
        if !self.bpf().is_some_and(|map| map.each(met)) {
            UNREADABLE.call_once(|| say!("WARNING: cannot read all of {}: {}", self.map.name, crate::error::last_os()));
        }
    }

    fn keys(&self) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        self.each(|key, _| keys.push(key.to_vec()));
        keys
    }

    /// All entries in the order in which they print.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let (mut entries, mut buffer) = (Vec::new(), self.buffer());
        self.each(|key, value| {
            // What the walk has read is the first try.
            let walked = Cell::new(Some(value));
            let read = |to: &mut [u8]| match walked.take() {
                Some(value) => {
                    to.copy_from_slice(value);
                    true
                }
                None => self.bpf().is_some_and(|map| map.lookup(key, to)),
            };
            settle::read(self.map, self.stride(), &mut buffer, read);
            entries.push(Entry { key: key.to_vec(), value: merge(self.map, self.cpu_parts(&buffer)) });
        });
        sort(self.map, &mut entries);
        entries
    }

    /// Takes what all CPUs hold under a key out of the map. A change that is going on is lost with the entry; it leaves no half.
    fn take_entry(&self, key: &[u8], buffer: &mut [u8]) -> bool {
        let Some(map) = self.bpf() else { return false };
        if self.map.reduce.progress().is_none() {
            return map.take(key, buffer);
        }
        let mut before = self.buffer();
        if !self.lookup(key, &mut before) || !map.take(key, buffer) {
            return false;
        }
        for (part, before) in buffer.chunks_mut(self.stride()).zip(before.chunks(self.stride())) {
            if !settle::is_whole(self.map, part) {
                part.copy_from_slice(before);
            }
        }
        true
    }

    /// All entries in the order in which they print; the map is empty then.
    pub(crate) fn take_entries(&self) -> Vec<Entry> {
        let mut buffer = self.buffer();
        let taken = |key: Vec<u8>| {
            let value = self.take_entry(&key, &mut buffer).then(|| merge(self.map, self.cpu_parts(&buffer)))?;
            Some(Entry { key, value })
        };
        let mut entries: Vec<Entry> = self.keys().into_iter().filter_map(taken).collect();
        sort(self.map, &mut entries);
        entries
    }

    /// Deletes all entries; a map without key becomes unassigned.
    pub(crate) fn clear(&self) {
        if self.map.key.is_none() {
            self.take_scalar();
            return;
        }
        let Some(map) = self.bpf() else { return };
        for key in self.keys() {
            map.delete(&key);
        }
    }

    /// Sets all values to 0; a map without key stays assigned if it was.
    pub(crate) fn zero(&self) {
        if self.map.key.is_some() {
            let (Some(map), zeros) = (self.bpf(), self.buffer()) else { return };
            for key in self.keys() {
                self.reset(map, &key, &zeros);
            }
            return;
        }
        if let (Storage::Variable(variable), true) = (self.storage, settle::keeps_total(self.map)) {
            return settle::take(variable.words(), &mut self.buffer(), self.stride() / 8, false);
        }
        let (mut buffer, flag) = (self.read_single(), self.flag());
        if !self.cpu_parts(&buffer).any(|p| le(p, flag) != 0) {
            return;
        }
        if Baseline::fits(self.map) {
            self.take_scalar();
            return self.baseline.keep_assigned(self.stride(), flag);
        }
        let size = self.map.value_size as usize;
        let stride = if self.map.kind.is_per_cpu() { self.stride() } else { size };
        for part in buffer.chunks_mut(stride.max(1)) {
            let end = flag.min(part.len());
            part[..end].fill(0);
        }
        self.write_single(&buffer);
    }
}

/// Ascending by value, then by key.
fn sort(map: &Map, entries: &mut [Entry]) {
    entries.sort_by(|a, b| {
        let by_value = match (&a.value, &b.value) {
            (Value::Bytes(x), Value::Bytes(y)) => compare(&map.value, x, y),
            (Value::Number(x, signed), Value::Number(y, _)) => number_order(*x, *y, *signed),
            (Value::Stats { average: x, signed, .. }, Value::Stats { average: y, .. }) => number_order(*x, *y, *signed),
            (Value::Buckets(x), Value::Buckets(y)) => total(x).cmp(&total(y)),
            _ => Ordering::Equal,
        };
        by_value.then_with(|| match &map.key {
            Some(key) => compare(key, &a.key, &b.key),
            None => Ordering::Equal,
        })
    });
}

fn total(counts: &[u64]) -> u128 {
    counts.iter().map(|c| u128::from(*c)).sum()
}

fn number_order(a: u64, b: u64, signed: bool) -> Ordering {
    if signed { (a as i64).cmp(&(b as i64)) } else { a.cmp(&b) }
}

/// Orders two values of one type.
pub(crate) fn compare(encoding: &Encoding, a: &[u8], b: &[u8]) -> Ordering {
    if let (Some((x, signed)), Some((y, _))) = (integer(encoding, a), integer(encoding, b)) {
        return number_order(x, y, signed);
    }
    match encoding {
        Encoding::Str { .. } => crate::render::string::until_nul(a).cmp(crate::render::string::until_nul(b)),
        Encoding::Tuple(fields) | Encoding::Record(fields) => {
            let of = |f: &btc_abi::Field| {
                compare(&f.encoding, part(a, f.offset, &f.encoding), part(b, f.offset, &f.encoding))
            };
            fields.iter().map(of).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        }
        Encoding::Array { element, count, stride } => (0..*count)
            .map(|i| {
                let at = i.saturating_mul(*stride);
                compare(element, part(a, at, element), part(b, at, element))
            })
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal),
        _ => a.cmp(b),
    }
}

/// Whether values of the map are histograms or series, which print as blocks.
pub(crate) fn is_block(map: &Map) -> bool {
    matches!(map.reduce, Reduce::Hist { .. } | Reduce::LHist { .. } | Reduce::TSeries { .. })
}

#[cfg(test)]
pub(crate) mod tests {
    use btc_abi::{Field, MapKind};

    use super::*;

    pub(crate) fn map(value: Encoding, reduce: Reduce) -> Map {
        Map {
            name: "@m".into(),
            symbol: "m".into(),
            kind: MapKind::Hash,
            key: Some(Encoding::Int { size: 8, signed: true }),
            short_key: None,
            multi_key: false,
            value_size: 64,
            value,
            reduce,
            max_entries: 10,
            default_size: false,
            printed: true,
        }
    }

    fn order(map: &Map, values: &[&[u8]]) -> Vec<u8> {
        let mut entries: Vec<Entry> = values
            .iter()
            .enumerate()
            .map(|(i, v)| Entry { key: (i as u64).to_le_bytes().to_vec(), value: Value::Bytes(v.to_vec()) })
            .collect();
        sort(map, &mut entries);
        entries.iter().map(|e| e.key[0]).collect()
    }

    #[test]
    fn entries_are_ordered_by_the_type_of_their_value() {
        let signed = map(Encoding::Int { size: 1, signed: true }, Reduce::Last);
        assert_eq!(order(&signed, &[&[5], &[0xff], &[0]]), [1, 2, 0]);
        let unsigned = map(Encoding::Int { size: 1, signed: false }, Reduce::Last);
        assert_eq!(order(&unsigned, &[&[5], &[0xff], &[0]]), [2, 0, 1]);
        let text = map(Encoding::Str { capacity: 3, cut_mark: false }, Reduce::Last);
        assert_eq!(order(&text, &[b"b\0z", b"ab\0", b"a\0y"]), [2, 1, 0]);
        let fields = (0..2).map(|i| Field {
            name: String::new(),
            offset: i,
            encoding: Encoding::Int { size: 1, signed: false },
        });
        let tuple = map(Encoding::Tuple(fields.collect()), Reduce::Last);
        assert_eq!(order(&tuple, &[&[2, 0], &[1, 9], &[1, 3]]), [2, 1, 0]);
    }

    #[test]
    fn equal_values_are_ordered_by_key() {
        let m = map(Encoding::Int { size: 1, signed: true }, Reduce::Last);
        assert_eq!(order(&m, &[&[1], &[1], &[1]]), [0, 1, 2]);
    }
}
