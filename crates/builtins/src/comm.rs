//! `comm`: name of the current task.

use btc_ir::{Block, Cond, Fact, Late, Leaf, PathStep, Width};
use btc_types::Type;

use crate::{Function, Kind, Lowered, Lowering, Probes, Returns, helpers};

/// Size of `task_struct.comm` (kernel: `TASK_COMM_LEN`).
const TASK_COMM_LEN: u32 = 16;

/// The definition.
pub static COMM: Function = Function {
    name: "comm",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Fixed(Type::str(TASK_COMM_LEN)),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Name of the current task: at most 15 characters.",
    lower: |l, _| match l.compared() {
        Some((text, differ)) => {
            compare(l, &text, differ);
            Lowered::Compared
        }
        None => {
            copy(l);
            Lowered::InDest
        }
    },
};

/// Copies the name to where it belongs.
fn copy(l: &mut dyn Lowering) {
    let dest = l.dest();
    let b = l.b();
    // Some kernels (6.1 is one) leave what follows the name's end as it was, and both map
    // keys and comparisons look at all bytes.
    b.clear(dest.base, dest.offset, TASK_COMM_LEN);
    let to = b.add_imm(dest.base, i64::from(dest.offset));
    let size = b.iconst(i64::from(TASK_COMM_LEN));
    b.helper(helpers::GET_CURRENT_COMM, &[to, size]);
}

/// Goes to `differ` unless the name is `text`, which ends with a NUL. Where the verifier knows the
/// type of the current task, it is compared where it is: a copy costs some forty times as much.
fn compare(l: &mut dyn Lowering, text: &[u8], differ: Block) {
    let b = l.b();
    let exists = b.late(helpers::GET_CURRENT_TASK_BTF.exists());
    let (typed, copied, same) = (b.block(0), b.block(0), b.block(0));
    b.branch_imm(Cond::Ne, exists, 0, typed, copied);

    b.switch_to(typed);
    let task = b.helper(helpers::GET_CURRENT_TASK_BTF.number, &[]);
    let mut at = 0;
    while at < text.len() {
        // What follows the NUL may be anything, and is left out.
        let width = [Width::B8, Width::B4, Width::B2].into_iter().find(|w| at + w.bytes() as usize <= text.len());
        let width = width.unwrap_or(Width::B1);
        let bytes = &text[at..at + width.bytes() as usize];
        let want = bytes.iter().rev().fold(0, |n, byte| n << 8 | i64::from(*byte));
        let have = b.load_late(width, task, byte_of_comm(at as u32));
        let next = b.block(0);
        b.branch_imm(Cond::Eq, have, want, next, differ);
        b.switch_to(next);
        at += bytes.len();
    }
    b.jump(same, &[]);

    b.switch_to(copied);
    copy(l);
    let dest = l.dest();
    l.equal_constant(dest, text, differ);
    l.b().jump(same, &[]);
    l.b().switch_to(same);
}

/// Where a byte of the name is in `struct task_struct`.
fn byte_of_comm(n: u32) -> Late {
    Late::Field {
        record: "task_struct".to_string(),
        union: false,
        path: vec![PathStep::Member { name: "comm".to_string(), record: None }, PathStep::Index(n)],
        leaf: Leaf::Int { size: 1, signed: true },
        fact: Fact::ByteOffset,
    }
}
