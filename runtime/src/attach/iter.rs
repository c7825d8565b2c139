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
