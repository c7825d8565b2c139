//! `comm`: name of the current task.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns, helpers};

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
    lower: |l, _| {
        let dest = l.dest();
        let b = l.b();
        // Some kernels (6.1 is one) leave what follows the name's end as it was, and both map
        // keys and comparisons look at all bytes.
        b.clear(dest.base, dest.offset, TASK_COMM_LEN);
        let to = b.add_imm(dest.base, i64::from(dest.offset));
        let size = b.iconst(i64::from(TASK_COMM_LEN));
        b.helper(helpers::GET_CURRENT_COMM, &[to, size]);
        Lowered::InDest
    },
};
