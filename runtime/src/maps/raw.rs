//! BPF maps as the kernel has them. Nothing else hands buffers to it, and their sizes are those that it tells.

use std::ffi::c_void;
use std::mem::size_of;

use libbpf_sys as sys;

/// Bytes of keys and values that are asked for at once.
const BATCH: usize = 1 << 20;
/// Entries that are asked for at once at most.
const MOST_ENTRIES: usize = 4096;

/// A map of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BpfMap {
    fd: i32,
    key_size: usize,
    /// Bytes that a lookup fills: of per-CPU maps those of all possible CPUs.
    filled: usize,
}

/// Whether each CPU has its own value in maps of a kind (`BPF_MAP_TYPE_*`).
fn is_per_cpu(kind: u32) -> bool {
    matches!(kind, sys::BPF_MAP_TYPE_PERCPU_ARRAY | sys::BPF_MAP_TYPE_PERCPU_HASH | sys::BPF_MAP_TYPE_LRU_PERCPU_HASH)
}

impl BpfMap {
    /// The map of a descriptor; `None` when it is not one of a map, or the kernel does not tell its sizes.
    pub(crate) fn open(fd: i32) -> Option<BpfMap> {
        let mut info = sys::bpf_map_info::default();
        let mut length = size_of::<sys::bpf_map_info>() as u32;
        // SAFETY: `info` is writable and as long as told.
        let answer = unsafe { sys::bpf_obj_get_info_by_fd(fd, (&raw mut info).cast(), &raw mut length) };
        if answer != 0 {
            return None;
        }
        let value = info.value_size as usize;
        let parts = if is_per_cpu(info.type_) { crate::binding::possible_cpus() } else { 1 };
        let filled = if is_per_cpu(info.type_) { value.next_multiple_of(8).checked_mul(parts)? } else { value };
        Some(BpfMap { fd, key_size: info.key_size as usize, filled })
    }

    /// Bytes of a key.
    pub(crate) fn key_size(&self) -> usize {
        self.key_size
    }

    /// Bytes that a lookup fills.
    pub(crate) fn filled(&self) -> usize {
        self.filled
    }

    fn fits(&self, key: &[u8], value: &[u8]) -> bool {
        self.key_size == key.len() && self.filled == value.len()
    }

    /// Reads the value under a key. `false` when there is none, or a buffer is not as long as the map's.
    pub(crate) fn lookup(&self, key: &[u8], value: &mut [u8]) -> bool {
        // SAFETY: both buffers have the map's sizes; the kernel reads and writes no further.
        self.fits(key, value) && unsafe { sys::bpf_map_lookup_elem(self.fd, key.as_ptr().cast(), value.as_mut_ptr().cast()) == 0 }
    }

    /// Writes the value under a key.
    pub(crate) fn update(&self, key: &[u8], value: &[u8]) -> bool {
        let any = u64::from(sys::BPF_ANY);
        // SAFETY: as for `lookup`.
        self.fits(key, value) && unsafe { sys::bpf_map_update_elem(self.fd, key.as_ptr().cast(), value.as_ptr().cast(), any) == 0 }
    }

    /// Deletes a key.
    pub(crate) fn delete(&self, key: &[u8]) -> bool {
        // SAFETY: the key has the map's size.
        key.len() == self.key_size && unsafe { sys::bpf_map_delete_elem(self.fd, key.as_ptr().cast()) == 0 }
    }

    /// Reads the value under a key and deletes the key. Nothing is lost in between where the kernel can do both at
    /// once (Linux 5.14 for hash maps).
    pub(crate) fn take(&self, key: &[u8], value: &mut [u8]) -> bool {
        if !self.fits(key, value) {
            return false;
        }
        // SAFETY: as for `lookup`.
        let both = unsafe { sys::bpf_map_lookup_and_delete_elem(self.fd, key.as_ptr().cast(), value.as_mut_ptr().cast()) };
        let gone = std::io::Error::last_os_error().raw_os_error() == Some(libc::ENOENT);
        both == 0 || (!gone && self.lookup(key, value) && self.delete(key))
    }

    /// Hands out all entries, keys and values. One that is there all the time comes exactly once, whatever programs add and
    /// delete meanwhile: the kernel goes by the buckets of its hash (`BPF_MAP_LOOKUP_BATCH`, Linux 5.6), and not from key to
    /// key, where a deleted one leads back to the first. `false` when the kernel refuses, as for maps that are no hashes.
    pub(crate) fn each(&self, mut met: impl FnMut(&[u8], &[u8])) -> bool {
        if self.key_size == 0 || self.filled == 0 {
            return false;
        }
        let mut room = (BATCH / (self.key_size + self.filled)).clamp(1, MOST_ENTRIES);
        // The bucket to go on with; none yet.
        let mut bucket: Option<u32> = None;
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        loop {
            keys.resize(room * self.key_size, 0u8);
            values.resize(room * self.filled, 0u8);
            let (mut count, mut next) = (room as u32, 0u32);
            let from = bucket.as_ref().map_or(std::ptr::null_mut(), |b| std::ptr::from_ref(b).cast_mut().cast::<c_void>());
            // SAFETY: there is room for `count` keys and values of the map's sizes; a bucket's number takes 4 bytes, and the
            // kernel only reads the one to begin with.
            let answer = unsafe {
                let to = (keys.as_mut_ptr().cast(), values.as_mut_ptr().cast());
                sys::bpf_map_lookup_batch(self.fd, from, (&raw mut next).cast(), to.0, to.1, &raw mut count, std::ptr::null())
            };
            let error = std::io::Error::last_os_error().raw_os_error();
            let at_end = answer != 0 && error == Some(libc::ENOENT);
            if answer != 0 && error == Some(libc::ENOSPC) {
                // One bucket holds more than there was room for.
                room *= 2;
                continue;
            }
            if answer != 0 && !at_end {
                return false;
            }
            let entries = keys.chunks_exact(self.key_size).zip(values.chunks_exact(self.filled));
            entries.take(count as usize).for_each(|(key, value)| met(key, value));
            if at_end {
                return true;
            }
            bucket = Some(next);
        }
    }
}
