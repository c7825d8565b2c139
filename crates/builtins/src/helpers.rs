//! Numbers of BPF helpers (kernel: include/uapi/linux/bpf.h) that builtins and `lower` call,
//! and flags of theirs. A test holds them against the table in `btc-bpf`.

use btc_ir::Late;

/// A helper that the oldest kernel that objects run on, Linux 5.10, has not. It is called under a guard on
/// [`Newer::exists`]: there is another way, or the program is refused (`abi::Refused::Release`).
#[derive(Clone, Copy, Debug)]
pub struct Newer {
    /// Its number.
    pub number: u32,
    /// Its name, without `bpf_`.
    pub name: &'static str,
    /// The first release with it.
    pub since: &'static str,
}

impl Newer {
    /// Whether the target's kernel has it.
    pub fn exists(&self) -> Late {
        Late::EnumExists {
            name: "bpf_func_id".to_string(),
            variant: format!("BPF_FUNC_{}", self.name),
            value: i64::from(self.number),
        }
    }
}

/// All of them.
pub const NEWER: [Newer; 6] =
    [KTIME_GET_TAI_NS, GET_CURRENT_TASK_BTF, FOR_EACH_MAP_ELEM, GET_FUNC_IP, TASK_PT_REGS, GET_ATTACH_COOKIE];

/// `u64 bpf_ktime_get_ns(void)`
pub const KTIME_GET_NS: u32 = 5;
/// `u32 bpf_get_prandom_u32(void)`
pub const GET_PRANDOM_U32: u32 = 7;
/// `u32 bpf_get_smp_processor_id(void)`
pub const GET_SMP_PROCESSOR_ID: u32 = 8;
/// `u64 bpf_get_current_pid_tgid(void)`
pub const GET_CURRENT_PID_TGID: u32 = 14;
/// `u64 bpf_get_current_uid_gid(void)`
pub const GET_CURRENT_UID_GID: u32 = 15;
/// `long bpf_get_current_comm(void *buf, u32 size)`
pub const GET_CURRENT_COMM: u32 = 16;
/// `u64 bpf_get_current_cgroup_id(void)`
pub const GET_CURRENT_CGROUP_ID: u32 = 80;
/// `u64 bpf_ktime_get_boot_ns(void)`
pub const KTIME_GET_BOOT_NS: u32 = 125;
/// `void *bpf_map_lookup_elem(struct bpf_map *map, const void *key)`
pub const MAP_LOOKUP_ELEM: u32 = 1;
/// `u64 bpf_ktime_get_tai_ns(void)`, Linux 6.1
pub const KTIME_GET_TAI_NS: Newer = Newer { number: 208, name: "ktime_get_tai_ns", since: "6.1" };
/// `long bpf_probe_write_user(void *dst, const void *src, u32 len)`
pub const PROBE_WRITE_USER: u32 = 36;
/// `long bpf_get_numa_node_id(void)`
pub const GET_NUMA_NODE_ID: u32 = 42;
/// `u64 bpf_get_socket_cookie(void *ctx)`; of a `struct sock *` in tracing programs since Linux 5.12
pub const GET_SOCKET_COOKIE: u32 = 46;
/// `int bpf_override_return(struct pt_regs *regs, u64 rc)`
pub const OVERRIDE_RETURN: u32 = 58;
/// `long bpf_send_signal(u32 sig)`
pub const SEND_SIGNAL: u32 = 109;
/// `long bpf_probe_read_kernel_str(void *dst, u32 size, const void *unsafe_ptr)`
pub const PROBE_READ_KERNEL_STR: u32 = 115;
/// `long bpf_send_signal_thread(u32 sig)`
pub const SEND_SIGNAL_THREAD: u32 = 117;
/// `u64 bpf_jiffies64(void)`
pub const JIFFIES64: u32 = 118;
/// `long bpf_get_ns_current_pid_tgid(u64 dev, u64 ino, struct bpf_pidns_info *nsdata, u32 size)`, Linux 5.7
pub const GET_NS_CURRENT_PID_TGID: u32 = 120;
/// `long bpf_d_path(struct path *path, char *buf, u32 sz)`
pub const D_PATH: u32 = 147;
/// `long bpf_map_update_elem(struct bpf_map *map, const void *key, const void *value, u64 flags)`
pub const MAP_UPDATE_ELEM: u32 = 2;
/// `long bpf_map_delete_elem(struct bpf_map *map, const void *key)`
pub const MAP_DELETE_ELEM: u32 = 3;
/// `u64 bpf_get_current_task(void)`
pub const GET_CURRENT_TASK: u32 = 35;
/// `bpf_get_current_task_btf()` (Linux 5.11): a pointer that the verifier knows the type of.
pub const GET_CURRENT_TASK_BTF: Newer = Newer { number: 158, name: "get_current_task_btf", since: "5.11" };
/// `long bpf_get_stack(void *ctx, void *buf, u32 size, u64 flags)`
pub const GET_STACK: u32 = 67;
/// `long bpf_probe_read_user(void *dst, u32 size, const void *unsafe_ptr)`
pub const PROBE_READ_USER: u32 = 112;
/// `long bpf_probe_read_kernel(void *dst, u32 size, const void *unsafe_ptr)`
pub const PROBE_READ_KERNEL: u32 = 113;
/// `long bpf_probe_read_user_str(void *dst, u32 size, const void *unsafe_ptr)`
pub const PROBE_READ_USER_STR: u32 = 114;
/// `void *bpf_ringbuf_reserve(void *ringbuf, u64 size, u64 flags)`
pub const RINGBUF_RESERVE: u32 = 131;
/// `void bpf_ringbuf_submit(void *data, u64 flags)`
pub const RINGBUF_SUBMIT: u32 = 132;
/// `long bpf_for_each_map_elem(struct bpf_map *map, void *fn, void *ctx, u64 flags)`, Linux 5.13
pub const FOR_EACH_MAP_ELEM: Newer = Newer { number: 164, name: "for_each_map_elem", since: "5.13" };
/// `u64 bpf_get_func_ip(void *ctx)`, Linux 5.15; in uprobes and uretprobes since 6.6
pub const GET_FUNC_IP: Newer = Newer { number: 173, name: "get_func_ip", since: "5.15" };
/// `long bpf_task_pt_regs(struct task_struct *task)`, Linux 5.15
pub const TASK_PT_REGS: Newer = Newer { number: 175, name: "task_pt_regs", since: "5.15" };
/// `u64 bpf_get_attach_cookie(void *ctx)`, Linux 5.15
pub const GET_ATTACH_COOKIE: Newer = Newer { number: 174, name: "get_attach_cookie", since: "5.15" };

/// `bpf_map_update_elem`: add or replace.
pub const BPF_ANY: i64 = 0;
/// `bpf_map_update_elem`: add only.
pub const BPF_NOEXIST: i64 = 1;
/// `bpf_ringbuf_submit`: the reader polls.
pub const BPF_RB_NO_WAKEUP: i64 = 1;
/// `bpf_get_stack`: the user's.
pub const BPF_F_USER_STACK: i64 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_table() {
        let all = [
            ("ktime_get_ns", KTIME_GET_NS),
            ("get_prandom_u32", GET_PRANDOM_U32),
            ("get_smp_processor_id", GET_SMP_PROCESSOR_ID),
            ("get_current_pid_tgid", GET_CURRENT_PID_TGID),
            ("get_current_uid_gid", GET_CURRENT_UID_GID),
            ("get_current_comm", GET_CURRENT_COMM),
            ("get_current_cgroup_id", GET_CURRENT_CGROUP_ID),
            ("ktime_get_boot_ns", KTIME_GET_BOOT_NS),
            ("map_lookup_elem", MAP_LOOKUP_ELEM),
            ("probe_write_user", PROBE_WRITE_USER),
            ("get_numa_node_id", GET_NUMA_NODE_ID),
            ("get_socket_cookie", GET_SOCKET_COOKIE),
            ("override_return", OVERRIDE_RETURN),
            ("send_signal", SEND_SIGNAL),
            ("probe_read_kernel_str", PROBE_READ_KERNEL_STR),
            ("send_signal_thread", SEND_SIGNAL_THREAD),
            ("jiffies64", JIFFIES64),
            ("get_ns_current_pid_tgid", GET_NS_CURRENT_PID_TGID),
            ("d_path", D_PATH),
            ("map_update_elem", MAP_UPDATE_ELEM),
            ("map_delete_elem", MAP_DELETE_ELEM),
            ("get_current_task", GET_CURRENT_TASK),
            ("get_stack", GET_STACK),
            ("probe_read_user", PROBE_READ_USER),
            ("probe_read_kernel", PROBE_READ_KERNEL),
            ("probe_read_user_str", PROBE_READ_USER_STR),
            ("ringbuf_reserve", RINGBUF_RESERVE),
            ("ringbuf_submit", RINGBUF_SUBMIT),
        ];
        for (name, number) in all {
            let row = btc_bpf::helpers::by_name(name);
            assert_eq!(row.map(|h| h.number), Some(number), "{name}");
            assert!(row.is_some_and(|h| h.since <= (5, 10)), "{name} is a `Newer`");
        }
        for helper in NEWER {
            let row = btc_bpf::helpers::by_name(helper.name).expect("it is in the table");
            let since = format!("{}.{}", row.since.0, row.since.1);
            assert_eq!((row.number, since.as_str()), (helper.number, helper.since), "{}", helper.name);
        }
    }
}
