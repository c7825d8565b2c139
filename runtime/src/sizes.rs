//! How much of the kernel's memory maps take. The kernel makes a map whole, and nothing interrupts it meanwhile: what does not
//! fit is refused before it is asked to.

use btc_abi::{MapKind, RINGBUF};
use btc_elf::definitions::MapDefinition;

use crate::Error;
use crate::binding::possible_cpus;

/// Bytes of a hash's entry besides key and value (kernel/bpf/hashtab.c: `struct htab_elem`, from 5.10 to 7.2).
const OF_ENTRY: u64 = 48;
/// Bytes of a hash's bucket (kernel/bpf/hashtab.c: `struct bucket`). There are as many as entries, to the next power of two.
const OF_BUCKET: u64 = 16;
/// `BPF_F_NO_PREALLOC`: entries are made when they are needed.
const NO_PREALLOC: u32 = 1;

/// Bytes that the kernel takes for a map as soon as it is made, on this host: an estimate.
pub(crate) fn bytes(map: &MapDefinition) -> u64 {
    let entries = u64::from(map.max_entries);
    if map.kind == RINGBUF {
        return entries;
    }
    let is = |kinds: &[MapKind]| kinds.iter().any(|kind| kind.number() == Some(map.kind));
    let cpus = if is(&[MapKind::PerCpuArray, MapKind::PerCpuHash, MapKind::LruPerCpuHash]) { possible_cpus() as u64 } else { 1 };
    let value = u64::from(map.value_size).next_multiple_of(8).saturating_mul(cpus);
    if is(&[MapKind::Array, MapKind::PerCpuArray]) {
        return value.saturating_mul(entries);
    }
    if is(&[MapKind::LpmTrie]) || map.flags & NO_PREALLOC != 0 {
        return 0;
    }
    let entry = OF_ENTRY.saturating_add(u64::from(map.key_size).next_multiple_of(8)).saturating_add(value);
    entry.saturating_mul(entries).saturating_add(OF_BUCKET.saturating_mul(entries.next_power_of_two()))
}

/// Bytes in words: `1.5 GiB`, `300 MiB`.
pub(crate) fn in_words(bytes: u64) -> String {
    match bytes {
        1_073_741_824.. => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// Refuses maps that take more than the host has left.
///
/// # Errors
/// When they do.
pub(crate) fn check(maps: &[MapDefinition]) -> Result<(), Error> {
    let total = maps.iter().map(bytes).fold(0, u64::saturating_add);
    // Where nobody tells, the kernel decides.
    match available() {
        Some(available) if total > available => Err(Error::new(format!(
            "the script's maps take {} of the kernel's memory, and this host has {} left: make the largest smaller (`let @x = hash(N)`, max_map_keys)",
            in_words(total),
            in_words(available)
        ))),
        _ => Ok(()),
    }
}

/// Bytes that the kernel can give away without swapping (`MemAvailable`, Linux 3.14).
pub(crate) fn available() -> Option<u64> {
    told(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

pub(crate) fn told(memory: &str) -> Option<u64> {
    let line = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> MapDefinition {
        MapDefinition { kind: kind.number().unwrap(), key_size, value_size, max_entries, ..MapDefinition::default() }
    }

    #[test]
    fn each_kind_takes_what_it_is_made_of() {
        let cpus = possible_cpus() as u64;
        assert_eq!(bytes(&map(MapKind::Array, 4, 12, 10)), 160);
        assert_eq!(bytes(&map(MapKind::PerCpuArray, 4, 12, 10)), 160 * cpus);
        assert_eq!(bytes(&map(MapKind::Hash, 4, 8, 1000)), 64 * 1000 + 16 * 1024);
        assert_eq!(bytes(&map(MapKind::PerCpuHash, 4, 8, 1000)), (56 + 8 * cpus) * 1000 + 16 * 1024);
        assert_eq!(bytes(&MapDefinition { flags: NO_PREALLOC, ..map(MapKind::Hash, 4, 8, 1000) }), 0);
        assert_eq!(bytes(&MapDefinition { kind: RINGBUF, max_entries: 1 << 20, ..MapDefinition::default() }), 1 << 20);
    }

    #[test]
    fn what_cannot_fit_is_refused() {
        assert!(check(&[map(MapKind::Hash, 8, 8, 100)]).is_ok());
        let error = check(&[map(MapKind::Hash, u32::MAX, u32::MAX, u32::MAX)]).unwrap_err().to_string();
        assert!(error.contains("GiB") && error.contains("max_map_keys"), "{error}");
        assert!(available().is_some_and(|a| a > 1 << 20));
    }
}
