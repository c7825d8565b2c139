//! Copies of a program, each with the number of its attach point inside: for
//! kernels that cannot tell a program where it was attached (before 5.15).

use std::ffi::CString;
use std::os::fd::{FromRawFd, OwnedFd};

use btc_abi::{Manifest, PatchValue};
use libbpf_sys as sys;

use crate::Error;
use crate::error::{last_os, reason};
use crate::load::Program;

/// Whether the kernel has attach cookies for perf events.
pub(super) fn has_cookies() -> bool {
    if release() >= (5, 15) {
        return true;
    }
    // Some vendors' kernels have them earlier: then the helper's name is among the
    // kernel's type strings, which is also what the compiled code looks for.
    let name = b"BPF_FUNC_get_attach_cookie\0";
    std::fs::read("/sys/kernel/btf/vmlinux").is_ok_and(|btf| btf.windows(name.len()).any(|w| w == name))
}

/// The kernel's release, as major and minor.
fn release() -> (u32, u32) {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Loads a copy of a program with the number patched in.
pub(super) fn clone(manifest: &Manifest, symbol: &str, program: Program, number: u64) -> Result<OwnedFd, Error> {
    // SAFETY: the program belongs to a loaded object, which outlives this call, and
    // libbpf keeps its instructions, with everything resolved in them.
    let (mut code, kind, expected) = unsafe {
        let raw = program.raw.as_ptr();
        let count = sys::bpf_program__insn_cnt(raw) as usize;
        let first = sys::bpf_program__insns(raw);
        if first.is_null() {
            return Err(Error::new("libbpf gives no instructions to copy"));
        }
        let code = std::slice::from_raw_parts(first, count).to_vec();
        (code, sys::bpf_program__type(raw), sys::bpf_program__expected_attach_type(raw))
    };
    for patch in manifest.patches.iter().filter(|p| p.program == symbol && p.value == PatchValue::ProbeIdentity) {
        if let Some(insn) = code.get_mut(patch.insn as usize) {
            insn.imm = number as i32;
        }
    }
    let name = CString::new(symbol.chars().take(15).collect::<String>()).unwrap_or_default();
    let mut options = sys::bpf_prog_load_opts {
        sz: size_of::<sys::bpf_prog_load_opts>() as sys::size_t,
        expected_attach_type: expected,
        ..Default::default()
    };
    // SAFETY: initialised options, texts that end with NUL, and the code's true length.
    let fd = unsafe {
        sys::bpf_prog_load(
            kind,
            name.as_ptr(),
            c"GPL".as_ptr(),
            code.as_ptr(),
            code.len() as sys::size_t,
            &raw mut options,
        )
    };
    if fd < 0 {
        return Err(Error::new(format!("cannot load a copy of `{symbol}`: {}", reason(&last_os()))));
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
