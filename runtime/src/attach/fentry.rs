//! Typed entry and exit of kernel functions. The program is bound to its function when it is loaded.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libbpf_sys as sys;

use super::tracefs::{Function, KERNEL};
use super::{Link, Owner, Point, Problem, Target, TypedFunction, kernel_types, missing, tracefs};
use crate::error::{last_os, reason};
use crate::{Error, Options, glob};

/// What no trampoline can do, as a function with too many arguments (kernel: include/linux/errno.h; the C library has no name
/// for it).
const ENOTSUPP: i32 = 524;

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
    let mut all: Vec<Target> = kernel_types::typed(named).into_iter().map(target).collect();
    if is_pattern {
        // Copies that the kernel refuses are left out, so the one for which the program is loaded must not be one of those.
        let fit = all.iter().position(|t| t.typed.as_ref().is_some_and(|typed| takes(typed, ret)));
        all[..fit.map_or(0, |fit| fit + 1)].rotate_right(usize::from(fit.is_some()));
    }
    if !all.is_empty() {
        return Ok(all);
    }
    missing(match (is_pattern, module) {
        (true, _) => format!("no function of this kernel with known types matches {module}:{function}"),
        (false, KERNEL) => format!("this kernel has no function {function} with known types"),
        (false, _) => format!("no module {module} that has types and a function {function} is loaded"),
    })
}

/// Whether the kernel lets typed programs be loaded for a function: it may be on a list of those that must not be traced, or
/// be in the types and have no address, for what the compiler took apart is called `name.isra.0`.
fn takes(function: &TypedFunction, ret: bool) -> bool {
    let module = match &function.of {
        Owner::Module { types, .. } => kernel_types::open(*types).ok(),
        Owner::Kernel | Owner::Program(_) => None,
    };
    let options = sys::bpf_prog_load_opts {
        sz: size_of::<sys::bpf_prog_load_opts>() as sys::size_t,
        expected_attach_type: if ret { sys::BPF_TRACE_FEXIT } else { sys::BPF_TRACE_FENTRY },
        attach_btf_id: function.btf_id,
        attach_btf_obj_fd: module.as_ref().map_or(0, |fd| fd.as_raw_fd() as u32),
        ..Default::default()
    };
    // `r0 = 0; exit`
    let code = [0xb7, 0x95].map(|code| sys::bpf_insn { code, ..Default::default() });
    // SAFETY: initialised options, texts that end with NUL, and the code's true length.
    let fd = unsafe {
        sys::bpf_prog_load(
            sys::BPF_PROG_TYPE_TRACING,
            c"btc_try".as_ptr(),
            c"GPL".as_ptr(),
            code.as_ptr(),
            code.len() as sys::size_t,
            (&raw const options).cast_mut(),
        )
    };
    // SAFETY: a descriptor is new and nobody else's.
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) }).is_some()
}

pub(super) fn attach(name: &str, program: i32) -> Result<Link, Problem> {
    // SAFETY: the kernel takes no name for programs that know their place.
    let fd = unsafe { sys::bpf_raw_tracepoint_open(std::ptr::null(), program) };
    if fd < 0 {
        let error = last_os();
        return match error.raw_os_error() {
            Some(ENOTSUPP) => missing(
                "its arguments are more than this kernel hands on (six before Linux 6.6 on x86-64); a kprobe takes it".to_string(),
            ),
            Some(libc::ENOENT | libc::EINVAL | libc::EOPNOTSUPP) => {
                missing("this kernel cannot attach there".to_string())
            }
            _ => Err(Problem::Refused(Error::new(format!("cannot attach {name}: {}", reason(&error))))),
        };
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(Link { _link: Some(unsafe { OwnedFd::from_raw_fd(fd) }), _event: None })
}
