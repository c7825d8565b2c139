//! Updates of several steps that must not run within each other on one CPU.
//!
//! A minimum, a maximum, a time series, and an average that programs read, are updated in several steps. Where programs
//! change one that the kernel runs in the middle of each other ([`Provider::keeps_apart`](btc_providers::Provider)), the
//! second would start from what the first is about to replace, and one of both would be gone without a word. A word for each
//! CPU says whether an update is going on; one that finds another is not made, and is counted.

use btc_abi::LossKind;
use btc_builtins::helpers::GET_SMP_PROCESSOR_ID;
use btc_hir as hir;
use btc_ir::{BinOp, Cond, Global, GlobalId, Guard, Memory, Module, Op, Section, Value, Width};
use btc_types::{Aggregation, Type};

use crate::function::FnLower;
use crate::shared::Shared;

impl Shared<'_> {
    /// The words: as many as those of [`Guard`], as far apart.
    fn update_words(&mut self, module: &mut Module) -> GlobalId {
        *self.update_words.get_or_insert_with(|| {
            let init = vec![0; (Guard::WORDS * Guard::STRIDE) as usize];
            module.add_global(Global { symbol: btc_abi::UPDATES.to_string(), section: Section::Bss, init })
        })
    }
}

impl FnLower<'_, '_, '_> {
    /// Runs `update` of an entry of a map; where it takes several steps, and may be interrupted, only if no other is going on.
    pub fn alone(&mut self, map: hir::MapId, update: impl FnOnce(&mut Self)) {
        if !self.takes_steps(map) || !self.shared.is_interrupted(map) {
            return update(self);
        }
        let word = self.own_word(map);
        // Atomically, in both directions: whoever adds 1 and reads 1 is alone until it has taken its 1 away.
        self.add_to_word(word, 1);
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
        self.add_to_word(word, -1);
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
        let cpu = self.b.helper(GET_SMP_PROCESSOR_ID, &[]);
        let cpu = self.b.bin_imm(BinOp::And, cpu, i64::from(Guard::WORDS) - 1);
        let distance = self.b.bin_imm(BinOp::Mul, cpu, i64::from(Guard::STRIDE));
        let base = self.b.global_addr(words);
        let word = self.b.bin(BinOp::Add, base, distance);
        self.b.add_imm(word, i64::from(map.0 % (Guard::STRIDE / 8) * 8))
    }

    fn add_to_word(&mut self, word: Value, n: i64) {
        let n = self.b.iconst(n);
        self.b.push(Op::AtomicAdd(Width::B8, Memory { base: word, offset: 0 }, n));
    }
}
