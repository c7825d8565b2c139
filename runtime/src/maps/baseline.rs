//! What a map that counts on each CPU counts from.
//!
//! Nobody but a CPU can set its part to 0 without losing what it adds meanwhile. So parts are never set: what they
//! held when the map was last cleared is kept here and taken off. Minima and maxima cannot be had that way.

use std::cell::RefCell;

use btc_abi::{Map, MapKind, Reduce};

/// The parts of all CPUs as they were when the map was last cleared; empty before that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Baseline(RefCell<Vec<u8>>);

impl Baseline {
    /// Whether the map is one of those.
    pub fn fits(map: &Map) -> bool {
        let adds = matches!(
            map.reduce,
            Reduce::Count
                | Reduce::Sum { .. }
                | Reduce::Avg { .. }
                | Reduce::Stats { .. }
                | Reduce::Hist { .. }
                | Reduce::LHist { .. }
        );
        adds && map.kind == MapKind::PerCpuArray
    }

    /// From now on the map counts from these parts.
    pub fn set(&self, parts: Vec<u8>) {
        self.0.replace(parts);
    }

    /// A map that was assigned stays so, though it counts from 0.
    pub fn keep_assigned(&self, stride: usize, flag: usize) {
        for part in self.0.borrow_mut().chunks_mut(stride) {
            part[flag..flag + 8].fill(0);
        }
    }

    /// What has been added since. The mark at `flag` tells whether anything was assigned since.
    pub fn since(&self, mut parts: Vec<u8>, stride: usize, flag: usize) -> Vec<u8> {
        let before = self.0.borrow();
        if before.is_empty() {
            return parts;
        }
        for (part, before) in parts.chunks_mut(stride).zip(before.chunks(stride)) {
            let mut added = 0;
            for (now, then) in part.chunks_exact_mut(8).zip(before.chunks_exact(8)).take(flag / 8 + 1) {
                let difference = word(now).wrapping_sub(word(then));
                added |= difference;
                now.copy_from_slice(&difference.to_le_bytes());
            }
            // The mark is set once only: what was added tells more.
            part[flag..flag + 8].copy_from_slice(&u64::from(added != 0).to_le_bytes());
        }
        parts
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }

    #[test]
    fn what_was_there_is_taken_off() {
        let baseline = Baseline::default();
        let since = |words: &[u64]| baseline.since(parts(words), 16, 8);
        assert_eq!(since(&[5, 1, 0, 0]), parts(&[5, 1, 0, 0]), "two CPUs, one of which counted");
        baseline.set(parts(&[5, 1, 0, 0]));
        assert_eq!(since(&[5, 1, 0, 0]), parts(&[0, 0, 0, 0]), "unassigned");
        assert_eq!(since(&[7, 1, 3, 1]), parts(&[2, 1, 3, 1]));
        baseline.set(parts(&[u64::MAX, 1, 3, 1]));
        assert_eq!(since(&[1, 1, 3, 1]), parts(&[2, 1, 0, 0]), "a sum may wrap around");
        baseline.keep_assigned(16, 8);
        assert_eq!(since(&[u64::MAX, 1, 3, 1]), parts(&[0, 1, 0, 1]), "0, but assigned");
    }
}
