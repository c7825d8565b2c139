//! Whose events count: those of one process (`-p`), or of a command and what descends from it (`-c`).

use btc_abi::GlobalValue;
use btc_builtins::helpers::{GET_CURRENT_TASK, PROBE_READ_KERNEL};
use btc_ir::{BinOp, Block, Callee, Cond, Memory, Value, Width};
use btc_providers::Extent;

use crate::function::FnLower;
use crate::loops::Rounds;

/// How many generations may lie between a command and its descendant: a shell in a build in a shell has few, and the
/// number bounds what an event of a stranger costs.
const GENERATIONS: i64 = 32;

impl FnLower<'_, '_, '_> {
    /// Leaves where the event at hand does not count. Where all do, the verifier knows that and drops the question.
    pub fn restrict(&mut self, leave: Block) {
        let (name, descendants) = match self.probe.provider.extent {
            Extent::All => return,
            Extent::Process => ("of_process", false),
            Extent::Tree => ("of_command", true),
        };
        let (ask, run) = (self.b.block(0), self.b.block(0));
        let wanted = self.global(GlobalValue::Extent);
        self.b.branch_imm(Cond::Ne, wanted, 0, ask, run);
        self.b.switch_to(ask);
        let counts = self.subprogram(name, |f| f.counts(descendants));
        let counts = self.b.call(Callee::Function(counts), &[]);
        self.b.branch_imm(Cond::Ne, counts, 0, run, leave);
        self.b.switch_to(run);
    }

    /// 1 where the current process is the one whose events count or, if so asked, descends from it; else 0.
    fn counts(&mut self, descendants: bool) -> Value {
        let (found, stranger, none) = (self.b.block(0), self.b.block(0), self.b.block(0));
        let wanted = self.global(GlobalValue::Extent);
        let process = self.own_process();
        self.b.branch(Cond::Eq, process, wanted, found, stranger);
        self.b.switch_to(stranger);
        if descendants {
            let parent = self.global(GlobalValue::ParentOffset);
            let climb = self.b.block(0);
            self.b.branch_imm(Cond::Ne, parent, 0, climb, none);
            self.b.switch_to(climb);
            self.climb(wanted, found, none);
        }
        self.b.jump(none, &[]);
        self.b.switch_to(found);
        let one = self.b.iconst(1);
        self.b.ret(one);
        self.b.switch_to(none);
        self.b.iconst(0)
    }

    /// Goes to `found` where the current task descends from a process, else to `none`. A task whose memory cannot be read, or that
    /// has no parent, has no more of them.
    fn climb(&mut self, ancestor: Value, found: Block, none: Block) {
        let [task, number] = [(); 2].map(|()| Memory { base: self.zeroed(), offset: 0 });
        let current = self.b.helper(GET_CURRENT_TASK, &[]);
        self.b.store(Width::B8, task.base, 0, current);
        let [parent_offset, process_offset] =
            [GlobalValue::ParentOffset, GlobalValue::ProcessOffset].map(|value| self.global(value));

        let round = self.begin_loop(Rounds::Search(GENERATIONS));
        self.read_of_task(task, 8, task, parent_offset, none);
        self.read_of_task(number, 4, task, process_offset, none);
        let process = self.b.load(Width::B4, number.base, 0);
        let other = self.b.block(0);
        self.b.branch(Cond::Eq, process, ancestor, found, other);
        self.b.switch_to(other);
        // Nobody descends from a process through init.
        let further = self.b.block(0);
        self.b.branch_imm(Cond::ULe, process, 1, none, further);
        self.b.switch_to(further);
        self.end_loop(&round);
    }

    /// Reads a field of the task whose address is in `task`; goes to `failed` where that is not possible.
    fn read_of_task(&mut self, to: Memory, size: i64, task: Memory, offset: Value, failed: Block) {
        let address = self.b.load(Width::B8, task.base, 0);
        let address = self.b.bin(BinOp::Add, address, offset);
        let (size, pointer, read) = (self.b.iconst(size), self.pointer(to), self.b.block(0));
        let result = self.b.helper(PROBE_READ_KERNEL, &[pointer, size, address]);
        self.b.branch_imm(Cond::Eq, result, 0, read, failed);
        self.b.switch_to(read);
    }
}
