//! Register allocation: gives each virtual register one of r0-r9 for its whole life.
//!
//! Registers are handed out by length of life, longest first. One that finds no free
//! machine register may push out lighter ones (less used for its length); the lightest
//! are spilled ([`crate::spill`]) and everything begins anew, until all have a register; words of the stack are shared at the
//! end ([`crate::words`]).
//! A value that lives across a call may only have r6-r9, since helpers destroy r0-r5.
//! The wish to share a register with the other side of a move is a hint, tried first.
//!
//! Keeps: registers reloaded for one instruction are never spilled again, so this ends.

use std::collections::BinaryHeap;

use btc_bpf::Reg;

use crate::CodegenError;
use crate::liveness::{self, Liveness, Segment, Taken, overlaps};
use crate::mir::{Code, Dest, Inst, Source, VReg};
use crate::spill;
use crate::words;

/// Machine registers that can be handed out.
const REGS: usize = 10;
/// Registers that survive calls begin here.
const KEPT: u8 = 6;
/// The order in which registers without a hint are tried: argument registers last,
/// since arguments want them.
const ORDER: [u8; REGS] = [5, 4, 3, 2, 1, 0, 6, 7, 8, 9];
/// Rounds of spilling before giving up; three is usual.
const ROUNDS: usize = 64;

/// The result.
pub struct Allocation {
    /// By virtual register.
    pub regs: Vec<Reg>,
    /// By machine register.
    taken: Vec<Taken<VReg>>,
    /// By block: number of its first instruction.
    pub starts: Vec<u32>,
}

impl Allocation {
    /// A machine register that holds nothing at instruction number `inst` and is not in `avoid`.
    pub fn free_at(&self, inst: u32, avoid: &[Reg]) -> Option<Reg> {
        let segment = [(4 * inst, 4 * inst + 4)];
        (0..REGS as u8).map(Reg).find(|r| {
            !avoid.contains(r) && overlaps(&self.taken[r.0 as usize], &segment).next().is_none()
        })
    }
}

/// Allocates, changing `code` where it must spill.
pub fn run(code: &mut Code, function: &str) -> Result<Allocation, CodegenError> {
    for _ in 0..ROUNDS {
        let live = liveness::run(code);
        let mut a = Allocator::new(code, &live);
        a.allocate();
        if a.spilled.is_empty() {
            let regs = a.homes.iter().map(|r| Reg(r.unwrap_or(0))).collect();
            let taken = a.taken;
            words::run(code);
            return Ok(Allocation { regs, taken, starts: live.starts });
        }
        let spilled = std::mem::take(&mut a.spilled);
        if spilled.iter().any(|v| code.regs[v.0 as usize].level >= 2) {
            break;
        }
        spill::run(code, &spilled);
    }
    Err(CodegenError::Invalid { function: function.into(), what: "register allocation does not settle".into() })
}

/// A wish for a register.
#[derive(Clone, Copy)]
enum Hint {
    Machine(u8),
    Same(VReg),
}

struct Allocator<'a> {
    live: &'a Liveness,
    hints: Vec<Vec<Hint>>,
    weights: Vec<f32>,
    crosses: Vec<bool>,
    homes: Vec<Option<u8>>,
    taken: Vec<Taken<VReg>>,
    spilled: Vec<VReg>,
}

impl<'a> Allocator<'a> {
    fn new(code: &Code, live: &'a Liveness) -> Self {
        let n = code.regs.len();
        let mut weights = vec![0.0; n];
        let mut crosses = vec![false; n];
        for v in 0..n {
            let segments = &live.segments[v];
            let length = length(segments);
            crosses[v] = segments.iter().any(|&(from, to)| {
                let next = live.calls.partition_point(|c| *c < from);
                live.calls.get(next).is_some_and(|c| *c < to)
            });
            let info = &code.regs[v];
            weights[v] = match (info.level, &info.remake, info.bound) {
                (2, ..) => f32::INFINITY,
                (_, Some(_), _) => 0.3 * live.weights[v] / (length as f32 + 16.0),
                // Old kernels forget the bounds of what is spilled.
                (_, _, Some(_)) => 8.0 * live.weights[v] / (length as f32 + 16.0),
                _ => live.weights[v] / (length as f32 + 16.0),
            };
        }
        Allocator {
            live,
            hints: hints(code),
            weights,
            crosses,
            homes: vec![None; n],
            taken: vec![Taken::new(); REGS],
            spilled: Vec::new(),
        }
    }

    fn allocate(&mut self) {
        // Longest first; among equals in the order of the code, so that chains of moves
        // follow one register. The number makes the order complete.
        let key = |live: &Liveness, v: u32| {
            let segments = &live.segments[v as usize];
            let start = segments.first().map_or(0, |s| s.0);
            (length(segments), std::cmp::Reverse(start), std::cmp::Reverse(v))
        };
        let mut queue: BinaryHeap<_> = (0..self.homes.len())
            .filter(|v| !self.live.segments[*v].is_empty())
            .map(|v| key(self.live, v as u32))
            .collect();
        while let Some((.., std::cmp::Reverse(v))) = queue.pop() {
            let v = VReg(v);
            if let Some(r) = self.free_register(v) {
                self.take(v, r);
                continue;
            }
            match self.cheapest(v) {
                Some(r) => {
                    let owners: Vec<VReg> =
                        overlaps(&self.taken[r as usize], &self.live.segments[v.0 as usize]).collect();
                    for owner in owners {
                        if self.homes[owner.0 as usize].take().is_some() {
                            self.release(owner, r);
                            queue.push(key(self.live, owner.0));
                        }
                    }
                    self.take(v, r);
                }
                None => self.spilled.push(v),
            }
        }
    }

    fn allowed(&self, v: VReg, r: u8) -> bool {
        r >= KEPT || !self.crosses[v.0 as usize]
    }

    fn is_free(&self, v: VReg, r: u8) -> bool {
        overlaps(&self.taken[r as usize], &self.live.segments[v.0 as usize]).next().is_none()
    }

    fn free_register(&self, v: VReg) -> Option<u8> {
        let hinted = self.hints[v.0 as usize].iter().filter_map(|h| match h {
            Hint::Machine(r) => Some(*r),
            Hint::Same(other) => self.homes[other.0 as usize],
        });
        hinted.chain(ORDER).find(|r| self.allowed(v, *r) && self.is_free(v, *r))
    }

    /// The register whose owners are lightest, if lighter than `v`.
    fn cheapest(&self, v: VReg) -> Option<u8> {
        let mut best: Option<(f32, u8)> = None;
        for r in ORDER.into_iter().filter(|r| self.allowed(v, *r)) {
            let cost = overlaps(&self.taken[r as usize], &self.live.segments[v.0 as usize])
                .map(|o| self.weights[o.0 as usize])
                .fold(0.0, f32::max);
            if cost < self.weights[v.0 as usize] && best.is_none_or(|(b, _)| cost < b) {
                best = Some((cost, r));
            }
        }
        best.map(|(_, r)| r)
    }

    fn take(&mut self, v: VReg, r: u8) {
        self.homes[v.0 as usize] = Some(r);
        for &(from, to) in &self.live.segments[v.0 as usize] {
            self.taken[r as usize].insert(from, (to, v));
        }
    }

    fn release(&mut self, v: VReg, r: u8) {
        for (from, _) in &self.live.segments[v.0 as usize] {
            self.taken[r as usize].remove(from);
        }
    }
}

/// Points that segments cover.
fn length(segments: &[Segment]) -> u32 {
    segments.iter().map(|(from, to)| to - from).sum()
}

/// Collects the wishes: both sides of moves, argument registers, r0 for results.
fn hints(code: &Code) -> Vec<Vec<Hint>> {
    let mut hints: Vec<Vec<Hint>> = vec![Vec::new(); code.regs.len()];
    let mut add = |v: VReg, h: Hint| hints[v.0 as usize].push(h);
    for (inst, _) in code.layout.iter().flat_map(|b| &code.blocks[*b]) {
        match inst {
            Inst::Params(dests) => {
                for (n, d) in dests.iter().enumerate() {
                    if let Dest::Reg(d) = d {
                        add(*d, Hint::Machine(n as u8 + 1));
                    }
                }
            }
            Inst::Set { d, s: Source::Reg(s) } | Inst::Mov32 { d, s } => {
                add(*d, Hint::Same(*s));
                add(*s, Hint::Same(*d));
            }
            Inst::Call { args, d, .. } => {
                for (n, a) in args.iter().enumerate() {
                    if let Source::Reg(a) = a {
                        add(*a, Hint::Machine(n as u8 + 1));
                    }
                }
                if let Some(d) = d {
                    add(*d, Hint::Machine(0));
                }
            }
            Inst::Moves(moves) => {
                for (d, s) in moves {
                    if let (Dest::Reg(d), Source::Reg(s)) = (d, s) {
                        add(*d, Hint::Same(*s));
                        add(*s, Hint::Same(*d));
                    }
                }
            }
            Inst::Return(Source::Reg(s)) => add(*s, Hint::Machine(0)),
            _ => {}
        }
    }
    hints
}
