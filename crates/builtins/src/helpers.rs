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
