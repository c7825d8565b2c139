//! Arguments: registers of the probed function, and fields of a tracepoint's record.
//!
//! Context loads are LDX at a late offset on the untouched context pointer, the only
//! form that every kernel accepts.

use btc_abi::{Attach, GlobalValue, LossKind, Refused};
use btc_builtins::helpers::{GET_FUNC_IP, Newer};
use btc_ir::{ArgumentPart, BinOp, Cond, Fact, Late, Leaf, Memory, PathStep, Shape, Typed, Value, Width};
use btc_providers::{Field, Location};
use btc_target::arch::{self, Arch, Passed, Register};
use btc_types::{Space, Type};

use crate::core_read::leaf_of;
use crate::function::FnLower;
use crate::place::width_of;

impl FnLower<'_, '_, '_> {
    /// A register of `struct pt_regs`, chosen by the machine that runs the object.
    pub fn register(&mut self, of: impl Fn(&'static Arch) -> Register) -> Value {
        self.by_machine(|f, machine| f.machine_register(machine, of(machine)))
    }

    /// The `n`th integer argument of the function that was just entered.
    pub fn entry_argument(&mut self, n: u32) -> Value {
        let space = if self.probe.provider.is_user { Space::User } else { Space::Kernel };
        self.by_machine(|f, machine| match machine.argument(n) {
            Passed::Register(register) => f.machine_register(machine, register),
            Passed::Stack(bytes) => {
                let pointer = f.machine_register(machine, machine.stack);
                let address = f.b.add_imm(pointer, i64::from(bytes));
                f.read_word(address, space)
            }
        })
    }

    /// Code for each machine, of which the one that runs the object keeps its own.
    fn by_machine(&mut self, mut read: impl FnMut(&mut Self, &'static Arch) -> Value) -> Value {
        let done = self.b.block(1);
        for machine in arch::ALL {
            let (here, next) = (self.b.block(0), self.b.block(0));
            let present = self.b.late(regs_fact(machine, &machine.guard, Fact::Exists));
            self.b.branch_imm(Cond::Ne, present, 0, here, next);
            self.b.switch_to(here);
            let value = read(self, machine);
            self.b.jump(done, &[value]);
            self.b.switch_to(next);
        }
        self.refuse(Refused::Machine);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    fn machine_register(&mut self, machine: &Arch, register: Register) -> Value {
        let ctx = self.ctx();
        self.b.load_late(Width::B8, ctx, regs_fact(machine, &register, Fact::ByteOffset))
    }

    fn read_word(&mut self, address: Value, space: Space) -> Value {
        let to = self.alloc(8);
        self.read(Memory { base: to.base, offset: to.offset }, 8, address, space);
        self.b.load(Width::B8, to.base, to.offset)
    }

    /// Address of a symbol of the binary that a uprobe is in: as far from the probe as in the file.
    pub fn user_symbol(&mut self, name: &str) -> Value {
        let Attach::Uprobe { path, symbol, offset, ret, .. } = self.probe.attach.clone() else {
            // The checker takes no other probe.
            self.refuse(Refused::FunctionAddress);
            return self.unreachable_value();
        };
        let here = if ret { self.function_address() } else { self.register(|a| a.instruction) };
        let (unknown, known, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        self.b.branch_imm(Cond::Eq, here, 0, unknown, known);
        self.b.switch_to(unknown);
        // Linux 5.15 to 6.5 have the helper, and it does not know user functions.
        let loss = self.shared.loss(LossKind::Helper, "get_func_ip", self.b.span);
        self.count_loss(loss);
        self.b.jump(done, &[here]);
        self.b.switch_to(known);
        let mut base = self.b.add_imm(here, (offset as i64).wrapping_neg());
        if !symbol.is_empty() {
            let function = self.global(GlobalValue::UserAddress(path.clone(), symbol));
            base = self.b.bin(BinOp::Sub, base, function);
        }
        let wanted = self.global(GlobalValue::UserAddress(path, name.to_string()));
        let address = self.b.bin(BinOp::Add, base, wanted);
        self.b.jump(done, &[address]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// Where the function begins that a return probe is in; 0 where the kernel does not know.
    fn function_address(&mut self) -> Value {
        let ctx = self.ctx();
        let exists = self.has_helper(GET_FUNC_IP);
        self.require(exists, Refused::FunctionAddress);
        self.b.helper(GET_FUNC_IP.number, &[ctx])
    }

    /// Whether the target's kernel has a helper.
    pub fn has_helper(&mut self, helper: Newer) -> Value {
        self.b.late(helper.exists())
    }

    /// A value that the runtime fills in before loading.
    pub fn global(&mut self, value: GlobalValue) -> Value {
        let place = self.shared.place(self.b.span);
        let global = self.shared.value(value, place, self.b.module);
        let address = self.b.global_addr(global);
        self.b.load(Width::B8, address, 0)
    }

    /// A register by name. A name may stand for several fields, of which the first that the kernel has counts.
    pub fn register_named(&mut self, name: &str) -> Value {
        let ctx = self.ctx();
        let done = self.b.block(1);
        for machine in arch::ALL {
            for register in machine.registers.iter().filter(|r| r.name == name) {
                let (here, next) = (self.b.block(0), self.b.block(0));
                let present = self.b.late(regs_fact(machine, &machine.guard, Fact::Exists));
                let own = self.b.late(regs_fact(machine, register, Fact::Exists));
                let both = self.b.bin(BinOp::And, present, own);
                self.b.branch_imm(Cond::Ne, both, 0, here, next);
                self.b.switch_to(here);
                let late = regs_fact(machine, register, Fact::ByteOffset);
                let value = self.b.load_late(Width::B8, ctx, late);
                self.b.jump(done, &[value]);
                self.b.switch_to(next);
            }
        }
        self.refuse(Refused::Register(name.to_string()));
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// `args.x` as a scalar.
    pub fn argument_value(&mut self, location: &Location, dynamic: Option<bool>, ty: &Type) -> Value {
        if dynamic.is_some() {
            return self.argument_address(location, dynamic);
        }
        let ctx = self.ctx();
        match location {
            Location::Register(n) => {
                let word = self.entry_argument(*n);
                self.extend(word, ty)
            }
            Location::Stack(bytes) => {
                let pointer = self.register(|a| a.stack);
                let address = self.b.add_imm(pointer, i64::from(*bytes));
                let word = self.read_word(address, Space::User);
                self.extend(word, ty)
            }
            Location::Record(field) => {
                let value = self.b.load_late(Width::B8, ctx, field_offset(field, word()));
                self.extend(value, ty)
            }
            Location::Named { shape: Shape::Field { .. }, core, .. } => {
                let is_word = core.as_ref().is_some_and(|core| core.word);
                let (width, leaf) = if is_word { (Width::B8, word()) } else { (width_of(ty), leaf_of(ty)) };
                let value = self.b.load_late(width, ctx, named(location, leaf, ArgumentPart::Offset));
                // The load has the target's width, so what has no sign is whole.
                match is_word {
                    true => self.extend(value, ty),
                    // It may be smaller there than here.
                    false if ty.is_signed() => {
                        self.b.extend_late(named(location, leaf_of(ty), ArgumentPart::Extend), value)
                    }
                    false => value,
                }
            }
            Location::Named { of: Typed::Function { .. }, shape: Shape::Pointer { to }, .. } if !points_at_record(to) => {
                self.guarded_pointer(location)
            }
            Location::Named { shape, .. } => {
                let value = self.b.load_late(Width::B8, ctx, named(location, word(), ArgumentPart::Offset));
                match shape {
                    Shape::Int { .. } => self.b.extend_late(named(location, word(), ArgumentPart::Extend), value),
                    _ => value,
                }
            }
        }
    }

    /// An argument of a kernel function that is a pointer to something other than a struct. The verifier wants to know
    /// what the program will do with it and refuses to load some: a helper reads the word there.
    fn guarded_pointer(&mut self, location: &Location) -> Value {
        let ctx = self.ctx();
        let (load, read, done) = (self.b.block(0), self.b.block(0), self.b.block(1));
        let direct = self.b.late(named(location, word(), ArgumentPart::Direct));
        self.b.branch_imm(Cond::Ne, direct, 0, load, read);
        self.b.switch_to(load);
        let value = self.b.load_late(Width::B8, ctx, named(location, word(), ArgumentPart::Offset));
        self.b.jump(done, &[value]);
        self.b.switch_to(read);
        let offset = self.b.late(named(location, word(), ArgumentPart::Offset));
        let address = self.add(ctx, offset);
        let value = self.read_word(address, Space::Kernel);
        self.b.jump(done, &[value]);
        self.b.switch_to(done);
        self.b.block_param(done, 0)
    }

    /// The nth word of a context that is an array of words.
    pub fn context_word(&mut self, n: u32) -> Value {
        let ctx = self.ctx();
        self.b.load(Width::B8, ctx, n as i32 * 8)
    }

    /// The address of an argument that is no scalar: in the record, or where the record
    /// says that it lies.
    pub fn argument_address(&mut self, location: &Location, dynamic: Option<bool>) -> Value {
        let ctx = self.ctx();
        let Location::Named { .. } = location else { unreachable!("{location:?} is no place in the record") };
        let Some(from_field) = dynamic else {
            let leaf = Leaf::Array(Box::new(Leaf::Int { size: 1, signed: true }));
            let offset = self.b.late(named(location, leaf, ArgumentPart::Offset));
            return self.add(ctx, offset);
        };
        let late = named(location, Leaf::Int { size: 4, signed: false }, ArgumentPart::Offset);
        let place = self.b.load_late(Width::B4, ctx, late.clone());
        let offset = self.b.bin_imm(BinOp::And, place, 0xffff);
        let start = self.add(ctx, offset);
        if !from_field {
            return start;
        }
        let own = self.b.late(late);
        let after = self.add(start, own);
        self.b.add_imm(after, 4)
    }
}

impl FnLower<'_, '_, '_> {
    /// Goes on only where an argument is what it is on the build's target: that is looked at where its place is asked for.
    pub fn require_shape(&mut self, location: &Location, ty: &Type) {
        let Location::Named { name, .. } = location else { return };
        let what = Refused::Field { field: format!("args.{name}"), ty: ty.to_string() };
        let place = self.b.late(named(location, word(), ArgumentPart::Offset));
        let beyond = self.b.bin_imm(BinOp::Add, place, 1);
        self.require(beyond, what);
    }
}

fn field(record: &str, member: &str, index: Option<u32>, leaf: Leaf, fact: Fact) -> Late {
    let mut path = vec![PathStep::Member { name: member.to_string(), record: None }];
    path.extend(index.map(PathStep::Index));
    Late::Field { record: record.to_string(), union: false, path, leaf, fact }
}

fn field_offset(of: &Field, leaf: Leaf) -> Late {
    field(&of.record, &of.member, of.index, leaf, Fact::ByteOffset)
}

/// Whether a pointer's target, as [`Shape::Pointer`] spells it, is a struct or union.
fn points_at_record(to: &str) -> bool {
    to.starts_with("struct ") || to.starts_with("union ")
}

/// A word of 8 bytes.
fn word() -> Leaf {
    Leaf::Int { size: 8, signed: false }
}

/// A part of the place of what the target finds by name; `leaf` is what a CO-RE relocation says that it is.
fn named(location: &Location, leaf: Leaf, part: ArgumentPart) -> Late {
    let Location::Named { of, name, shape, core } = location else { unreachable!("{location:?} has no name") };
    let core = core.as_ref().filter(|_| part == ArgumentPart::Offset);
    let core = core.map(|core| Box::new(field_offset(core, leaf)));
    Late::Argument { of: of.clone(), name: name.clone(), shape: shape.clone(), part, core }
}

/// A fact about a register; the flavour keeps the stubs of machines apart.
pub(crate) fn regs_fact(machine: &Arch, register: &Register, fact: Fact) -> Late {
    let record = format!("pt_regs___{}", machine.name);
    field(&record, register.member, register.index, Leaf::Int { size: 8, signed: false }, fact)
}
