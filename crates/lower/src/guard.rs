//! The guard of programs that the kernel may run within each other, or within themselves, on one CPU.
//!
//! The kernel has no such guard for programs of uprobes: they cannot change the CPU, but another task may get it in the
//! middle of one. Where programs may hold the CPU, they do, as the kernel does for those of kprobes. Elsewhere a program
//! counts itself in first and out last, and loses events:
//! - Both add atomically, and neither stores a number: another task may stand between its own two steps at any time.
//!   Who then stores 0 would let a third one in while the second is there.
//! - Who adds 1 and then reads 1 is alone: all that come later read more, until it has taken its 1 away. Linux 5.10 has no
//!   atomic instruction that yields the sum: it is read in a second step.
//! - There is one word for all programs of the module: they share the memory of functions that they call, entries of per-CPU maps,
//!   and what they have of scratch memory where that does not suffice for all.

use btc_abi::{self as abi, MOST_CPUS};
use btc_builtins::helpers::GET_SMP_PROCESSOR_ID;
use btc_diagnostics::Span;
use btc_ir::{
    BinOp, Builder, Callee, Cond, FuncId, FunctionKind, Global, GlobalId, Guard, Memory, Module, Op, Section, Value, Width,
};

/// Bytes between the words of two CPUs: they do not write to each other's cache lines.
pub(crate) const STRIDE: u32 = 64;

/// Words for all CPUs, zeros, in `.bss`. CPUs with higher numbers share the words of lower ones: then more is lost than need be.
pub(crate) fn cpu_words(symbol: &str, module: &mut Module) -> GlobalId {
    let init = vec![0; (MOST_CPUS * STRIDE) as usize];
    module.add_global(Global { symbol: symbol.to_string(), section: Section::Bss, init })
}

/// The address of this CPU's word.
pub(crate) fn cpu_word(b: &mut Builder<'_>, words: GlobalId) -> Value {
    let cpu = b.helper(GET_SMP_PROCESSOR_ID, &[]);
    let cpu = b.bin_imm(BinOp::And, cpu, i64::from(MOST_CPUS) - 1);
    let distance = b.bin_imm(BinOp::Mul, cpu, i64::from(STRIDE));
    let base = b.global_addr(words);
    b.bin(BinOp::Add, base, distance)
}

/// Adds to a word, atomically.
pub(crate) fn add_to_word(b: &mut Builder<'_>, word: Value, n: i64) {
    let n = b.iconst(n);
    b.push(Op::AtomicAdd(Width::B8, Memory { base: word, offset: 0 }, n));
}

/// The module's guard. Lost events of a program are counted in `losses`, `lost` bytes behind its begin.
pub fn guard(module: &mut Module, losses: GlobalId, lost: u32, span: Span) -> Guard {
    let known = module.functions.iter().find_map(|function| match &function.kind {
        FunctionKind::Program { guard, .. } => *guard,
        _ => None,
    });
    match known {
        Some(guard) => Guard { lost, ..guard },
        None => {
            let words = cpu_words(abi::GUARD, module);
            Guard { enter: enter(module, words, losses, span), leave: leave(module, words, span), lost }
        }
    }
}

/// The function that yields 1 if the program that calls it is alone; else it counts a lost event where its parameter says,
/// and yields 0.
fn enter(module: &mut Module, words: GlobalId, losses: GlobalId, span: Span) -> FuncId {
    function(module, "guard_enter", 1, span, |b| {
        let (alone, busy) = (b.block(0), b.block(0));
        held(b, abi::HOLD[0], |b| b.jump(alone, &[]));
        let word = cpu_word(b, words);
        add_to_word(b, word, 1);
        let there = b.load(Width::B8, word, 0);
        b.branch_imm(Cond::Eq, there, 1, alone, busy);
        b.switch_to(busy);
        add_to_word(b, word, -1);
        let (counters, lost) = (b.global_addr(losses), b.param(0));
        let counter = b.bin(BinOp::Add, counters, lost);
        add_to_word(b, counter, 1);
        let no = b.iconst(0);
        b.ret(no);
        b.switch_to(alone);
        let yes = b.iconst(1);
        b.ret(yes);
    })
}

/// The function that a program calls before it ends, if it was let in.
fn leave(module: &mut Module, words: GlobalId, span: Span) -> FuncId {
    function(module, "guard_leave", 0, span, |b| {
        let end = b.block(0);
        held(b, abi::HOLD[1], |b| b.jump(end, &[]));
        let word = cpu_word(b, words);
        add_to_word(b, word, -1);
        b.jump(end, &[]);
        b.switch_to(end);
    })
}

/// Where the kernel lets programs hold the CPU, calls its function and goes on as `then` says. What follows is for other kernels.
/// The verifier follows one of both.
fn held(b: &mut Builder<'_>, function: &str, then: impl FnOnce(&mut Builder<'_>)) {
    let (witness, function) = (b.module.kfunc(abi::HOLDS, 1), b.module.kfunc(function, 0));
    let (hold, count) = (b.block(0), b.block(0));
    let exists = b.push(Op::KfuncAddr(witness));
    b.branch_imm(Cond::Ne, exists, 0, hold, count);
    b.switch_to(hold);
    b.call(Callee::Kfunc(function), &[]);
    then(b);
    b.switch_to(count);
}

/// Adds a function of the guard.
fn function(module: &mut Module, name: &str, params: u32, span: Span, body: impl FnOnce(&mut Builder<'_>)) -> FuncId {
    let mut b = Builder::new(module, name, FunctionKind::Subprogram, params, span);
    body(&mut b);
    let function = b.finish();
    module.add_function(function)
}
