//! BPF maps by file descriptor.

use std::ffi::c_void;

use libbpf_sys as sys;

/// Reads the value under a key; `value` must have the size that the kernel fills
/// (for per-CPU maps, that of all CPUs).
pub(crate) fn lookup(fd: i32, key: &[u8], value: &mut [u8]) -> bool {
    // SAFETY: the caller gives buffers of the map's sizes; the kernel reads and
    // writes no further.
    unsafe { sys::bpf_map_lookup_elem(fd, key.as_ptr().cast(), value.as_mut_ptr().cast()) == 0 }
}

/// Writes the value under a key.
pub(crate) fn update(fd: i32, key: &[u8], value: &[u8]) -> bool {
    // SAFETY: as for `lookup`.
    unsafe { sys::bpf_map_update_elem(fd, key.as_ptr().cast(), value.as_ptr().cast(), u64::from(sys::BPF_ANY)) == 0 }
}

/// Deletes a key.
pub(crate) fn delete(fd: i32, key: &[u8]) -> bool {
    // SAFETY: as for `lookup`.
    unsafe { sys::bpf_map_delete_elem(fd, key.as_ptr().cast()) == 0 }
}

/// Reads the value under a key and deletes the key. Nothing is lost in between where the kernel can do both at
/// once (Linux 5.14 for hash maps).
pub(crate) fn take(fd: i32, key: &[u8], value: &mut [u8]) -> bool {
    // SAFETY: as for `lookup`.
    let both = unsafe { sys::bpf_map_lookup_and_delete_elem(fd, key.as_ptr().cast(), value.as_mut_ptr().cast()) };
    let gone = std::io::Error::last_os_error().raw_os_error() == Some(libc::ENOENT);
    both == 0 || (!gone && lookup(fd, key, value) && delete(fd, key))
}

/// All keys, at most `limit`: a map that changes meanwhile may start over.
pub(crate) fn keys(fd: i32, size: usize, limit: usize) -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    while keys.len() < limit {
        let before: *const c_void = keys.last().map_or(std::ptr::null(), |k: &Vec<u8>| k.as_ptr().cast());
        let mut next = vec![0u8; size];
        // SAFETY: both keys have the map's key size; a null key asks for the first.
        if unsafe { sys::bpf_map_get_next_key(fd, before, next.as_mut_ptr().cast()) } != 0 {
            break;
        }
        if !seen.insert(next.clone()) {
            break;
        }
        keys.push(next);
    }
    keys
}
