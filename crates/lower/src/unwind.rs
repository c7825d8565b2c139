//! User stacks by unwind tables: the caller of each frame is found by the rule that holds at its address.
//!
//! The tables (`btc_abi::unwind`) are in two maps, which the runtime fills for the processes that it is told of.
//! A rule is looked up by a function that the kernel verifies once, for any address, and so is the loop over frames: the
//! script's own loops and branches around them multiply nothing. On machines other than x86-64 frame pointers are
//! followed.

use btc_abi::unwind::{self, Rule};
use btc_abi::{LossKind, MapKind};
use btc_builtins::helpers::{
    GET_CURRENT_TASK, GET_CURRENT_TASK_BTF, MAP_LOOKUP_ELEM, PROBE_READ_USER, TASK_PT_REGS,
};
use btc_ir::{
    BinOp, Block, Callee, Cond, Fact, FuncId, Late, Map, MapId, Memory, Op, TypeFact, Value, Width,
};
use btc_providers::Context;
use btc_target::arch;
use btc_types::{Space, StackShape, Type};


use crate::function::FnLower;
use crate::loops::{Loop, Rounds};
use crate::place::CorePlace;
use crate::registers::regs_fact;

/// Bytes of a task's kernel stack, at whose end the user's registers are (kernel: `THREAD_SIZE`, x86-64).
/// Kernels that have it elsewhere have `bpf_task_pt_regs` to tell.
const THREAD_SIZE: i64 = 16 << 10;

/// Where a signal's frame keeps registers, from the stack pointer of the code that the handler returns to
/// (kernel: `struct ucontext`, `struct sigcontext_64`).
const SIGNAL_BP: i64 = 120;
const SIGNAL_SP: i64 = 160;
const SIGNAL_IP: i64 = 168;

/// The frame that the unwinder is at, as it lies in memory.
const IP: i32 = 0;
const SP: i32 = 8;
const BP: i32 = 16;
/// What is taken from the address before its rule is looked up: 1 behind a call, whose next
/// instruction may belong to another function.
const BACK: i32 = 24;
const STATE_SIZE: u32 = 32;

/// A frame being unwound.
struct Frame {
    state: Memory,
    /// What the registers were.
    ip: Value,
    sp: Value,
    rule: Value,
    /// Where it goes when memory cannot be read, and when there is no caller.
    failed: Block,
    out: Block,
}

impl FnLower<'_, '_, '_> {
    /// The id of the current user stack by the tables of process `pid`, which is then in the table of stacks; 0 when
    /// there is none.
    pub fn unwound_stack(&mut self, pid: Value, shape: StackShape) -> Value {
        let (tables, pointers) = (self.b.block(0), self.b.block(0));
        let (none, unknown, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        let machine = &arch::x86_64::ARCH;
        let guard = self.b.late(regs_fact(machine, &machine.guard, Fact::Exists));
        self.b.branch_imm(Cond::Ne, guard, 0, tables, pointers);
        self.b.switch_to(pointers);
        let id = self.stack_id(true, shape);
        self.b.jump(done, &[id]);

        self.b.switch_to(tables);
        let unwinder = self.unwinder(shape.frames);
        let state = self.alloc(STATE_SIZE);
        self.user_registers(state, none);
        let [ip, sp, bp] = [IP, SP, BP].map(|at| self.b.load(Width::B8, state.base, state.offset + at));
        let id = self.b.call(Callee::Function(unwinder), &[pid, ip, sp, bp]);
        let known = self.b.block(0);
        self.b.branch_imm(Cond::Eq, id, 0, unknown, known);
        self.b.switch_to(known);
        self.b.jump(done, &[id]);
        self.b.switch_to(unknown);
        let loss = self.shared.loss(LossKind::Unwind, "dw_ustack", self.b.span);
        self.count_loss(loss);
        self.b.jump(none, &[]);
        self.b.switch_to(none);
        let zero = self.b.iconst(0);
        self.b.jump(done, &[zero]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// A function that takes a process and three registers and yields the stack's id, 0 for a process without tables. It is
    /// one of the call's own: what it loses is counted there.
    fn unwinder(&mut self, most: u32) -> FuncId {
        let find = self.rule_finder();
        let (table, _) = self.shared.stack_table(most, self.b.module);
        self.global_function("unwind_stack", 4, |f| {
            let (frames, state) = (f.scratch(most * 8 + 8), f.scratch(STATE_SIZE));
            for (n, at) in [(1, IP), (2, SP), (3, BP)] {
                let value = f.b.param(n);
                f.b.store(Width::B8, state.base, state.offset + at, value);
            }
            let (some, none) = (f.b.block(0), f.b.block(0));
            let to = f.pointer(frames);
            let count = f.unwind(find, state, to, most);
            f.b.branch_imm(Cond::Eq, count, 0, none, some);
            f.b.switch_to(none);
            let zero = f.b.iconst(0);
            f.b.ret(zero);
            f.b.switch_to(some);
            f.keep_frames(table, to, count, most)
        })
    }

    /// The loop of that function: writes the addresses of at most `most` frames to `to` and yields their number.
    fn unwind(&mut self, find: FuncId, state: Memory, to: Value, most: u32) -> Value {
        let pid = self.b.param(0);
        let counted = self.b.slot(8);
        let zero = self.b.iconst(0);
        self.b.store(Width::B8, state.base, state.offset + BACK, zero);
        let at = self.b.slot_addr(counted);
        self.b.store(Width::B8, at, 0, zero);

        let l = self.begin_loop(Rounds::Search(i64::from(most)));
        let failed = self.b.block(0);
        let ip = self.b.load(Width::B8, state.base, state.offset + IP);
        let back = self.b.load(Width::B8, state.base, state.offset + BACK);
        let pc = self.b.bin(BinOp::Sub, ip, back);
        let rule = self.b.call(Callee::Function(find), &[pid, pc]);
        let known = self.b.block(0);
        self.b.branch_imm(Cond::Eq, rule, i64::from(Rule::UNKNOWN), l.out, known);
        self.b.switch_to(known);
        let index = self.b.push(Op::UMin(l.index, u64::from(most) - 1));
        let offset = self.b.bin_imm(BinOp::Shl, index, 3);
        let entry = self.add(to, offset);
        self.b.store(Width::B8, entry, 0, ip);
        let count = self.b.add_imm(l.index, 1);
        let at = self.b.slot_addr(counted);
        self.b.store(Width::B8, at, 0, count);
        let sp = self.b.load(Width::B8, state.base, state.offset + SP);
        self.caller(&Frame { state, ip, sp, rule, failed, out: l.out });
        self.end_unwinding(&l, state, failed);

        let at = self.b.slot_addr(counted);
        let count = self.b.load(Width::B8, at, 0);
        // Else all that comes is followed once for each round that the loop is left in.
        self.opaque(count)
    }

    /// Ends a round: an address of 0 ends the stack, and so does what could not be read, which is counted.
    fn end_unwinding(&mut self, l: &Loop, state: Memory, failed: Block) {
        let ip = self.b.load(Width::B8, state.base, state.offset + IP);
        let more = self.b.block(0);
        self.b.branch_imm(Cond::Eq, ip, 0, l.out, more);
        self.b.switch_to(failed);
        let loss = self.shared.loss(LossKind::Read, "memory", self.b.span);
        self.count_loss(loss);
        self.b.jump(l.out, &[]);
        self.b.switch_to(more);
        self.end_loop(l);
    }

    /// Goes from a frame to its caller's.
    fn caller(&mut self, f: &Frame) {
        let (signal, other, plt, usual) = (self.b.block(0), self.b.block(0), self.b.block(0), self.b.block(0));
        let (some, framed, found, done) = (self.b.block(0), self.b.block(0), self.b.block(2), self.b.block(0));
        let based = self.b.block(1);
        let kind = self.b.bin_imm(BinOp::And, f.rule, i64::from(Rule::KIND_MASK));
        let byte = self.b.bin_imm(BinOp::LShr, f.rule, i64::from(Rule::BYTE_SHIFT));
        self.b.branch_imm(Cond::Eq, kind, i64::from(Rule::SIGNAL), signal, other);
        self.b.switch_to(other);
        self.b.branch_imm(Cond::Eq, kind, i64::from(Rule::STOP), f.out, some);
        self.b.switch_to(some);
        self.b.branch_imm(Cond::Eq, kind, i64::from(Rule::PLT), plt, usual);

        self.b.switch_to(plt);
        let from = self.b.push(Op::ZeroExtend(8, byte));
        let place = self.b.bin_imm(BinOp::And, f.ip, 15);
        let pushed = self.b.cmp(Cond::UGe, place, from);
        let pushed = self.b.bin_imm(BinOp::Shl, pushed, 3);
        let cfa = self.b.add_imm(f.sp, 8);
        let cfa = self.b.bin(BinOp::Add, cfa, pushed);
        let unchanged = self.b.iconst(0);
        self.b.jump(found, &[cfa, unchanged]);

        self.b.switch_to(usual);
        let pointer = self.b.block(0);
        self.b.branch_imm(Cond::Eq, kind, i64::from(Rule::FRAME), framed, pointer);
        self.b.switch_to(pointer);
        self.b.jump(based, &[f.sp]);
        self.b.switch_to(framed);
        let bp = self.b.load(Width::B8, f.state.base, f.state.offset + BP);
        self.b.jump(based, &[bp]);
        self.b.switch_to(based);
        let base = self.b.block_param(based, 0);
        let words = self.b.bin_imm(BinOp::LShr, f.rule, i64::from(Rule::WORDS_SHIFT));
        let bytes = self.b.bin_imm(BinOp::Shl, words, 3);
        let cfa = self.b.bin(BinOp::Add, base, bytes);
        let saved = self.b.push(Op::SignExtend(8, byte));
        self.b.jump(found, &[cfa, saved]);

        self.b.switch_to(found);
        let (cfa, saved) = (self.b.block_param(found, 0), self.b.block_param(found, 1));
        self.called(f, cfa, saved, done);
        self.b.switch_to(signal);
        self.interrupted(f);
        self.b.jump(done, &[]);
        self.b.switch_to(done);
    }

    /// The registers of the caller of a frame with this CFA; goes to `done`.
    fn called(&mut self, f: &Frame, cfa: Value, saved: Value, done: Block) {
        let Memory { base, offset } = f.state;
        // A stack grows down: what does not go up is no stack.
        let up = self.b.block(0);
        self.b.branch(Cond::ULe, cfa, f.sp, f.out, up);
        self.b.switch_to(up);
        self.b.store(Width::B8, base, offset + SP, cfa);
        let one = self.b.iconst(1);
        self.b.store(Width::B8, base, offset + BACK, one);
        let address = self.b.add_imm(cfa, -8);
        self.user_word(f, IP, address);
        let restore = self.b.block(0);
        self.b.branch_imm(Cond::Eq, saved, 0, done, restore);
        self.b.switch_to(restore);
        let distance = self.b.bin_imm(BinOp::Shl, saved, 3);
        let address = self.b.bin(BinOp::Add, cfa, distance);
        self.user_word(f, BP, address);
        self.b.jump(done, &[]);
    }

    /// The registers of the code that a signal interrupted.
    fn interrupted(&mut self, f: &Frame) {
        for (register, at) in [(IP, SIGNAL_IP), (BP, SIGNAL_BP), (SP, SIGNAL_SP)] {
            let address = self.b.add_imm(f.sp, at);
            self.user_word(f, register, address);
        }
        let zero = self.b.iconst(0);
        self.b.store(Width::B8, f.state.base, f.state.offset + BACK, zero);
    }

    /// Reads a register of the caller from the stack.
    fn user_word(&mut self, f: &Frame, register: i32, from: Value) {
        let to = self.b.add_imm(f.state.base, i64::from(f.state.offset + register));
        let size = self.b.iconst(8);
        let result = self.b.helper(PROBE_READ_USER, &[to, size, from]);
        let read = self.b.block(0);
        self.b.branch_imm(Cond::Ne, result, 0, f.failed, read);
        self.b.switch_to(read);
    }

    /// Writes the user's registers to `state`; goes to `none` for threads that have no user code.
    fn user_registers(&mut self, state: Memory, none: Block) {
        let is_users = self.probe.provider.is_user;
        match self.probe.provider.context {
            Context::Registers | Context::Usdt if is_users => self.registers_of_context(state),
            Context::PerfEvent => {
                let (user, kernel, done) = (self.b.block(0), self.b.block(0), self.b.block(0));
                let segment = self.register_named("cs");
                let level = self.b.bin_imm(BinOp::And, segment, 3);
                self.b.branch_imm(Cond::Eq, level, 3, user, kernel);
                self.b.switch_to(user);
                self.registers_of_context(state);
                self.b.jump(done, &[]);
                self.b.switch_to(kernel);
                self.registers_of_task(state, none);
                self.b.jump(done, &[]);
                self.b.switch_to(done);
            }
            _ => self.registers_of_task(state, none),
        }
    }

    fn registers_of_context(&mut self, state: Memory) {
        let ctx = self.ctx();
        for (name, at) in [("ip", IP), ("sp", SP), ("bp", BP)] {
            let value = self.b.load_late(Width::B8, ctx, register(name));
            self.b.store(Width::B8, state.base, state.offset + at, value);
        }
    }

    /// What the kernel saved when the current task entered it.
    fn registers_of_task(&mut self, state: Memory, none: Block) {
        let saved = self.task_registers();
        let user = self.b.block(0);
        // The code segment goes where it is overwritten afterwards.
        for (name, at) in [("cs", BACK), ("ip", IP), ("sp", SP), ("bp", BP)] {
            let offset = self.b.late(register(name));
            let from = self.add(saved, offset);
            self.read(Memory { base: state.base, offset: state.offset + at }, 8, from, Space::Kernel);
        }
        let segment = self.b.load(Width::B8, state.base, state.offset + BACK);
        let level = self.b.bin_imm(BinOp::And, segment, 3);
        self.b.branch_imm(Cond::Eq, level, 3, user, none);
        self.b.switch_to(user);
    }

    /// Address of the registers of the current task's user code.
    fn task_registers(&mut self) -> Value {
        let exists = self.has_helper(TASK_PT_REGS);
        let (there, missing, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        self.b.branch_imm(Cond::Ne, exists, 0, there, missing);
        self.b.switch_to(there);
        let task = self.b.helper(GET_CURRENT_TASK_BTF.number, &[]);
        let registers = self.b.helper(TASK_PT_REGS.number, &[task]);
        self.b.jump(done, &[registers]);
        self.b.switch_to(missing);
        let task = self.b.helper(GET_CURRENT_TASK, &[]);
        let pointer = Type::pointer(Type::None, Space::Kernel);
        let place = CorePlace::member(task, "task_struct", &["stack"], &pointer);
        let stack = self.load_core(&place, &pointer, None);
        let end = self.b.add_imm(stack, THREAD_SIZE);
        let size = self.b.late(Late::Type { record: "pt_regs".to_string(), union: false, fact: TypeFact::Size });
        let registers = self.b.bin(BinOp::Sub, end, size);
        self.b.jump(done, &[registers]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// The function that finds the rule for an address of a process, with the maps of the tables.
    fn rule_finder(&mut self) -> FuncId {
        if let Some(known) = self.shared.rule_finder {
            return known;
        }
        let map = |symbol: &str, kind, key_size, value_size, max_entries| {
            Map { symbol: symbol.to_string(), kind: Some(kind), key_size, value_size, max_entries }
        };
        let mappings =
            map(unwind::MAPPINGS_MAP, MapKind::LpmTrie, unwind::KEY_SIZE, unwind::MAPPING_SIZE, unwind::MAPPINGS);
        let rows = map(unwind::ROWS_MAP, MapKind::Array, 4, unwind::ROW_SIZE, unwind::ROWS);
        let (mappings, rows) = (self.b.module.add_map(mappings), self.b.module.add_map(rows));
        let id = self.global_function("unwind_rule", 2, |f| f.find_rule(mappings, rows));
        self.shared.rule_finder = Some(id);
        id
    }

    /// The body of that function: the mapping that holds the address, then the last row that is not above it.
    /// Rows are numbers that the verifier need not know: what is not there ends the search.
    fn find_rule(&mut self, mappings: MapId, rows: MapId) -> Value {
        let (pid, pc) = (self.b.param(0), self.b.param(1));
        let key = self.b.slot(unwind::KEY_SIZE);
        let key = self.b.slot_addr(key);
        let bits = self.b.iconst(i64::from(unwind::ADDRESS_BITS));
        self.b.store(Width::B4, key, 0, bits);
        self.b.store(Width::B4, key, 4, pid);
        let swapped = self.b.push(Op::ByteSwap(64, pc));
        self.b.store(Width::B8, key, 8, swapped);
        let map = self.b.map_addr(mappings);
        let mapping = self.b.helper(MAP_LOOKUP_ELEM, &[map, key]);
        let (unknown, known, some, stop) = (self.b.block(0), self.b.block(0), self.b.block(0), self.b.block(0));
        self.b.branch_imm(Cond::Eq, mapping, 0, unknown, known);
        self.b.switch_to(unknown);
        let result = self.b.iconst(i64::from(Rule::UNKNOWN));
        self.b.ret(result);
        self.b.switch_to(stop);
        let result = self.b.iconst(i64::from(Rule::STOP));
        self.b.ret(result);

        self.b.switch_to(known);
        let bias = self.b.load(Width::B8, mapping, 0);
        let first = self.b.load(Width::B4, mapping, 8);
        let count = self.b.load(Width::B4, mapping, 12);
        let wanted = self.b.bin(BinOp::Sub, pc, bias);
        self.b.branch_imm(Cond::Eq, count, 0, stop, some);
        self.b.switch_to(some);
        let (head, test, body, narrow) = (self.b.block(3), self.b.block(0), self.b.block(0), self.b.block(0));
        let end = self.b.block(0);
        let zero = self.b.iconst(0);
        self.b.jump(head, &[zero, first, count]);
        self.b.switch_to(head);
        let [round, first, count] = [0, 1, 2].map(|n| self.b.block_param(head, n));
        self.b.branch_imm(Cond::ULt, round, i64::from(unwind::HALVINGS), test, end);
        self.b.switch_to(test);
        let half = self.b.bin_imm(BinOp::LShr, count, 1);
        self.b.branch_imm(Cond::Eq, half, 0, end, body);
        self.b.switch_to(body);
        let middle = self.b.bin(BinOp::Add, first, half);
        let row = self.row(rows, key, middle, stop, narrow);
        let address = self.b.load(Width::B4, row, 0);
        // All ones when the row is above the address: no branch, so that all rounds are alike.
        let distance = self.b.bin(BinOp::Sub, wanted, address);
        let above = self.b.bin_imm(BinOp::AShr, distance, 63);
        let below = self.b.bin_imm(BinOp::Xor, above, -1);
        let half = self.b.bin_imm(BinOp::LShr, count, 1);
        let step = self.b.bin(BinOp::And, half, below);
        let next = self.b.bin(BinOp::Add, first, step);
        let rest = self.b.bin(BinOp::Sub, count, half);
        let after = self.b.add_imm(round, 1);
        self.b.jump(head, &[after, next, rest]);

        self.b.switch_to(end);
        let (found, holds) = (self.b.block(0), self.b.block(0));
        let row = self.row(rows, key, first, stop, found);
        let address = self.b.load(Width::B4, row, 0);
        self.b.branch(Cond::ULe, address, wanted, holds, stop);
        self.b.switch_to(holds);
        self.b.load(Width::B4, row, 4)
    }

    /// A pointer to a row; the builder then stands in `found`. The key's memory holds its number.
    fn row(&mut self, rows: MapId, key: Value, number: Value, missing: Block, found: Block) -> Value {
        self.b.store(Width::B4, key, 0, number);
        let map = self.b.map_addr(rows);
        let row = self.b.helper(MAP_LOOKUP_ELEM, &[map, key]);
        self.b.branch_imm(Cond::Eq, row, 0, missing, found);
        self.b.switch_to(found);
        row
    }
}

/// Offset of a register in x86-64's `struct pt_regs`.
fn register(member: &str) -> Late {
    let machine = &arch::x86_64::ARCH;
    let found = machine.registers.iter().find(|r| r.member == member);
    regs_fact(machine, found.unwrap_or(&machine.guard), Fact::ByteOffset)
}
