//! What this kernel offers: asked of the kernel itself, by loading programs that use it.

use libbpf_sys as sys;

use crate::{Options, attach, libbpf_log};

/// A feature and whether it is there.
pub type Answer = (&'static str, bool);

/// What the kernel offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Helpers of programs.
    pub helpers: Vec<Answer>,
    /// Kinds of maps.
    pub maps: Vec<Answer>,
    /// Kinds of programs.
    pub programs: Vec<Answer>,
    /// Links and the like.
    pub links: Vec<Answer>,
}

/// Helpers: name, number, and a kind of program that may call it.
const HELPERS: &[(&str, u32, u32)] = &[
    ("dpath", sys::BPF_FUNC_d_path, sys::BPF_PROG_TYPE_TRACING),
    ("get_attach_cookie", sys::BPF_FUNC_get_attach_cookie, sys::BPF_PROG_TYPE_KPROBE),
    ("get_func_ip", sys::BPF_FUNC_get_func_ip, sys::BPF_PROG_TYPE_KPROBE),
    ("get_ns_current_pid_tgid", sys::BPF_FUNC_get_ns_current_pid_tgid, sys::BPF_PROG_TYPE_KPROBE),
    ("get_tai_ns", sys::BPF_FUNC_ktime_get_tai_ns, sys::BPF_PROG_TYPE_KPROBE),
    ("ktime_get_boot_ns", sys::BPF_FUNC_ktime_get_boot_ns, sys::BPF_PROG_TYPE_KPROBE),
    ("loop", sys::BPF_FUNC_loop, sys::BPF_PROG_TYPE_KPROBE),
    ("lookup_percpu_elem", sys::BPF_FUNC_map_lookup_percpu_elem, sys::BPF_PROG_TYPE_KPROBE),
    ("for_each_map_elem", sys::BPF_FUNC_for_each_map_elem, sys::BPF_PROG_TYPE_KPROBE),
    ("probe_read_kernel", sys::BPF_FUNC_probe_read_kernel, sys::BPF_PROG_TYPE_KPROBE),
    ("probe_read_user_str", sys::BPF_FUNC_probe_read_user_str, sys::BPF_PROG_TYPE_KPROBE),
    ("ringbuf_output", sys::BPF_FUNC_ringbuf_output, sys::BPF_PROG_TYPE_KPROBE),
    ("send_signal", sys::BPF_FUNC_send_signal, sys::BPF_PROG_TYPE_KPROBE),
    ("skboutput", sys::BPF_FUNC_skb_output, sys::BPF_PROG_TYPE_TRACING),
    ("strncmp", sys::BPF_FUNC_strncmp, sys::BPF_PROG_TYPE_KPROBE),
];

const MAPS: &[(&str, u32)] = &[
    ("array", sys::BPF_MAP_TYPE_ARRAY),
    ("hash", sys::BPF_MAP_TYPE_HASH),
    ("percpu_array", sys::BPF_MAP_TYPE_PERCPU_ARRAY),
    ("percpu_hash", sys::BPF_MAP_TYPE_PERCPU_HASH),
    ("ringbuf", sys::BPF_MAP_TYPE_RINGBUF),
    ("stack_trace", sys::BPF_MAP_TYPE_STACK_TRACE),
];

const PROGRAMS: &[(&str, u32)] = &[
    ("kprobe", sys::BPF_PROG_TYPE_KPROBE),
    ("perf_event", sys::BPF_PROG_TYPE_PERF_EVENT),
    ("rawtracepoint", sys::BPF_PROG_TYPE_RAW_TRACEPOINT),
    ("tracepoint", sys::BPF_PROG_TYPE_TRACEPOINT),
    ("tracing", sys::BPF_PROG_TYPE_TRACING),
];

/// Asks the kernel; without the right to load programs it offers nothing.
pub fn offer() -> Offer {
    let none = std::ptr::null();
    // SAFETY: libbpf's questions take numbers, and no options.
    let helper = |id, kind| unsafe { sys::libbpf_probe_bpf_helper(kind, id, none) } > 0;
    // SAFETY: likewise.
    let map = |kind| unsafe { sys::libbpf_probe_bpf_map_type(kind, none) } > 0;
    // SAFETY: likewise.
    let program = |kind| unsafe { sys::libbpf_probe_bpf_prog_type(kind, none) } > 0;
    let options = Options::default();
    // What the kernel refuses is an answer here, not a fault.
    libbpf_log::silence();
    Offer {
        helpers: HELPERS.iter().map(|(name, id, kind)| (*name, helper(*id, *kind))).collect(),
        maps: MAPS.iter().map(|(name, kind)| (*name, map(*kind))).collect(),
        programs: PROGRAMS.iter().map(|(name, kind)| (*name, program(*kind))).collect(),
        links: vec![
            ("kprobe_multi", attach::multi::of_kernel(&options)),
            ("uprobe_multi", attach::multi::of_binaries(&options)),
            ("iter", attach::iter::exist()),
        ],
    }
}
