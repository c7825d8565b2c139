//! Whether programs of a type may call a kernel function: the kernel is asked by loading one that does.

use std::ffi::CString;

use libbpf_rs::btf::types::Func;
use libbpf_rs::btf::{Btf, BtfType};
use libbpf_sys as sys;

/// `call` of a kernel function, the number of its type as immediate (kernel: include/uapi/linux/bpf.h).
const CALL_KFUNC: (u8, u8) = (0x85, 2 << 4);
const EXIT: u8 = 0x95;
/// What the verifier says of a function that is not for this type of program.
const REFUSED: &str = "is not allowed";
const LOG: usize = 64 << 10;

/// Whether programs of a provider may call a kernel function.
pub(crate) fn is_allowed(name: &str, provider: &str) -> bool {
    let Ok(btf) = Btf::from_vmlinux() else { return false };
    let Some(function) = btf.type_by_kind::<Func<'_>>().find(|f| f.name().is_some_and(|n| n == name)) else {
        return false;
    };
    let insn = |(code, registers), imm| {
        let mut insn = sys::bpf_insn { code, imm, ..Default::default() };
        // The lower half is the destination, the upper one the source.
        insn.set_dst_reg(registers & 0xf);
        insn.set_src_reg(registers >> 4);
        insn
    };
    let program = [insn(CALL_KFUNC, u32::from(function.type_id()) as i32), insn((EXIT, 0), 0)];
    let mut log = vec![0u8; LOG];
    let mut options = sys::bpf_prog_load_opts {
        sz: size_of::<sys::bpf_prog_load_opts>() as sys::size_t,
        log_level: 1,
        log_size: log.len() as u32,
        log_buf: log.as_mut_ptr().cast(),
        ..Default::default()
    };
    let kind = program_type(provider);
    if kind == sys::BPF_PROG_TYPE_TRACING {
        // Any will do: functions are allowed by the type of program alone.
        options.expected_attach_type = sys::BPF_TRACE_ITER;
        options.attach_btf_id = id_of(&btf, "bpf_iter_task");
    }
    let title = CString::from(c"btc_kfunc");
    // SAFETY: the program, its name and the log outlive the call, and the options say how large the log is.
    let fd = unsafe {
        sys::bpf_prog_load(kind, title.as_ptr(), c"GPL".as_ptr(), program.as_ptr(), program.len() as u64, &raw mut options)
    };
    if fd >= 0 {
        // SAFETY: the descriptor is new and nobody else's.
        unsafe { libc::close(fd) };
        return true;
    }
    // A call without its arguments is refused as well, but for another reason.
    let end = log.iter().position(|b| *b == 0).unwrap_or(log.len());
    let text = String::from_utf8_lossy(&log[..end]);
    !text.is_empty() && !text.contains(REFUSED)
}

fn id_of(btf: &Btf<'static>, name: &str) -> u32 {
    btf.type_by_name::<BtfType<'_>>(name).map_or(0, |t| u32::from(t.type_id()))
}

fn program_type(provider: &str) -> sys::bpf_prog_type {
    match provider {
        "kprobe" | "kretprobe" | "uprobe" | "uretprobe" | "usdt" => sys::BPF_PROG_TYPE_KPROBE,
        "tracepoint" => sys::BPF_PROG_TYPE_TRACEPOINT,
        "profile" | "interval" | "software" | "hardware" | "watchpoint" => sys::BPF_PROG_TYPE_PERF_EVENT,
        "fentry" | "fexit" | "iter" => sys::BPF_PROG_TYPE_TRACING,
        _ => sys::BPF_PROG_TYPE_RAW_TRACEPOINT,
    }
}
