//! The ids of the current task, for the builtins that show or send them.

use btc_abi::GlobalValue;
use btc_ir::{Cond, Value, Width};

use crate::{Call, Lowering, helpers};

/// Words for the namespace that ids are counted in; the tracer's own when there is none.
pub(crate) const NAMESPACES: &[&str] = &["curr_ns", "init"];

/// Process and thread id as the kernel counts them: `process << 32 | thread`.
pub(crate) fn initial(l: &mut (dyn Lowering<'_> + '_)) -> Value {
    l.b().helper(helpers::GET_CURRENT_PID_TGID, &[])
}

/// Likewise, as the tracer's pid namespace counts them; 0 for a process that it does not see.
///
/// The usual tracer lives in the initial namespace: there its number is 0, the verifier drops
/// the other branch, and the call in front of it is made once an event, however often ids are
/// asked for.
pub fn own(l: &mut (dyn Lowering<'_> + '_)) -> Value {
    let plain = initial(l);
    let inode = l.global(GlobalValue::PidNamespaceInode);
    let (inside, outside, done) = (l.b().block(0), l.b().block(0), l.b().block(1));
    l.b().branch_imm(Cond::Ne, inode, 0, inside, outside);
    l.b().switch_to(outside);
    l.b().jump(done, &[plain]);
    l.b().switch_to(inside);
    let ids = l.outlined("namespace_ids", &mut |l| in_namespace(l));
    l.b().jump(done, &[ids]);
    l.b().switch_to(done);
    l.b().block_param(done, 0)
}

/// The ids in a namespace that is not the initial one.
fn in_namespace(l: &mut (dyn Lowering<'_> + '_)) -> Value {
    let [device, inode] =
        [GlobalValue::PidNamespaceDevice, GlobalValue::PidNamespaceInode].map(|value| l.global(value));
    let b = l.b();
    let slot = b.slot(8);
    let to = b.slot_addr(slot);
    let size = b.iconst(8);
    // It writes the thread's id, then the process's, 4 bytes each; zeros when it fails.
    b.helper(helpers::GET_NS_CURRENT_PID_TGID, &[device, inode, to, size]);
    b.load(Width::B8, to, 0)
}

/// The ids in the namespace that the call's first word names.
pub(crate) fn named(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Value {
    if call.text(0).as_deref() == Some("init") { initial(l) } else { own(l) }
}
