//! Typed entry and exit of kernel functions. The program is bound to its function when it is loaded.

use std::ffi::CString;
use std::os::fd::{FromRawFd, OwnedFd};

use libbpf_sys as sys;

use super::{Link, Point, Problem, Target, TypedFunction, missing, tracefs};
use crate::error::{last_os, reason};
use crate::{Error, Options, glob};

pub(super) fn targets(module: &str, function: &str, ret: bool, options: &Options) -> Result<Vec<Target>, Problem> {
    let word = if ret { "fexit" } else { "fentry" };
    let shown = if module.is_empty() { "vmlinux" } else { module };
    let target = |name: &str| Target::new(Point::Typed, format!("{word}:{shown}:{name}"), name);
    let in_kernel = matches!(shown, "vmlinux") || glob::is_pattern(shown);
    if !glob::is_pattern(function) {
        // libbpf finds those of modules itself.
        if in_kernel && type_of(function, ret).is_none() {
            return missing(format!("this kernel has no function {function} with known types"));
        }
        return Ok(vec![target(function)]);
    }
    let names = tracefs::functions(function, shown, options)?;
    let typed = names.iter().filter_map(|name| Some((name, type_of(name, ret)?)));
    // The program is loaded for the first, and copied for the others.
    let all: Vec<Target> = typed
        .map(|(name, id)| Target { typed: Some(TypedFunction { btf_id: id, program: None }), ..target(name) })
        .collect();
    if all.is_empty() {
        return missing(format!("no function of this kernel with known types matches {function}"));
    }
    Ok(all)
}

/// Number of a kernel function's type.
fn type_of(function: &str, ret: bool) -> Option<u32> {
    let kind = if ret { sys::BPF_TRACE_FEXIT } else { sys::BPF_TRACE_FENTRY };
    let name = CString::new(function).unwrap_or_default();
    // SAFETY: a NUL-terminated name.
    let id = unsafe { sys::libbpf_find_vmlinux_btf_id(name.as_ptr(), kind) };
    u32::try_from(id).ok().filter(|id| *id > 0)
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
