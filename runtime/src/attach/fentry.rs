//! Typed entry and exit of kernel functions. The program is bound to its function when it is loaded.

use std::os::fd::{FromRawFd, OwnedFd};

use libbpf_sys as sys;

use super::tracefs::{Function, KERNEL};
use super::{Link, Point, Problem, Target, TypedFunction, kernel_types, missing, tracefs};
use crate::error::{last_os, reason};
use crate::{Error, Options, glob};

pub(super) fn targets(module: &str, function: &str, ret: bool, options: &Options) -> Result<Vec<Target>, Problem> {
    let word = if ret { "fexit" } else { "fentry" };
    let module = if module.is_empty() { KERNEL } else { module };
    let is_pattern = glob::is_pattern(function) || glob::is_pattern(module);
    let named = if is_pattern {
        tracefs::functions(function, module, options)?
    } else {
        vec![Function { module: module.to_string(), name: function.to_string() }]
    };
    // The program is loaded for the first, and copied for the others.
    let target = |(f, typed): (Function, TypedFunction)| {
        let title = format!("{word}:{}:{}", f.module, f.name);
        Target { typed: Some(typed), ..Target::new(Point::Typed, title, f.name) }
    };
    let all: Vec<Target> = kernel_types::typed(named).into_iter().map(target).collect();
    if !all.is_empty() {
        return Ok(all);
    }
    missing(match (is_pattern, module) {
        (true, _) => format!("no function of this kernel with known types matches {module}:{function}"),
        (false, KERNEL) => format!("this kernel has no function {function} with known types"),
        (false, _) => format!("no module {module} that has types and a function {function} is loaded"),
    })
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
            _ => Err(Problem::Refused(Error::new(format!("cannot attach {name}: {}", reason(&error))))),
        };
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(Link { _link: Some(unsafe { OwnedFd::from_raw_fd(fd) }), _event: None })
}
