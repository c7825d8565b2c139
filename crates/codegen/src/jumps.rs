//! Distances of jumps, and islands for those that go further than their 16 bits.
//!
//! An island is a jump that other jumps use as a step on their way. Now and then, between two
//! instructions, the emitter asks for islands; jumps that have come far without reaching their block, and
//! blocks whose last jump is still to come, get one there. No island is made that nothing jumps
//! to: the kernel refuses instructions that cannot be reached.

use btc_bpf::Insn;

use crate::mir::Code;

/// A jump or block that was left so many instructions behind gets an island. The rest of the
/// reach is room for the islands themselves.
const OLD: usize = 16_384;
/// How often to look for such.
const STEP: usize = 4096;

/// The jumps of a function whose blocks are being emitted.
pub struct Jumps {
    /// Jumps to blocks that have not begun: the instruction, the block.
    pending: Vec<(usize, usize)>,
    /// By block: where it begins, and the place that is nearest from what follows.
    begun: Vec<Option<(usize, usize)>>,
    /// By block: number, in the order of emission, of the last block that jumps to it.
    last: Vec<Option<usize>>,
    /// Length of the code at which to look for islands next.
    look: usize,
    too_far: bool,
}

impl Jumps {
    /// For blocks that are emitted in an order, with jumps that go straight to their goals.
    pub fn new(code: &Code, order: &[usize], goals: &[usize]) -> Jumps {
        let mut last = vec![None; code.blocks.len()];
        for (n, b) in order.iter().enumerate() {
            for next in code.successors(*b) {
                last[goals[next]] = Some(n);
            }
        }
        let begun = vec![None; code.blocks.len()];
        Jumps { pending: Vec::new(), begun, last, look: STEP, too_far: false }
    }

    /// A block begins at an instruction.
    pub fn begin(&mut self, block: usize, at: usize) {
        self.begun[block] = Some((at, at));
    }

    /// The instruction that will be `at` jumps to a block: the distance, as far as it is known.
    pub fn add(&mut self, at: usize, block: usize) -> i16 {
        match self.begun[block] {
            Some((_, near)) => self.distance(at, near),
            None => {
                self.pending.push((at, block));
                0
            }
        }
    }

    fn distance(&mut self, from: usize, to: usize) -> i16 {
        let distance = i16::try_from(to as i64 - from as i64 - 1);
        self.too_far |= distance.is_err();
        distance.unwrap_or_default()
    }

    /// Fills in the jumps whose block has begun.
    fn settle(&mut self, insns: &mut [Insn]) {
        for (at, block) in std::mem::take(&mut self.pending) {
            match self.begun[block] {
                Some((start, _)) => insns[at].off = self.distance(at, start),
                None => self.pending.push((at, block)),
            }
        }
    }

    /// Whether it is time for [`Jumps::islands`].
    pub fn due(&self, insns: &[Insn]) -> bool {
        insns.len() >= self.look
    }

    /// Appends the islands that are needed, and a jump over them. `n` is the number of the
    /// block that is being emitted.
    pub fn islands(&mut self, insns: &mut Vec<Insn>, n: usize) {
        self.settle(insns);
        let here = insns.len();
        self.look = here + STEP;
        let old = |at: usize| here - at >= OLD;
        let ahead = self.pending.iter().filter(|(at, _)| old(*at)).map(|(_, block)| *block);
        let wanted = |block: &usize| self.last[*block] >= Some(n) && self.begun[*block].is_some_and(|(_, near)| old(near));
        let mut blocks: Vec<usize> = ahead.chain((0..self.begun.len()).filter(wanted)).collect();
        blocks.sort_unstable();
        blocks.dedup();
        if blocks.is_empty() {
            return;
        }
        insns.push(Insn::jump(0));
        for (at, block) in std::mem::take(&mut self.pending) {
            match blocks.binary_search(&block) {
                Ok(island) => insns[at].off = self.distance(at, here + 1 + island),
                Err(_) => self.pending.push((at, block)),
            }
        }
        for block in &blocks {
            let at = insns.len();
            let off = self.add(at, *block);
            insns.push(Insn::jump(off));
            if let Some((_, near)) = &mut self.begun[*block] {
                *near = at;
            }
        }
        insns[here].off = self.distance(here, insns.len());
    }

    /// Fills in what is left; `false` when a jump is still too long.
    pub fn finish(mut self, insns: &mut [Insn]) -> bool {
        self.settle(insns);
        !self.too_far && self.pending.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a jump ends up, past islands.
    fn goal(insns: &[Insn], mut at: usize) -> usize {
        loop {
            let next = (at as i64 + 1 + i64::from(insns[at].off)) as usize;
            if insns[next] == Insn::exit() {
                return next;
            }
            at = next;
        }
    }

    #[test]
    fn far_jumps_reach_their_blocks_over_islands() {
        let filler = Insn::mov_imm(btc_bpf::Reg::R0, 0);
        let begun = vec![None; 3];
        let mut jumps = Jumps { pending: Vec::new(), begun, last: vec![Some(1), None, Some(1)], look: STEP, too_far: false };
        let mut insns = vec![Insn::exit(), Insn::jump(0)];
        jumps.begin(0, 0);
        jumps.add(1, 2);
        for _ in 0..100_000 {
            if jumps.due(&insns) {
                jumps.islands(&mut insns, 1);
            }
            insns.push(filler);
        }
        let back = insns.len();
        let off = jumps.add(back, 0);
        insns.push(Insn::jump(off));
        let end = insns.len();
        jumps.begin(2, end);
        insns.push(Insn::exit());
        assert!(jumps.finish(&mut insns));
        assert_eq!((goal(&insns, 1), goal(&insns, back)), (end, 0));
    }
}
