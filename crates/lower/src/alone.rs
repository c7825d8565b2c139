//! Updates of several steps that must not run within each other on one CPU.
//!
//! A minimum, a maximum, a time series, and an average that programs read, are updated in several steps. Where programs
//! change one that the kernel runs in the middle of each other ([`Provider::keeps_apart`](btc_providers::Provider)), the
//! second would start from what the first is about to replace, and one of both would be gone without a word. A word for each
//! CPU says whether an update is going on; one that finds another is not made, and is counted.

use std::collections::{BTreeSet, HashMap};

use btc_abi::{LossKind, is_pattern};
use btc_hir as hir;
use btc_ir::{Cond, GlobalId, Module, Value, Width};
use btc_providers::Provider;
use btc_types::{Aggregation, Type};

use crate::function::FnLower;
use crate::guard;
use crate::shared::Shared;

/// The maps that one program may change in the middle of another's change, on the same CPU.
pub(crate) fn interrupted(program: &hir::Program) -> BTreeSet<hir::MapId> {
    let mut interrupted = BTreeSet::new();
    // Kinds of the probes so far that change a map.
    let mut kinds: HashMap<hir::MapId, Vec<&Provider>> = HashMap::new();
    for probe in &program.probes {
        let mut changed = BTreeSet::new();
        probe.each_write(&mut |map| {
            changed.insert(map);
        });
        // A pattern makes several programs of one probe.
        let interrupts_itself = is_pattern(&probe.name) && !probe.provider.keeps_apart(probe.provider);
        for map in changed {
            let others = kinds.entry(map).or_default();
            if interrupts_itself || others.iter().any(|other| !probe.provider.keeps_apart(other)) {
                interrupted.insert(map);
            }
            if !others.contains(&probe.provider) {
                others.push(probe.provider);
            }
        }
    }
    interrupted
}

impl Shared<'_> {
    fn update_words(&mut self, module: &mut Module) -> GlobalId {
        *self.update_words.get_or_insert_with(|| guard::cpu_words(btc_abi::UPDATES, module))
    }
}

impl FnLower<'_, '_, '_> {
    /// Runs `update` of an entry of a map; where it takes several steps, and may be interrupted, only if no other is going on.
    pub fn alone(&mut self, map: hir::MapId, update: impl FnOnce(&mut Self)) {
        if !self.takes_steps(map) || !self.shared.interrupted.contains(&map) {
            return update(self);
        }
        let word = self.own_word(map);
        // Atomically, in both directions: whoever adds 1 and reads 1 is alone until it has taken its 1 away.
        guard::add_to_word(&mut self.b, word, 1);
        let there = self.b.load(Width::B8, word, 0);
        let (own, busy, done) = (self.b.block(0), self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Eq, there, 1, own, busy);
        self.b.switch_to(busy);
        let name = &self.hir_map(map).name;
        let loss = self.shared.loss(LossKind::Update, name, self.b.span);
        self.count_loss(loss);
        self.b.jump(done, &[]);
        self.b.switch_to(own);
        update(self);
        self.b.jump(done, &[]);
        self.b.switch_to(done);
        guard::add_to_word(&mut self.b, word, -1);
    }

    fn takes_steps(&self, map: hir::MapId) -> bool {
        match &self.hir_map(map).value {
            Type::Aggregation(Aggregation::Avg { .. }) => self.kind(map).is_spread(),
            Type::Aggregation(a) => {
                matches!(a, Aggregation::Min { .. } | Aggregation::Max { .. } | Aggregation::TSeries { .. })
            }
            _ => false,
        }
    }

    /// The address of this CPU's word for a map: what lies between two CPUs' has room for eight.
    fn own_word(&mut self, map: hir::MapId) -> Value {
        let words = self.shared.update_words(self.b.module);
        let word = guard::cpu_word(&mut self.b, words);
        self.b.add_imm(word, i64::from(map.0 % (guard::STRIDE / 8) * 8))
    }
}
