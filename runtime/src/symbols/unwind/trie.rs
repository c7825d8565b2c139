//! The trie from addresses to tables: a mapping is a handful of pieces, each a power of two long and aligned to it.

use std::ops::Range;

use btc_abi::unwind::{ADDRESS_BITS, KEY_SIZE, MAPPING_SIZE, PROCESS_BITS};
use libbpf_sys as sys;

/// What is found for an address.
#[derive(Clone, Copy, Default)]
pub(super) struct Entry {
    /// What rows' addresses are less than the process's.
    pub bias: u64,
    pub first: u32,
    pub rows: u32,
}

type Key = [u8; KEY_SIZE as usize];

fn key(bits: u32, pid: u32, address: u64) -> Key {
    let mut key = [0; KEY_SIZE as usize];
    key[..4].copy_from_slice(&bits.to_ne_bytes());
    key[4..8].copy_from_slice(&pid.to_ne_bytes());
    key[8..].copy_from_slice(&address.to_be_bytes());
    key
}

/// The pieces of a range: address and bits that do not count.
fn pieces(range: Range<u64>) -> impl Iterator<Item = (u64, u32)> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        let rest = range.end.checked_sub(at).filter(|rest| *rest > 0)?;
        let bits = at.trailing_zeros().min(rest.ilog2());
        let piece = (at, bits);
        at = at.checked_add(1 << bits)?;
        Some(piece)
    })
}

fn keys(pid: u32, range: Range<u64>) -> impl Iterator<Item = Key> {
    pieces(range).map(move |(address, bits)| key(ADDRESS_BITS - bits, pid, address))
}

fn update(map: i32, key: &Key, entry: Entry) -> bool {
    let mut value = [0; MAPPING_SIZE as usize];
    value[..8].copy_from_slice(&entry.bias.to_ne_bytes());
    value[8..12].copy_from_slice(&entry.first.to_ne_bytes());
    value[12..].copy_from_slice(&entry.rows.to_ne_bytes());
    // SAFETY: key and value have the map's sizes.
    unsafe { sys::bpf_map_update_elem(map, key.as_ptr().cast(), value.as_ptr().cast(), 0) == 0 }
}

fn delete(map: i32, key: &Key) {
    // What is not there need not be deleted.
    // SAFETY: the key has the map's size.
    unsafe { sys::bpf_map_delete_elem(map, key.as_ptr().cast()) };
}

/// Tells programs that a process is one of those with tables.
pub(super) fn know(map: i32, pid: u32) {
    update(map, &key(PROCESS_BITS, pid, 0), Entry::default());
}

/// Takes [`know`] back.
pub(super) fn forget(map: i32, pid: u32) {
    delete(map, &key(PROCESS_BITS, pid, 0));
}

/// Adds a mapping; `false` when there is no room.
pub(super) fn add(map: i32, pid: u32, range: Range<u64>, entry: Entry) -> bool {
    keys(pid, range).all(|key| update(map, &key, entry))
}

/// Removes a mapping.
pub(super) fn remove(map: i32, pid: u32, range: Range<u64>) {
    keys(pid, range).for_each(|key| delete(map, &key));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_aligned_and_cover_the_range() {
        let all: Vec<_> = pieces(0x1000..0x8000).collect();
        assert_eq!(all, [(0x1000, 12), (0x2000, 13), (0x4000, 14)]);
        assert_eq!(pieces(0x7fff_f000..0x8000_1000).collect::<Vec<_>>(), [(0x7fff_f000, 12), (0x8000_0000, 12)]);
        assert_eq!(pieces(7..7).count(), 0);
        assert!(pieces(1..u64::MAX).count() < 128);
    }

    #[test]
    fn keys_begin_with_the_bits_that_count() {
        let key = keys(7, 0x2000..0x4000).next().unwrap();
        assert_eq!(key[..4], (96u32 - 13).to_ne_bytes());
        assert_eq!((key[4..8].to_vec(), &key[8..]), (7u32.to_ne_bytes().to_vec(), &[0, 0, 0, 0, 0, 0, 0x20, 0][..]));
    }
}
