//! Stacks: taken into scratch memory, numbered by a hash, kept in a table.

use btc_abi::LossKind;
use btc_builtins::Bytes;
use btc_builtins::helpers::{BPF_F_USER_STACK, BPF_NOEXIST, GET_STACK, MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM};
use btc_ir::{BinOp, Cond, MapId, Memory, Op, Value, Width};
use btc_target::MAX_STACK_FRAMES;
use btc_types::StackShape;

use crate::function::FnLower;

/// Start and factor of the hash; odd constants with well-mixed bits (from the fractions of
/// the golden ratio and of the square root of 3).
const SEED: i64 = 0x9e37_79b9_7f4a_7c15_u64 as i64;
const FACTOR: i64 = 0xbb67_ae85_84ca_a73b_u64 as i64;

impl FnLower<'_, '_, '_> {
    /// The id of the current stack, which is then in the table; 0 when there is none.
    pub fn stack_id(&mut self, user: bool, shape: StackShape) -> Value {
        let (table, _) = self.shared.stack_table(shape.frames, self.b.module);
        let frames = self.alloc(shape.frames * 8 + 8);
        let ctx = self.ctx();
        let to = self.pointer(frames);
        let size = self.b.iconst(i64::from(shape.frames) * 8);
        let flags = self.b.iconst(if user { BPF_F_USER_STACK } else { 0 });
        let length = self.b.helper(GET_STACK, &[ctx, to, size, flags]);
        let zero = self.b.iconst(0);
        let (some, none, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        self.b.branch(Cond::SGt, length, zero, some, none);
        self.b.switch_to(none);
        self.b.jump(done, &[zero]);

        self.b.switch_to(some);
        let count = self.b.bin_imm(BinOp::LShr, length, 3);
        let id = self.keep_frames(table, to, count, shape.frames);
        self.b.jump(done, &[id]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// The id of the stack of `count` frames, at most `most`, at `frames`; it is then in the table.
    pub fn keep_frames(&mut self, table: MapId, frames: Value, count: Value, most: u32) -> Value {
        let at = Memory { base: frames, offset: 0 };
        let frames = Bytes { at, capacity: most * 8 + 8, terminated: false };
        self.apart("keep_stack", most.to_string(), &[frames], &[count], |f, frames, count| {
            let frames = f.pointer(frames[0]);
            f.keep_frames_at(table, frames, count[0], most)
        })
    }

    fn keep_frames_at(&mut self, table: MapId, frames: Value, count: Value, most: u32) -> Value {
        let count = self.b.push(Op::UMin(count, u64::from(most)));
        // The frame after the last one is 0; what follows in scratch memory is older.
        let end = self.b.bin_imm(BinOp::Shl, count, 3);
        let end = self.add(frames, end);
        let zero = self.b.iconst(0);
        self.b.store(Width::B8, end, 0, zero);
        let hash = self.hash(frames, count, most);
        self.keep(table, hash, frames);
        hash
    }

    /// A hash of `count` words, at most `most`; never 0.
    pub fn hash(&mut self, frames: Value, count: Value, most: u32) -> Value {
        let (head, test, body, out) =
            (self.b.block(2), self.b.block(0), self.b.block(0), self.b.block(0));
        let zero = self.b.iconst(0);
        let seed = self.b.iconst(SEED);
        self.b.jump(head, &[zero, seed]);
        self.b.switch_to(head);
        let (i, hash) = (self.b.block_param(head, 0), self.b.block_param(head, 1));
        self.b.branch_imm(Cond::ULt, i, i64::from(most), test, out);
        self.b.switch_to(test);
        self.b.branch(Cond::ULt, i, count, body, out);
        self.b.switch_to(body);
        let offset = self.b.bin_imm(BinOp::Shl, i, 3);
        let at = self.add(frames, offset);
        let frame = self.b.load(Width::B8, at, 0);
        let mixed = self.b.bin(BinOp::Xor, hash, frame);
        let spread = self.b.bin_imm(BinOp::Mul, mixed, FACTOR);
        let high = self.b.bin_imm(BinOp::LShr, spread, 29);
        let next = self.b.bin(BinOp::Xor, spread, high);
        let after = self.b.add_imm(i, 1);
        self.b.jump(head, &[after, next]);
        self.b.switch_to(out);
        // The lowest bits are the number of frames, which is not 0, as an id that stands for
        // no stack is.
        let high = self.b.bin_imm(BinOp::And, hash, !i64::from(MAX_STACK_FRAMES));
        self.b.bin(BinOp::Or, high, count)
    }

    /// Puts the stack into the table unless it is there; a full table is counted.
    fn keep(&mut self, table: MapId, id: Value, frames: Value) {
        let slot = self.b.slot(8);
        let key = self.b.slot_addr(slot);
        self.b.store(Width::B8, key, 0, id);
        let map = self.b.map_addr(table);
        let found = self.b.helper(MAP_LOOKUP_ELEM, &[map, key]);
        let (none, done) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Eq, found, 0, none, done);
        self.b.switch_to(none);
        let flags = self.b.iconst(BPF_NOEXIST);
        let result = self.b.helper(MAP_UPDATE_ELEM, &[map, key, frames, flags]);
        // -EEXIST: another CPU was faster with the same stack.
        const EEXIST: i64 = 17;
        let (failed, lost) = (self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::SLt, result, 0, failed, done);
        self.b.switch_to(failed);
        self.b.branch_imm(Cond::Ne, result, -EEXIST, lost, done);
        self.b.switch_to(lost);
        let loss = self.shared.loss(LossKind::Stack, "stack", self.b.span);
        self.count_loss(loss);
        self.b.jump(done, &[]);
        self.b.switch_to(done);
    }
}
