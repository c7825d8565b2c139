//! Puts virtual registers on the stack.
//!
//! A spilled register is stored right after each write and loaded before reads; one load
//! serves a stretch of a block up to the next call. What one instruction can make anew
//! is not stored at all. Where moves and calls take any source, the stack word itself is
//! the source.
//!
//! Keeps: words are written and read as 8 aligned bytes, the form in which the verifier
//! remembers pointers. A bound (`UMin`) is established anew after each load, since
//! kernels before 5.16 forget it.

use std::collections::HashMap;

use crate::mir::{Code, Dest, Info, Inst, Opd, Pos, Role, Source, VReg};

/// Spills `spilled`, none of which is of level 2.
pub fn run(code: &mut Code, spilled: &[VReg]) {
    let mut marked = vec![false; code.regs.len()];
    for v in spilled {
        marked[v.0 as usize] = true;
        let info = &mut code.regs[v.0 as usize];
        if info.remake.is_none() && info.spill.is_none() {
            info.spill = Some(code.spills);
            code.spills += 1;
        }
    }
    for b in code.layout.clone() {
        let old = std::mem::take(&mut code.blocks[b]);
        let mut block = BlockSpiller { code, marked: &marked, current: HashMap::new(), out: Vec::new() };
        for n in 0..old.len() {
            let (inst, pos) = &old[n];
            block.inst(inst.clone(), old.get(n + 1).map(|(i, _)| i), *pos);
        }
        let out = block.out;
        code.blocks[b] = out;
    }
}

struct BlockSpiller<'a> {
    code: &'a mut Code,
    marked: &'a [bool],
    /// The register that holds a spilled one's value for now.
    current: HashMap<VReg, VReg>,
    out: Vec<(Inst, Pos)>,
}

impl BlockSpiller<'_> {
    fn is_spilled(&self, v: VReg) -> bool {
        self.marked.get(v.0 as usize).copied().unwrap_or(false)
    }

    fn word(&self, v: VReg) -> Option<u32> {
        self.code.regs[v.0 as usize].spill
    }

    /// Where the value of a spilled register can be had.
    fn source_of(&self, v: VReg) -> Source {
        if let Some(now) = self.current.get(&v) {
            return Source::Reg(*now);
        }
        match (&self.code.regs[v.0 as usize].remake, self.word(v)) {
            (Some(source), _) => *source,
            (None, Some(word)) => Source::Spill(word),
            (None, None) => Source::Reg(v),
        }
    }

    /// A register to stand for `v`.
    fn stand_in(&mut self, v: VReg) -> VReg {
        let info = &self.code.regs[v.0 as usize];
        let new = Info { level: info.level + 1, ..info.clone() };
        let r = self.code.reg(new);
        self.current.insert(v, r);
        r
    }

    /// A register that holds `v`, loaded if need be.
    fn load(&mut self, v: VReg, pos: Pos) -> VReg {
        if let Some(now) = self.current.get(&v) {
            return *now;
        }
        let s = match self.source_of(v) {
            // What it is made from may itself be on the stack, since now or an earlier round.
            Source::Sum(base, off) if self.word(base).is_some() => Source::Sum(self.load(base, pos), off),
            other => other,
        };
        let bound = self.code.regs[v.0 as usize].bound;
        let r = self.stand_in(v);
        self.out.push((Inst::Set { d: r, s }, pos));
        if let Some(n) = bound.and_then(|n| i32::try_from(n).ok()) {
            self.out.push((Inst::UMin { d: r, n: Opd::Imm(n) }, pos));
        }
        r
    }

    fn inst(&mut self, mut inst: Inst, next: Option<&Inst>, pos: Pos) {
        // Stand-ins of stand-ins last for one instruction only.
        self.current.retain(|v, _| self.code.regs[v.0 as usize].level == 0);
        self.take_words(&mut inst, pos);
        if inst.is_call() {
            // r0-r5 die, so stand-ins end here; the arguments are placed already.
            self.current.clear();
        }
        let mut spilled = Vec::new();
        inst.visit(&mut |r, role| {
            if self.is_spilled(*r) {
                spilled.push((*r, role));
            }
        });
        if self.is_dropped(&inst) {
            return;
        }
        for (v, _) in spilled.iter().filter(|(_, role)| *role != Role::Def) {
            self.load(*v, pos);
        }
        // Reads see the old stand-ins; a write begins a new one.
        let reads = self.current.clone();
        for (v, _) in spilled.iter().filter(|(_, role)| *role == Role::Def) {
            self.stand_in(*v);
        }
        inst.visit_mut(&mut |r, role| {
            let map = if role == Role::Def { &self.current } else { &reads };
            if let Some(now) = map.get(r) {
                *r = *now;
            }
        });
        self.out.push((inst, pos));
        for (v, role) in spilled {
            if matches!(role, Role::Def | Role::Change) {
                self.store(v, next, pos);
            }
        }
    }

    /// Stores a register that was just written, unless the next instruction changes it anyway.
    fn store(&mut self, v: VReg, next: Option<&Inst>, pos: Pos) {
        // Only stand-ins of level 1 are still there at the next instruction.
        let mut changed = false;
        if let Some(next) = next
            && self.code.regs[v.0 as usize].level == 0
        {
            next.visit(&mut |r, role| changed |= *r == v && role == Role::Change);
        }
        if let (false, Some(word), Some(now)) = (changed, self.word(v), self.current.get(&v)) {
            let moves = vec![(Dest::Spill(word), Source::Reg(*now))];
            self.out.push((Inst::Moves(moves), pos));
        }
    }

    /// Loads of a spilled register from its own word, and the making of one that is made anew.
    fn is_dropped(&self, inst: &Inst) -> bool {
        match inst {
            Inst::Set { d, s } if self.is_spilled(*d) => {
                let info = &self.code.regs[d.0 as usize];
                info.remake.is_some() || matches!(s, Source::Spill(w) if info.spill == Some(*w))
            }
            _ => false,
        }
    }

    /// Lets instructions that can take stack words as they are take them.
    fn take_words(&mut self, inst: &mut Inst, pos: Pos) {
        match inst {
            Inst::Call { args, .. } => {
                // The verifier must see the bound of an argument: load it with its bound.
                self.load_where(args.iter(), pos, |spiller, r| {
                    spiller.code.regs[r.0 as usize].bound.is_some() || spiller.is_made_of_word(r)
                });
                self.replace_sources(args.iter_mut());
            }
            Inst::Return(s) => {
                self.load_where(std::iter::once(&*s), pos, Self::is_made_of_word);
                self.replace_sources(std::iter::once(s));
            }
            Inst::Params(dests) => self.replace_dests(dests.iter_mut()),
            Inst::Moves(moves) => {
                self.load_where(moves.iter().map(|(_, s)| s), pos, |spiller, r| {
                    matches!(spiller.code.regs[r.0 as usize].remake, Some(Source::Sum(..)))
                });
                self.replace_sources(moves.iter_mut().map(|(_, s)| s));
                self.replace_dests(moves.iter_mut().map(|(d, _)| d));
                // What is in its own word needs no store.
                moves.retain(|m| !matches!(m, (Dest::Spill(a), Source::Spill(b)) if a == b));
            }
            // A copy of a spilled register is a load, unless a stand-in has it.
            Inst::Set { d, s } if !self.is_spilled(*d) => {
                let bounded = matches!(s, Source::Reg(r) if self.code.regs[r.0 as usize].bound.is_some());
                if !bounded {
                    self.load_where(std::iter::once(&*s), pos, Self::is_made_of_word);
                    self.replace_sources(std::iter::once(s));
                }
            }
            _ => {}
        }
    }

    /// Loads the spilled registers among sources that cannot be taken as they are.
    fn load_where<'s>(
        &mut self,
        sources: impl Iterator<Item = &'s Source>,
        pos: Pos,
        wanted: impl Fn(&Self, VReg) -> bool,
    ) {
        for s in sources {
            if let Source::Reg(r) = s
                && self.is_spilled(*r)
                && wanted(self, *r)
            {
                self.load(*r, pos);
            }
        }
    }

    /// Whether a register is made anew from one that is on the stack.
    fn is_made_of_word(&self, v: VReg) -> bool {
        matches!(self.code.regs[v.0 as usize].remake, Some(Source::Sum(base, _)) if self.word(base).is_some())
    }

    fn replace_sources<'s>(&self, sources: impl Iterator<Item = &'s mut Source>) {
        for s in sources {
            if let Source::Reg(r) = s
                && self.is_spilled(*r)
            {
                *s = self.source_of(*r);
            }
        }
    }

    fn replace_dests<'d>(&mut self, dests: impl Iterator<Item = &'d mut Dest>) {
        for d in dests {
            if let Dest::Reg(r) = d
                && self.is_spilled(*r)
            {
                let r = *r;
                if let Some(word) = self.word(r) {
                    *d = Dest::Spill(word);
                }
                self.current.remove(&r);
            }
        }
    }
}
