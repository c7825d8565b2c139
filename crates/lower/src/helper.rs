//! Numbers of BPF helpers (kernel: include/uapi/linux/bpf.h) that lowering itself calls.

pub const MAP_LOOKUP_ELEM: u32 = 1;
pub const MAP_UPDATE_ELEM: u32 = 2;
pub const MAP_DELETE_ELEM: u32 = 3;
pub const GET_CURRENT_TASK: u32 = 35;
pub const GET_STACK: u32 = 67;
pub const PROBE_READ_USER: u32 = 112;
pub const PROBE_READ_KERNEL: u32 = 113;
pub const PROBE_READ_USER_STR: u32 = 114;
pub const PROBE_READ_KERNEL_STR: u32 = 115;
pub const RINGBUF_RESERVE: u32 = 131;
pub const RINGBUF_SUBMIT: u32 = 132;
/// Linux 5.13.
pub const FOR_EACH_MAP_ELEM: u32 = 164;
/// Linux 5.15.
pub const GET_ATTACH_COOKIE: u32 = 174;

/// `bpf_map_update_elem` flags.
pub const BPF_ANY: i64 = 0;
pub const BPF_NOEXIST: i64 = 1;
/// `bpf_ringbuf_submit`: the reader polls.
pub const BPF_RB_NO_WAKEUP: i64 = 1;
/// `bpf_get_stack`
pub const BPF_F_USER_STACK: i64 = 256;
