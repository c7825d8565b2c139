//! Parallel moves: puts several values in several places, as if all at once.
//!
//! Requires: each place is written once. Registers and stack words are moved first, each
//! after whoever still reads its destination; a cycle is opened through a spare register
//! or, when there is none, a stack word. What needs no source (constants, addresses)
//! follows at the end, when no source can be destroyed any more.

use btc_bpf::Reg;

/// A place that holds a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Reg(Reg),
    /// A stack word.
    Word(u32),
}

/// One step of the sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    pub to: Place,
    pub from: Place,
}

/// Orders `moves`; `spare` is a place that they do not touch, for cycles. Steps from
/// word to word remain for the caller.
pub fn order(moves: &[(Place, Place)], spare: Place) -> Vec<Step> {
    let mut pending: Vec<(Place, Place)> = moves.iter().copied().filter(|(to, from)| to != from).collect();
    let mut steps = Vec::with_capacity(pending.len() + 1);
    while !pending.is_empty() {
        let ready = pending.iter().position(|(to, _)| pending.iter().all(|(_, from)| from != to));
        match ready {
            Some(at) => {
                let (to, from) = pending.remove(at);
                steps.push(Step { to, from });
            }
            None => {
                // Only cycles are left: keep one value aside, which frees its place.
                let (_, held) = pending[0];
                steps.push(Step { to: spare, from: held });
                for (_, from) in &mut pending {
                    if *from == held {
                        *from = spare;
                    }
                }
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the steps and compares with the moves done at once.
    fn check(moves: &[(u8, u8)]) {
        let places: Vec<_> = moves.iter().map(|(a, b)| (Place::Reg(Reg(*a)), Place::Reg(Reg(*b)))).collect();
        let mut regs: Vec<u8> = (0..11).collect();
        for s in order(&places, Place::Reg(Reg(10))) {
            if let (Place::Reg(to), Place::Reg(from)) = (s.to, s.from) {
                regs[to.0 as usize] = regs[from.0 as usize];
            }
        }
        for (to, from) in moves {
            assert_eq!(regs[*to as usize], *from, "{moves:?}");
        }
    }

    #[test]
    fn cycles_chains_and_fans() {
        check(&[(1, 2), (2, 1)]);
        check(&[(1, 2), (2, 3), (3, 1)]);
        check(&[(1, 2), (2, 3), (3, 1), (4, 5), (5, 4)]);
        check(&[(1, 2), (2, 1), (3, 1), (4, 2)]);
        check(&[(1, 2), (2, 3), (3, 4)]);
        check(&[(1, 1), (2, 1), (3, 1)]);
    }
}
