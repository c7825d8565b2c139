//! Typed entry and exit of kernel functions. The program is bound to its function when it is loaded.

use std::os::fd::{FromRawFd, OwnedFd};

use libbpf_sys as sys;

use super::{Link, Point, Problem, Target, missing};
use crate::error::{last_os, reason};
use crate::{Error, glob};

pub(super) fn targets(module: &str, function: &str, ret: bool) -> Result<Vec<Target>, Problem> {
    if glob::is_pattern(function) {
        return Err(Error::new(format!(
            "wildcards in fentry and fexit are not supported yet; use kprobe:{function} instead"
        ))
        .into());
    }
    let kind = if ret { sys::BPF_TRACE_FEXIT } else { sys::BPF_TRACE_FENTRY };
    let name = std::ffi::CString::new(function).unwrap_or_default();
    if module.is_empty() || module == "vmlinux" {
        // SAFETY: a NUL-terminated name.
        let id = unsafe { sys::libbpf_find_vmlinux_btf_id(name.as_ptr(), kind) };
        if id <= 0 {
            return missing(format!("this kernel has no function {function} with known types"));
        }
    }
    let word = if ret { "fexit" } else { "fentry" };
    let module = if module.is_empty() { "vmlinux" } else { module };
    Ok(vec![Target::new(Point::Typed, format!("{word}:{module}:{function}"), function)])
}

pub(super) fn attach(name: &str, program: i32) -> Result<Link, Problem> {
    // SAFETY: the kernel takes no name for programs that know their place.
    let fd = unsafe { sys::bpf_raw_tracepoint_open(std::ptr::null(), program) };
    if fd < 0 {
        let error = last_os();
        return match error.raw_os_error() {
            Some(libc::ENOENT | libc::EINVAL | libc::EOPNOTSUPP) => {
                missing("this kernel cannot attach there".to_string())
            }
            _ => Err(Error::new(format!("cannot attach {name}: {}", reason(&error))).into()),
        };
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(Link { _link: Some(unsafe { OwnedFd::from_raw_fd(fd) }), _event: None })
}
