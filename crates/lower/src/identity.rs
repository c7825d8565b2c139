//! How a program knows which attach point fired.
//!
//! A wildcard is one program. Its attach points' numbers are attach cookies, or patched into copies. The
//! tracepoints of single system calls are also told apart by the number of the call: the kernel takes long for
//! each of hundreds of them, so the runtime may attach a copy of the program to the one event of all calls,
//! and fill a table that says by number which of them are traced.

use btc_abi::SYSCALLS;
use btc_builtins::helpers::{GET_ATTACH_COOKIE, GET_CURRENT_TASK, GET_CURRENT_TASK_BTF};
use btc_ir::{BinOp, Block, Cond, Fact, Global, GlobalId, Late, Leaf, Memory, Module, PathStep, Section, Value, Width};
use btc_providers::{Context, Location};
use btc_target::arch::{self, Compat};
use btc_types::{Space, Type};

use crate::for_map::FRAME_NUMBER;
use crate::function::FnLower;
use crate::registers::regs_fact;

/// Bytes of a table's entry.
const ENTRY: u32 = 4;

/// The table of a program, see `abi::Probe::table`.
pub(crate) struct Syscalls {
    table: GlobalId,
    /// Where the context has the number of the call.
    number: Location,
    /// The attach point's number that the table has for the event.
    found: Option<Value>,
}

impl Syscalls {
    /// Declares the table.
    pub fn new(symbol: String, number: Location, module: &mut Module) -> Syscalls {
        let init = vec![0; (2 * SYSCALLS * ENTRY) as usize];
        let table = module.add_global(Global { symbol, section: Section::Bss, init });
        Syscalls { table, number, found: None }
    }
}

impl FnLower<'_, '_, '_> {
    /// Leaves where the program stands for many system calls and the one at hand is not traced.
    pub fn begin_of_syscall(&mut self, leave: Block) {
        if self.syscalls.is_none() {
            return;
        }
        let (by_table, alone, run) = (self.b.block(0), self.b.block(0), self.b.block(1));
        let half = self.b.late(Late::SyscallTable);
        self.b.branch_imm(Cond::Ne, half, 0, by_table, alone);
        self.b.switch_to(alone);
        let zero = self.b.iconst(0);
        self.b.jump(run, &[zero]);
        self.b.switch_to(by_table);
        let found = self.look_up_syscall(leave);
        let traced = self.b.block(0);
        self.b.branch_imm(Cond::Ne, found, 0, traced, leave);
        self.b.switch_to(traced);
        self.leave_compat(leave);
        self.b.jump(run, &[found]);
        self.b.switch_to(run);
        let found = self.b.block_param(run, 0);
        if let Some(syscalls) = &mut self.syscalls {
            syscalls.found = Some(found);
        }
    }

    /// The table's entry for the system call at hand. A number beyond the table goes to `beyond`.
    fn look_up_syscall(&mut self, beyond: Block) -> Value {
        let Some(Syscalls { table, number, .. }) = &self.syscalls else { unreachable!("a wildcard of system calls") };
        let (table, number) = (*table, number.clone());
        let number = self.argument_value(&number, None, &Type::int(4, false));
        let within = self.b.block(0);
        self.b.branch_imm(Cond::ULt, number, i64::from(SYSCALLS), within, beyond);
        self.b.switch_to(within);
        let half = self.b.late(Late::SyscallTable);
        let before = self.b.add_imm(half, -1);
        let before = self.b.bin_imm(BinOp::Mul, before, i64::from(SYSCALLS));
        let entry = self.b.bin(BinOp::Add, before, number);
        let offset = self.b.bin_imm(BinOp::Mul, entry, i64::from(ENTRY));
        let base = self.b.global_addr(table);
        let at = self.b.bin(BinOp::Add, base, offset);
        self.b.load(Width::B4, at, 0)
    }

    /// Leaves when the system call is that of a 32-bit program: its number is of another table, and the tracepoints
    /// of single calls do not see it (kernel: `trace_get_syscall_nr`).
    fn leave_compat(&mut self, leave: Block) {
        for machine in arch::ALL {
            let Some(compat) = &machine.compat else { continue };
            let (here, next) = (self.b.block(0), self.b.block(0));
            let present = self.b.late(regs_fact(machine, &machine.guard, Fact::Exists));
            self.b.branch_imm(Cond::Ne, present, 0, here, next);
            self.b.switch_to(here);
            let flags = self.thread_info(compat);
            let bit = self.b.bin_imm(BinOp::And, flags, i64::from(compat.mask));
            self.b.branch_imm(Cond::Ne, bit, 0, leave, next);
            self.b.switch_to(next);
        }
    }

    /// A field of the current task's `struct thread_info`: a plain load where the verifier knows the task's type.
    fn thread_info(&mut self, field: &Compat) -> Value {
        let size = u32::from(field.size);
        let width = Width::of(size).unwrap_or(Width::B8);
        let offset = Late::Field {
            record: "task_struct".to_string(),
            union: false,
            path: vec![
                PathStep::Member {
                    name: "thread_info".to_string(),
                    record: Some(("thread_info".to_string(), false)),
                },
                PathStep::Member { name: field.member.to_string(), record: None },
            ],
            leaf: Leaf::Int { size: field.size, signed: false },
            fact: Fact::ByteOffset,
        };
        let (typed, read, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        let exists = self.has_helper(GET_CURRENT_TASK_BTF);
        self.b.branch_imm(Cond::Ne, exists, 0, typed, read);
        self.b.switch_to(typed);
        let task = self.b.helper(GET_CURRENT_TASK_BTF.number, &[]);
        let value = self.b.load_late(width, task, offset.clone());
        self.b.jump(done, &[value]);
        self.b.switch_to(read);
        let task = self.b.helper(GET_CURRENT_TASK, &[]);
        let offset = self.b.late(offset);
        let address = self.add(task, offset);
        let slot = self.b.slot(8);
        let to = Memory { base: self.b.slot_addr(slot), offset: 0 };
        self.read(to, size, address, Space::Kernel);
        let value = self.b.load(width, to.base, to.offset);
        self.b.jump(done, &[value]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// The number of the attach point that fired.
    pub fn probe_number(&mut self) -> Value {
        if !self.probe.dynamic_identity {
            let number = self.shared.numbers[&self.probe.name];
            return self.b.iconst(number.into());
        }
        if let Some(frame) = self.frame.as_ref().filter(|f| f.callback) {
            let base = frame.base;
            return self.b.load(Width::B8, base, FRAME_NUMBER);
        }
        let Some(found) = self.syscalls.as_ref().and_then(|s| s.found) else { return self.own_number() };
        let (by_table, alone, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        let half = self.b.late(Late::SyscallTable);
        self.b.branch_imm(Cond::Ne, half, 0, by_table, alone);
        self.b.switch_to(by_table);
        self.b.jump(done, &[found]);
        self.b.switch_to(alone);
        let number = self.own_number();
        self.b.jump(done, &[number]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// Its number where the program is attached to it and to nothing else.
    fn own_number(&mut self) -> Value {
        // Typed programs got cookies later than other programs (Linux 5.19 and 6.10): they are copied.
        if self.probe.provider.context == Context::Slots {
            return self.b.late(Late::ProbeIdentity);
        }
        let ctx = self.ctx();
        let exists = self.has_helper(GET_ATTACH_COOKIE);
        let b = &mut self.b;
        let (cookie, patched, done) = (b.block(0), b.block(0), b.block(1));
        b.branch_imm(Cond::Ne, exists, 0, cookie, patched);
        b.switch_to(cookie);
        let number = b.helper(GET_ATTACH_COOKIE.number, &[ctx]);
        b.jump(done, &[number]);
        b.switch_to(patched);
        let number = b.late(Late::ProbeIdentity);
        b.jump(done, &[number]);
        b.switch_to(done);
        b.block_param(done, 0)
    }
}
