//! BPF iterators: attached, then read out.

use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libbpf_sys as sys;

use super::{Link, Point, Problem, Target, missing};
use crate::Error;
use crate::error::{last_os, reason};

pub(super) fn targets(name: &str, kind: &str, pin: &str) -> Vec<Target> {
    vec![Target::new(Point::Iter { pin: pin.to_string() }, name, kind)]
}

/// Whether the kernel takes programs for its iterator over tasks.
pub(crate) fn exist() -> bool {
    // SAFETY: a NUL-terminated name.
    let id = unsafe { sys::libbpf_find_vmlinux_btf_id(c"task".as_ptr(), sys::BPF_TRACE_ITER) };
    let Ok(id) = u32::try_from(id) else { return false };
    // `r0 = 0; exit` (kernel: include/uapi/linux/bpf.h)
    let code = [sys::bpf_insn { code: 0xb7, ..Default::default() }, sys::bpf_insn { code: 0x95, ..Default::default() }];
    let mut options = sys::bpf_prog_load_opts {
        sz: size_of::<sys::bpf_prog_load_opts>() as sys::size_t,
        expected_attach_type: sys::BPF_TRACE_ITER,
        attach_btf_id: id,
        ..Default::default()
    };
    let (name, licence) = (c"btc_iter".as_ptr(), c"GPL".as_ptr());
    // SAFETY: texts that end with NUL, the code's true length, and initialised options.
    let fd = unsafe {
        sys::bpf_prog_load(sys::BPF_PROG_TYPE_TRACING, name, licence, code.as_ptr(), code.len() as _, &raw mut options)
    };
    // SAFETY: where it is one, the descriptor is new and nobody else's.
    fd >= 0 && { drop(unsafe { OwnedFd::from_raw_fd(fd) }); true }
}

pub(super) fn attach(name: &str, program: i32, pin: &str) -> Result<(Link, Option<OwnedFd>), Problem> {
    let options = sys::bpf_link_create_opts {
        sz: size_of::<sys::bpf_link_create_opts>() as sys::size_t,
        ..Default::default()
    };
    // SAFETY: a program's descriptor and initialised options.
    let fd = unsafe { sys::bpf_link_create(program, 0, sys::BPF_TRACE_ITER, &raw const options) };
    if fd < 0 {
        return missing(format!("this kernel refuses it: {}", reason(&last_os())));
    }
    // SAFETY: the descriptor is new and nobody else's.
    let link = unsafe { OwnedFd::from_raw_fd(fd) };
    if !pin.is_empty() {
        let path = if pin.starts_with('/') { pin.to_string() } else { format!("/sys/fs/bpf/{pin}") };
        let c_path = CString::new(path.as_str()).unwrap_or_default();
        // SAFETY: a descriptor and a NUL-terminated path.
        if unsafe { sys::bpf_obj_pin(fd, c_path.as_ptr()) } != 0 {
            return Err(Error::new(format!("cannot pin {name} as {path}: {}", reason(&last_os()))).into());
        }
        return Ok((Link { _link: Some(link), _event: None }, None));
    }
    // SAFETY: a link's descriptor.
    let iterator = unsafe { sys::bpf_iter_create(link.as_raw_fd()) };
    if iterator < 0 {
        return Err(Error::new(format!("cannot start {name}: {}", reason(&last_os()))).into());
    }
    // SAFETY: the descriptor is new and nobody else's.
    let iterator = unsafe { OwnedFd::from_raw_fd(iterator) };
    Ok((Link { _link: Some(link), _event: None }, Some(iterator)))
}
