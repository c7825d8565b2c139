//! Numbers of BPF helpers (kernel: include/uapi/linux/bpf.h) that builtins call.

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
pub const KTIME_GET_TAI_NS: u32 = 208;
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
/// `long bpf_d_path(struct path *path, char *buf, u32 sz)`
pub const D_PATH: u32 = 147;
