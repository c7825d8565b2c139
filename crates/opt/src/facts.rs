//! What passes know about helpers.

use btc_ir::Callee;

/// Helpers without arguments whose result stays the same while one event is handled:
/// programs run to their end on one CPU, for one task.
///
/// 8 `get_smp_processor_id`, 14 `get_current_pid_tgid`, 15 `get_current_uid_gid`,
/// 35 `get_current_task`, 80 `get_current_cgroup_id`, 158 `get_current_task_btf`.
const SAME_IN_EVENT: &[u32] = &[8, 14, 15, 35, 80, 158];

/// Helpers that only read: 5 `ktime_get_ns`, 125 `ktime_get_boot_ns`.
const ONLY_READ: &[u32] = &[5, 125];

/// Whether a second call yields what the first did.
pub fn is_same_in_event(callee: Callee) -> bool {
    matches!(callee, Callee::Helper(n) if SAME_IN_EVENT.contains(&n))
}

/// Whether a call may go when its result is unused.
pub fn is_removable(callee: Callee) -> bool {
    is_same_in_event(callee) || matches!(callee, Callee::Helper(n) if ONLY_READ.contains(&n))
}
