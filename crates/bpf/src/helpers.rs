//! Helpers: one row each, numbers as in the kernel's `include/uapi/linux/bpf.h`.
//!
//! `since` is the first kernel release that has the helper; `gpl` whether the
//! object's licence must be compatible with the GPL.

/// A BPF helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Helper {
    /// Number in a call instruction.
    pub number: u32,
    /// Name without `bpf_`.
    pub name: &'static str,
    /// Number of arguments.
    pub args: u8,
    /// First kernel release: major and minor.
    pub since: (u8, u8),
    /// Whether only programs under the GPL may call it.
    pub gpl: bool,
    /// Whether it does something to the host or another program, not only to what is the program's own.
    pub changes: bool,
}

impl Helper {
    const fn changing(mut self) -> Helper {
        self.changes = true;
        self
    }
}

const fn row(number: u32, name: &'static str, args: u8, since: (u8, u8), gpl: bool) -> Helper {
    Helper { number, name, args, since, gpl, changes: false }
}

/// All helpers that generated code uses or is likely to use, by number.
pub static HELPERS: &[Helper] = &[
    row(1, "map_lookup_elem", 2, (3, 19), false),
    row(2, "map_update_elem", 4, (3, 19), false),
    row(3, "map_delete_elem", 2, (3, 19), false),
    row(4, "probe_read", 3, (4, 1), true),
    row(5, "ktime_get_ns", 0, (4, 1), false),
    row(6, "trace_printk", 5, (4, 1), true).changing(),
    row(7, "get_prandom_u32", 0, (4, 1), false),
    row(8, "get_smp_processor_id", 0, (4, 1), false),
    row(12, "tail_call", 3, (4, 2), false).changing(),
    row(14, "get_current_pid_tgid", 0, (4, 2), false),
    row(15, "get_current_uid_gid", 0, (4, 2), false),
    row(16, "get_current_comm", 2, (4, 2), false),
    row(22, "perf_event_read", 2, (4, 3), true),
    row(25, "perf_event_output", 5, (4, 4), true),
    row(27, "get_stackid", 3, (4, 6), true),
    row(35, "get_current_task", 0, (4, 8), true),
    row(36, "probe_write_user", 3, (4, 8), true).changing(),
    row(37, "current_task_under_cgroup", 2, (4, 9), false),
    row(42, "get_numa_node_id", 0, (4, 10), false),
    row(45, "probe_read_str", 3, (4, 11), true),
    row(46, "get_socket_cookie", 1, (4, 12), false),
    row(55, "perf_event_read_value", 4, (4, 15), true),
    row(56, "perf_prog_read_value", 3, (4, 15), true),
    row(58, "override_return", 2, (4, 16), true).changing(),
    row(67, "get_stack", 4, (4, 18), true),
    row(80, "get_current_cgroup_id", 0, (4, 18), false),
    row(105, "strtol", 4, (5, 2), false),
    row(106, "strtoul", 4, (5, 2), false),
    row(109, "send_signal", 1, (5, 3), false).changing(),
    row(111, "skb_output", 5, (5, 5), true),
    row(112, "probe_read_user", 3, (5, 5), true),
    row(113, "probe_read_kernel", 3, (5, 5), true),
    row(114, "probe_read_user_str", 3, (5, 5), true),
    row(115, "probe_read_kernel_str", 3, (5, 5), true),
    row(117, "send_signal_thread", 1, (5, 6), false).changing(),
    row(118, "jiffies64", 0, (5, 6), false),
    row(119, "read_branch_records", 4, (5, 6), true),
    row(120, "get_ns_current_pid_tgid", 4, (5, 7), false),
    row(123, "get_current_ancestor_cgroup_id", 1, (5, 7), false),
    row(125, "ktime_get_boot_ns", 0, (5, 8), false),
    row(126, "seq_printf", 5, (5, 7), true),
    row(127, "seq_write", 3, (5, 7), true),
    row(130, "ringbuf_output", 4, (5, 8), false),
    row(131, "ringbuf_reserve", 3, (5, 8), false),
    row(132, "ringbuf_submit", 2, (5, 8), false),
    row(133, "ringbuf_discard", 2, (5, 8), false),
    row(134, "ringbuf_query", 2, (5, 8), false),
    row(141, "get_task_stack", 4, (5, 9), false),
    row(147, "d_path", 3, (5, 10), false),
    row(148, "copy_from_user", 3, (5, 10), false),
    row(149, "snprintf_btf", 5, (5, 10), true),
    row(153, "per_cpu_ptr", 2, (5, 10), false),
    row(154, "this_cpu_ptr", 1, (5, 10), false),
    row(158, "get_current_task_btf", 0, (5, 11), true),
    row(160, "ktime_get_coarse_ns", 0, (5, 11), false),
    row(164, "for_each_map_elem", 4, (5, 13), false),
    row(165, "snprintf", 5, (5, 13), true),
    row(173, "get_func_ip", 1, (5, 15), true),
    row(174, "get_attach_cookie", 1, (5, 15), false),
    row(175, "task_pt_regs", 1, (5, 15), true),
    row(176, "get_branch_snapshot", 3, (5, 16), true),
    row(180, "find_vma", 5, (5, 17), false),
    row(181, "loop", 4, (5, 17), false),
    row(182, "strncmp", 3, (5, 17), false),
    row(183, "get_func_arg", 3, (5, 17), false),
    row(184, "get_func_ret", 2, (5, 17), false),
    row(185, "get_func_arg_cnt", 1, (5, 17), false),
    row(191, "copy_from_user_task", 5, (5, 18), true),
    row(195, "map_lookup_percpu_elem", 3, (5, 19), false),
    row(197, "dynptr_from_mem", 4, (5, 19), false),
    row(198, "ringbuf_reserve_dynptr", 4, (5, 19), false),
    row(199, "ringbuf_submit_dynptr", 2, (5, 19), false),
    row(200, "ringbuf_discard_dynptr", 2, (5, 19), false),
    row(201, "dynptr_read", 5, (5, 19), false),
    row(202, "dynptr_write", 5, (5, 19), false),
    row(203, "dynptr_data", 3, (5, 19), false),
    row(208, "ktime_get_tai_ns", 0, (6, 1), false),
];

/// The helper of a number.
pub fn by_number(number: u32) -> Option<&'static Helper> {
    HELPERS.binary_search_by_key(&number, |h| h.number).ok().map(|at| &HELPERS[at])
}

/// The helper of a name, without `bpf_`.
pub fn by_name(name: &str) -> Option<&'static Helper> {
    HELPERS.iter().find(|h| h.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_unique() {
        assert!(HELPERS.windows(2).all(|w| w[0].number < w[1].number));
        assert_eq!(by_name("loop").map(|h| h.number), Some(181));
        assert_eq!(by_number(113).map(|h| h.name), Some("probe_read_kernel"));
    }

    #[test]
    fn at_most_five_arguments() {
        assert!(HELPERS.iter().all(|h| h.args <= 5));
    }
}
