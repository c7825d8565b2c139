//! Reads of memory by helpers. What fails reads as 0 or as empty text, and is counted.

use btc_abi::LossKind;
use btc_ir::{BinOp, Cond, Memory, Op, Value, Width};
use btc_types::PADDED_TEXT;
use btc_types::Space;

use crate::function::FnLower;
use btc_builtins::helpers::{
    PROBE_READ_KERNEL, PROBE_READ_KERNEL_STR, PROBE_READ_USER, PROBE_READ_USER_STR,
};

/// Bytes that no record is as long as, and less than what lies between the halves of memory.
const RECORD: i64 = 1 << 20;

impl FnLower<'_, '_, '_> {
    /// Copies `size` bytes from an address.
    pub fn read(&mut self, to: Memory, size: u32, from: Value, space: Space) {
        let size = self.b.iconst(i64::from(size));
        self.read_sized(to, size, from, space);
    }

    /// Copies a number of bytes that the verifier knows the bound of.
    pub fn read_sized(&mut self, to: Memory, size: Value, from: Value, space: Space) {
        let to = self.pointer(to);
        let result = self.by_space(space, from, PROBE_READ_KERNEL, PROBE_READ_USER, to, size);
        self.count_negative(result, LossKind::Read, "memory");
    }

    /// Reads text of at most `limit` bytes with its NUL into `capacity` bytes. The helper's result.
    pub fn read_str(
        &mut self,
        to: Memory,
        capacity: u32,
        limit: u32,
        length: Option<Value>,
        from: Value,
        space: Space,
    ) -> Value {
        if capacity <= PADDED_TEXT {
            self.b.clear(to.base, to.offset, capacity);
        }
        let size = match length {
            Some(length) => self.b.push(Op::UMin(length, u64::from(limit))),
            None => self.b.iconst(i64::from(limit)),
        };
        if capacity > PADDED_TEXT {
            let zero = self.b.iconst(0);
            self.b.store(Width::B1, to.base, to.offset, zero);
        }
        let pointer = self.pointer(to);
        let result =
            self.by_space(space, from, PROBE_READ_KERNEL_STR, PROBE_READ_USER_STR, pointer, size);
        self.count_negative(result, LossKind::Read, "text");
        result
    }

    /// Calls the helper for the space. An address of unknown space tells by its top bit:
    /// on all 64-bit machines that btc supports, kernel addresses have it set.
    fn by_space(
        &mut self,
        space: Space,
        from: Value,
        kernel: u32,
        user: u32,
        to: Value,
        size: Value,
    ) -> Value {
        match space {
            Space::Kernel => self.b.helper(kernel, &[to, size, from]),
            Space::User => self.b.helper(user, &[to, size, from]),
            Space::Unknown => {
                let (above, below, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
                let half = self.start_of_record(from);
                self.b.branch_imm(Cond::SLt, half, 0, above, below);
                self.b.switch_to(above);
                let result = self.b.helper(kernel, &[to, size, from]);
                self.b.jump(done, &[result]);
                self.b.switch_to(below);
                let result = self.b.helper(user, &[to, size, from]);
                self.b.jump(done, &[result]);
                self.b.switch_to(done);
                self.b.block_param(done, 0)
            }
        }
    }

    /// The address of the record that an address lies in, if it is that with a constant added: it is in the same half of memory,
    /// and all fields ask the same question. The verifier remembers an answer as long as the value is needed, so that
    /// eight fields' addresses, each asked for twice, would be 256 ways to follow.
    fn start_of_record(&self, address: Value) -> Value {
        let Some(Op::Bin(BinOp::Add, base, offset)) = self.b.made_here(address) else { return address };
        match self.b.made_here(*offset) {
            Some(Op::Const(n)) if n.abs() < RECORD => self.start_of_record(*base),
            Some(Op::Late(_)) => self.start_of_record(*base),
            _ => address,
        }
    }

    /// Adds 1 to a loss counter when a helper's result is negative.
    pub fn count_negative(&mut self, result: Value, kind: LossKind, subject: &str) {
        let loss = self.shared.loss(kind, subject, self.b.span);
        let (failed, fine) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::SLt, result, 0, failed, fine);
        self.b.switch_to(failed);
        self.count_loss(loss);
        self.b.jump(fine, &[]);
        self.b.switch_to(fine);
    }

    /// Adds 1 to a loss counter.
    pub fn count_loss(&mut self, loss: u32) {
        let base = self.b.global_addr(self.shared.losses());
        let one = self.b.iconst(1);
        let memory = Memory { base, offset: loss as i32 * 8 };
        self.b.push(Op::AtomicAdd(Width::B8, memory, one));
    }

    /// `base + late offset`, kept apart for readability of the text form.
    pub fn add(&mut self, base: Value, offset: Value) -> Value {
        self.b.bin(BinOp::Add, base, offset)
    }
}
