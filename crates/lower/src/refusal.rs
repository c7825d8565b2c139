//! Code that only runs where the target has what it needs.
//!
//! What a target lacks must not become a 0 that looks like an answer. Code goes to a *refusal* there, an instruction
//! that no loader can relocate (`abi::refusal`): where the verifier sees that it is never reached, the program loads.

use btc_abi::{REFUSAL, Refusal, Refused};
use btc_ir::{Cond, Fact, Late, Leaf, PathStep, Value};

use crate::function::FnLower;

impl FnLower<'_, '_, '_> {
    /// Ends the block: no program is loaded that can come here.
    pub fn refuse(&mut self, what: Refused) {
        let number = self.note_refusal(what);
        let value = self.b.late(absent(number));
        self.b.ret(value);
    }

    /// The number of a refusal at the place of the script that is being lowered.
    pub fn note_refusal(&mut self, what: Refused) -> usize {
        let place = self.shared.place(self.b.span);
        let refusal = Refusal { what, place };
        let all = &mut self.shared.manifest.refusals;
        all.iter().position(|r| *r == refusal).unwrap_or_else(|| {
            all.push(refusal);
            all.len() - 1
        })
    }

    /// A value in a block that nothing comes to, behind a refusal.
    pub fn unreachable_value(&mut self) -> Value {
        let unreachable = self.b.block(0);
        self.b.switch_to(unreachable);
        self.b.iconst(0)
    }

    /// Goes on only where a number that the verifier knows is not 0.
    pub fn require(&mut self, present: Value, what: Refused) {
        let (there, missing) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Ne, present, 0, there, missing);
        self.b.switch_to(missing);
        self.refuse(what);
        self.b.switch_to(there);
    }
}

/// The offset of a field that no kernel has.
fn absent(number: usize) -> Late {
    Late::Field {
        record: format!("{REFUSAL}{number}"),
        union: false,
        path: vec![PathStep::Member { name: "absent".to_string(), record: None }],
        leaf: Leaf::Int { size: 8, signed: false },
        fact: Fact::ByteOffset,
    }
}
