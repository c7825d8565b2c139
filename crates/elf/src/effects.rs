//! What an object's code may do to the host, computed from its instructions: nothing else can tell.

use btc_bpf::helpers;

use crate::shape::CALL;
use crate::{Contents, STT_OBJECT};

/// Kernel functions that only read, or change what is the program's own.
const HARMLESS: &[&str] = &[
    "bpf_cast_to_kern_ctx",
    "bpf_cgroup_from_id",
    "bpf_cgroup_release",
    "bpf_copy_from_user_str",
    "bpf_iter_num_destroy",
    "bpf_iter_num_new",
    "bpf_iter_num_next",
    "bpf_preempt_disable",
    "bpf_preempt_enable",
    "bpf_probe_read_kernel_str_dynptr",
    "bpf_rcu_read_lock",
    "bpf_rcu_read_unlock",
    "bpf_rdonly_cast",
    // Named as a witness of the kernel's age, and never called: see `HOLDS` in `btc-abi`.
    "bpf_res_spin_lock",
    "bpf_session_cookie",
    "bpf_session_is_return",
    "bpf_task_acquire",
    "bpf_task_from_pid",
    "bpf_task_release",
];

/// Something that code may do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Effect {
    /// The function whose code it is.
    pub function: String,
    /// The helper, by name or number, or kernel function that it calls.
    pub calls: String,
}

/// What an object's code calls that is not known to be harmless, in order and each once.
pub fn all(c: &Contents) -> Vec<Effect> {
    let mut effects = Vec::new();
    for program in &c.programs {
        let mut add = |calls: String| effects.push(Effect { function: program.name.clone(), calls });
        for insn in program.insns.iter().filter(|i| i.code == CALL && i.src == 0) {
            let number = insn.imm as u32;
            if !helpers::is_harmless(number) {
                add(helpers::by_number(number).map_or_else(|| format!("helper {number}"), |h| h.name.to_string()));
            }
        }
        // Whatever names a kernel function may call it.
        for symbol in program.relocations.iter().map(|r| &r.symbol).filter(|name| is_kernel_function(c, name)) {
            if !HARMLESS.contains(&symbol.as_str()) {
                add(symbol.clone());
            }
        }
    }
    effects.sort_unstable();
    effects.dedup();
    effects
}

/// Whether a name is that of an undefined symbol that is no variable.
fn is_kernel_function(c: &Contents, name: &str) -> bool {
    let known = |s: &&crate::Symbol| s.name == name && s.section.is_none() && s.kind != STT_OBJECT;
    c.symbols.iter().any(|s| known(&s)) && c.types.iter().any(|t| t.name == name && t.kind == crate::kind::FUNC)
}
