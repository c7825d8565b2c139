//! Signatures of kernel functions.
//!
//! libbpf compares the extern's signature with the kernel's, kind by kind, and takes a weak
//! one that differs as absent, without a word. So each kernel function in use has a row,
//! compared with the BTF of a 6.18 kernel.

use crate::btf::{Btf, TypeId};

/// Name, result and parameters. `v` nothing, `i` an integer, `e` an enum, `p` pointer to
/// `void`, `s` pointer to a struct, `n` pointer to an integer.
static SIGNATURES: &[(&str, char, &str)] = &[
    ("bpf_cast_to_kern_ctx", 'p', "p"),
    ("bpf_cgroup_from_id", 's', "i"),
    ("bpf_cgroup_release", 'v', "s"),
    ("bpf_copy_from_user_str", 'i', "pipi"),
    ("bpf_iter_num_destroy", 'v', "s"),
    ("bpf_iter_num_new", 'i', "sii"),
    ("bpf_iter_num_next", 'n', "s"),
    ("bpf_preempt_disable", 'v', ""),
    ("bpf_preempt_enable", 'v', ""),
    ("bpf_probe_read_kernel_str_dynptr", 'i', "siip"),
    ("bpf_rcu_read_lock", 'v', ""),
    ("bpf_rcu_read_unlock", 'v', ""),
    ("bpf_rdonly_cast", 'p', "pi"),
    ("bpf_res_spin_lock", 'i', "s"),
    ("bpf_session_cookie", 'n', ""),
    ("bpf_session_is_return", 'i', ""),
    ("bpf_task_acquire", 's', "s"),
    ("bpf_task_from_pid", 's', "i"),
    ("bpf_task_release", 'v', "s"),
];

/// The signature of a kernel function; integers throughout when it is not in the table.
pub fn prototype(name: &str, args: u8, btf: &mut Btf) -> TypeId {
    let (ret, params) = match SIGNATURES.iter().find(|(n, ..)| *n == name) {
        Some((_, ret, params)) => (*ret, params.to_string()),
        None => ('i', "i".repeat(usize::from(args))),
    };
    let ret = letter(ret, btf);
    let params: Vec<TypeId> = params.chars().map(|c| letter(c, btf)).collect();
    btf.prototype(ret, &params)
}

fn letter(c: char, btf: &mut Btf) -> TypeId {
    match c {
        'v' => 0,
        'p' => btf.pointer(0),
        's' => {
            let record = btf.composite("", false, 0, &[]);
            btf.pointer(record)
        }
        'n' => {
            let int = btf.int("int", 4, true);
            btf.pointer(int)
        }
        'e' => btf.enumeration("", 4, &[("btc_none".into(), 0)]),
        _ => btf.int("int", 4, true),
    }
}
