//! The numbers of attach points, which `probe` and `func` are. Attach points of one name have one number, whichever probe of the
//! script they are of and however many places have it: `probe` as a key is the name.

use std::collections::HashMap;

use btc_abi::{Probe, ProbeIdentity};

use crate::render::PointName;

/// Attach points by number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Points {
    /// Those of probes whose names the compiler knew, by name.
    known: HashMap<String, u64>,
    /// The first number that is no probe's of the object.
    first: u64,
    numbers: HashMap<PointName, u64>,
    /// The names of all others, in the order of their numbers.
    pub names: Vec<PointName>,
}

impl Points {
    pub(super) fn new(probes: &[Probe]) -> Points {
        let mut known = HashMap::new();
        for (n, probe) in probes.iter().enumerate().filter(|(_, p)| p.identity == ProbeIdentity::Static) {
            known.entry(probe.name.clone()).or_insert(n as u64);
        }
        Points { known, first: probes.len() as u64, ..Points::default() }
    }

    /// The number of an attach point.
    pub(super) fn number(&mut self, name: &PointName) -> u64 {
        if let Some(number) = self.known.get(&name.name) {
            return *number;
        }
        *self.numbers.entry(name.clone()).or_insert_with(|| {
            self.names.push(name.clone());
            self.first + self.names.len() as u64 - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_has_one_number() {
        let mut points = Points { known: [("kprobe:known".to_string(), 1)].into(), first: 3, ..Points::default() };
        let name = |name: &str, function: &str| PointName { name: name.into(), function: function.into() };
        let all = [name("kprobe:a", "a"), name("kprobe:b", "b"), name("kprobe:a", "a"), name("kprobe:known", "known"), name("kprobe:a", "other")];
        assert_eq!(all.map(|name| points.number(&name)), [3, 4, 3, 1, 5]);
        assert_eq!(points.names.len(), 3);
    }
}
