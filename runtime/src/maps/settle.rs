//! Numbers that belong together, read while CPUs change them.
//!
//! An `avg`, `stats` or `tseries` is several words, which no CPU changes in one step, and a CPU may be stopped in the middle: its
//! task by another one, a virtual one by its host. Two words tell whether a change is going on, see [`Reduce::progress`].

use std::cmp::Ordering;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use btc_abi::{Map, Reduce, TAKING};

use crate::render::le;

/// How often parts are read without a pause.
const TRIES: usize = 100;
/// Between further ones: a CPU that was stopped in the middle goes on, as a rule soon.
const PAUSE: Duration = Duration::from_millis(1);
/// How long is waited for that.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was told.
static UNSETTLED: Once = Once::new();
static DELETED: Once = Once::new();

/// Whether the map's parts also tell the total of before, and who takes from them.
pub(crate) fn keeps_total(map: &Map) -> bool {
    map.kind.is_spread() && matches!(map.reduce, Reduce::Avg { .. } | Reduce::Stats { .. })
}

/// Changes of a part that have begun, beside those that are done. More are done than have begun where some did so when the
/// memory still was another entry's: the kernel's hash gives that of a deleted one to the next at once, whoever still writes
/// to it.
fn progress(map: &Map, part: &[u8]) -> Ordering {
    map.reduce.progress().map_or(Ordering::Equal, |(done, begun)| le(part, begun as usize).cmp(&le(part, done as usize)))
}

/// Whether no change of a part is going on.
pub(crate) fn is_whole(map: &Map, part: &[u8]) -> bool {
    progress(map, part).is_le()
}

/// Whether all changes that ended in the part began there.
pub(crate) fn is_own(map: &Map, part: &[u8]) -> bool {
    progress(map, part).is_ge()
}

/// Reads a value by `read`, again and again until each part is of one moment.
pub(crate) fn read(map: &Map, stride: usize, buffer: &mut [u8], read: impl Fn(&mut [u8]) -> bool) -> bool {
    if !read(buffer) {
        return false;
    }
    if !settle(map, stride, buffer, read) {
        for part in buffer.chunks_mut(stride).filter(|part| !is_whole(map, part)) {
            if keeps_total(map) {
                part.copy_within(24..32, 8);
            } else {
                tell(map, &UNSETTLED, "was read in the middle of a change that did not end: its numbers may not belong together");
            }
        }
    }
    if !buffer.chunks(stride).all(|part| is_own(map, part)) {
        tell(map, &DELETED, "had an entry deleted while a CPU added to it: a new one may hold a part of that event");
    }
    true
}

/// Reads again what is not of one moment; tells whether all is.
pub(crate) fn settle(map: &Map, stride: usize, buffer: &mut [u8], read: impl Fn(&mut [u8]) -> bool) -> bool {
    let start = Instant::now();
    let mut newer = Vec::new();
    for tries in 0.. {
        if buffer.chunks(stride).all(|part| is_whole(map, part)) {
            return true;
        }
        if tries > TRIES {
            // A part that all reach has the total of before the change, too.
            if keeps_total(map) || start.elapsed() >= PATIENCE {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        newer.resize(buffer.len(), 0);
        if !read(&mut newer) {
            break;
        }
        for (part, new) in buffer.chunks_mut(stride).zip(newer.chunks(stride)) {
            if !is_whole(map, part) {
                part.copy_from_slice(new);
            }
        }
    }
    false
}

/// Says once, for each reason, that a number may be none that anybody made.
fn tell(map: &Map, told: &Once, what: &str) {
    told.call_once(|| say!("WARNING: {} {what}", map.name));
}

/// Copies parts of `stride` words and takes from each what was copied: what CPUs add meanwhile stays. The marks that the
/// map was assigned go only if they are not wanted.
pub(crate) fn take(words: &[AtomicU64], to: &mut [u8], stride: usize, marks: bool) {
    for (part, copy) in words.chunks_exact(stride).zip(to.chunks_exact_mut(stride * 8)) {
        let seen = (0..TRIES).find_map(|_| take_part(part)).unwrap_or_default();
        let mark = if marks { part[4].swap(0, SeqCst) } else { part[4].load(SeqCst) };
        let (count, total) = seen;
        for (value, bytes) in [count, total, count, 0, mark].iter().zip(copy.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
    }
}

/// Takes count and total from a part, unless somebody else does or its CPU is changing it.
fn take_part(part: &[AtomicU64]) -> Option<(u64, u64)> {
    let begun = part[2].fetch_add(TAKING, SeqCst);
    let (count, total) = (part[0].load(SeqCst), part[1].load(SeqCst));
    // Begun before and after: nothing came in between, and a program may have begun to take at the same time.
    if count != begun || part[2].load(SeqCst) != begun.wrapping_add(TAKING) {
        part[2].fetch_sub(TAKING, SeqCst);
        std::thread::yield_now();
        return None;
    }
    part[1].fetch_sub(total, SeqCst);
    part[0].fetch_sub(count, SeqCst);
    part[2].fetch_sub(count.wrapping_add(TAKING), SeqCst);
    Some((count, total))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use btc_abi::{Encoding, MapKind};

    use super::super::tests::map;
    use super::*;

    fn bytes(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }

    /// What is read where these are the words of one part after the other.
    fn result(kind: MapKind, reads: &[&[u64]]) -> Vec<u8> {
        let map = Map { kind, ..map(Encoding::Bool, Reduce::Avg { signed: true }) };
        let next = Cell::new(0);
        let mut buffer = bytes(reads[0]);
        let size = buffer.len();
        assert!(read(&map, size, &mut buffer, |to| {
            to.copy_from_slice(&bytes(reads[next.get().min(reads.len() - 1)]));
            next.set(next.get() + 1);
            true
        }));
        buffer
    }

    #[test]
    fn parts_are_read_until_count_and_total_belong_together() {
        // A CPU that is stopped in the middle looks the same again and again.
        let half: &[u64] = &[1, 20, 2];
        assert_eq!(result(MapKind::PerCpuHash, &[half, half, half, &[2, 20, 2], &[3, 30, 3]]), bytes(&[2, 20, 2]));
        let mut slow = vec![half; TRIES + 10];
        slow.push(&[2, 20, 2]);
        assert_eq!(result(MapKind::PerCpuArray, &slow), bytes(&[2, 20, 2]));
        // One that never goes on is told of.
        assert_eq!(result(MapKind::PerCpuArray, &[half]), bytes(half));
        let reads: [&[u64]; 3] = [&[1, 20, 2, 10], &[2, 20, 2, 10], &[3, 30, 3, 20]];
        assert_eq!(result(MapKind::SpreadHash, &reads), bytes(&[2, 20, 2, 10]));
        // What began in another entry is not going on.
        assert_eq!(result(MapKind::SpreadHash, &[&[2, 20, 1, 10], &[3, 30, 2, 20]]), bytes(&[2, 20, 1, 10]));
        assert_eq!(result(MapKind::PerCpuHash, &[&[2, 20, 1], &[3, 30, 2]]), bytes(&[2, 20, 1]));
        // Of one that never settles the total of before counts.
        assert_eq!(result(MapKind::SpreadHash, &[&[1, 20, 2, 10]]), bytes(&[1, 10, 2, 10]));
    }

    #[test]
    fn what_is_taken_is_what_was_there() {
        let words: Vec<AtomicU64> = [2, 20, 2, 10, 1, 0, 0, 0, 0, 0].map(AtomicU64::new).into();
        let left = |words: &[AtomicU64]| words.iter().map(|w| w.load(SeqCst)).collect::<Vec<_>>();
        let mut copy = vec![0; 80];
        take(&words, &mut copy, 5, false);
        assert_eq!(copy, bytes(&[2, 20, 2, 0, 1, 0, 0, 0, 0, 0]));
        assert_eq!(left(&words), [0, 0, 0, 10, 1, 0, 0, 0, 0, 0]);
        // A change that has begun and is not finished stays.
        words[2].fetch_add(1, SeqCst);
        words[1].fetch_add(10, SeqCst);
        take(&words, &mut copy, 5, false);
        assert_eq!((copy, left(&words)[..3].to_vec()), (bytes(&[0, 0, 0, 0, 1, 0, 0, 0, 0, 0]), vec![0, 10, 1]));
        words[0].fetch_add(1, SeqCst);
        let mut copy = vec![0; 80];
        take(&words, &mut copy, 5, true);
        assert_eq!(copy[..40], bytes(&[1, 10, 1, 0, 1]));
        assert_eq!(left(&words), [0, 0, 0, 10, 0, 0, 0, 0, 0, 0]);
    }
}
