//! `usermode`: whether user code was interrupted.

use btc_ir::{BinOp, Cond};
use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns};

/// The definition.
pub static USERMODE: Function = Function {
    name: "usermode",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::int(1, false)),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "1 where the probe interrupted code in user mode, and in what btc runs itself (BEGIN, END and the like); \
          else 0, as in what fires in the kernel's own code: tracepoints, fentry, iterators. On x86-64; elsewhere 0.",
    lower: |l, _| {
        if l.is_run_by_tracer() {
            return Lowered::Value(l.b().iconst(1));
        }
        if !l.has_registers() {
            // What fires in the kernel's own code interrupts none of a user.
            return Lowered::Value(l.b().iconst(0));
        }
        // The lowest bits of the code segment are the privilege level: 3 is the user.
        let segment = l.register("cs");
        let b = l.b();
        let level = b.bin_imm(BinOp::And, segment, 3);
        let user = b.iconst(3);
        Lowered::Value(b.cmp(Cond::Eq, level, user))
    },
};
