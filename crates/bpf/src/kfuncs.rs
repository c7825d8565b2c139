//! Kernel functions that generated code uses: one row each.
//!
//! libbpf compares the extern's signature with the kernel's, kind by kind, and takes a weak
//! one that differs as absent, without a word. So each kernel function in use has a row,
//! compared with the BTF of a 6.18 kernel. All only read, or change what is the program's own: the runtime asks the user before it
//! loads code that names another one.

/// A kernel function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kfunc {
    /// Its name.
    pub name: &'static str,
    /// What it yields: `v` nothing, `i` an integer, `e` an enum, `p` pointer to `void`, `s` pointer to a struct, `n` pointer to an
    /// integer.
    pub result: char,
    /// A letter for each parameter.
    pub params: &'static str,
}

const fn row(name: &'static str, result: char, params: &'static str) -> Kfunc {
    Kfunc { name, result, params }
}

static KFUNCS: &[Kfunc] = &[
    row("bpf_cast_to_kern_ctx", 'p', "p"),
    row("bpf_cgroup_from_id", 's', "i"),
    row("bpf_cgroup_release", 'v', "s"),
    row("bpf_copy_from_user_str", 'i', "pipi"),
    row("bpf_iter_num_destroy", 'v', "s"),
    row("bpf_iter_num_new", 'i', "sii"),
    row("bpf_iter_num_next", 'n', "s"),
    row("bpf_preempt_disable", 'v', ""),
    row("bpf_preempt_enable", 'v', ""),
    row("bpf_probe_read_kernel_str_dynptr", 'i', "siip"),
    row("bpf_rcu_read_lock", 'v', ""),
    row("bpf_rcu_read_unlock", 'v', ""),
    row("bpf_rdonly_cast", 'p', "pi"),
    // Named as a witness of the kernel's age, and never called: see `HOLDS` in `btc-abi`.
    row("bpf_res_spin_lock", 'i', "s"),
    row("bpf_session_cookie", 'n', ""),
    row("bpf_session_is_return", 'i', ""),
    row("bpf_task_acquire", 's', "s"),
    row("bpf_task_from_pid", 's', "i"),
    row("bpf_task_release", 'v', "s"),
];

/// The kernel function of a name.
pub fn by_name(name: &str) -> Option<&'static Kfunc> {
    KFUNCS.iter().find(|k| k.name == name)
}
