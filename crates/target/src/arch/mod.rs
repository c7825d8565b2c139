//! Architectures: where `struct pt_regs` keeps arguments and results.
//!
//! An object holds the accesses of all of them, each guarded by the existence
//! of its fields, so one object serves every little-endian machine.

mod aarch64;
mod riscv64;
pub mod x86_64;

/// A register in `struct pt_regs`: a member, or an element of an array member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// The name in scripts: `reg("di")`.
    pub name: &'static str,
    /// The member of `struct pt_regs`.
    pub member: &'static str,
    /// The element, for an array member.
    pub index: Option<u32>,
}

/// Where `struct thread_info` tells that a system call is that of a 32-bit program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compat {
    /// The member.
    pub member: &'static str,
    /// Its size in bytes.
    pub size: u8,
    /// The bit in it.
    pub mask: u32,
}

/// A machine.
#[derive(Debug)]
pub struct Arch {
    /// The name as `uname -m` prints it.
    pub name: &'static str,
    /// A `pt_regs` field that only this machine has: the guard.
    pub guard: Register,
    /// Integer arguments of a function, in order.
    pub args: &'static [Register],
    /// Bytes between the stack pointer, at the entry of a function, and the first argument that has no register.
    pub stack_args: u32,
    /// A function's result.
    pub result: Register,
    /// The stack pointer.
    pub stack: Register,
    /// The instruction pointer.
    pub instruction: Register,
    /// How 32-bit programs are known; `None` where no bit has stayed the same over kernel versions.
    pub compat: Option<Compat>,
    /// Every register, for `reg()`.
    pub registers: &'static [Register],
}

/// Where a function finds an integer argument when it is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// In a register.
    Register(Register),
    /// In memory, so many bytes above the stack pointer.
    Stack(u32),
}

impl Arch {
    /// Where the `n`th integer argument of a function is, counted from 0, if all before it are integers too.
    pub fn argument(&self, n: u32) -> Passed {
        match self.args.get(n as usize) {
            Some(register) => Passed::Register(*register),
            None => Passed::Stack(self.stack_args + 8 * (n - self.args.len() as u32)),
        }
    }
}

/// How many integer arguments are in registers on every machine.
pub fn register_arguments() -> u32 {
    ALL.iter().map(|a| a.args.len() as u32).min().unwrap_or(0)
}

/// All of them; objects carry every one.
pub const ALL: &[&Arch] = &[&x86_64::ARCH, &aarch64::ARCH, &riscv64::ARCH];

const fn member(name: &'static str) -> Register {
    Register { name, member: name, index: None }
}

const fn renamed(name: &'static str, member: &'static str) -> Register {
    Register { name, member, index: None }
}

const fn element(name: &'static str, member: &'static str, index: u32) -> Register {
    Register { name, member, index: Some(index) }
}
