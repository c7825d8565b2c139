//! Many functions by one link: `kprobe_multi` (Linux 5.18) and `uprobe_multi` (Linux 6.6).
//!
//! A kernel that has them attaches a thousand functions in the time of one. The program must be loaded
//! for it, so what the kernel can do is asked before.

use std::ffi::{CString, c_char};
use std::os::fd::{FromRawFd, OwnedFd};

use libbpf_sys as sys;

use super::clone::release;
use super::{Link, Problem, missing};
use crate::error::{last_os, reason};
use crate::render::PointName;
use crate::{Error, Options};

/// Links that are tried for one probe: a function that refuses makes two of one.
const MAX_ATTEMPTS: usize = 4096;

/// What the functions belong to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Of {
    /// The kernel; places have symbols.
    Kernel,
    /// A binary; places have offsets.
    Binary(CString),
}

/// A function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub name: PointName,
    pub symbol: CString,
    pub offset: u64,
}

/// Functions that one probe fires in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Multi {
    pub of: Of,
    /// Whether it fires at their return.
    pub ret: bool,
    pub places: Vec<Place>,
}

/// What came of attaching a program to many functions.
pub(super) struct Made {
    pub links: Vec<Link>,
    /// Functions that the links are of.
    pub count: usize,
    /// Why others are not among them.
    pub refused: Vec<Error>,
}

impl Multi {
    /// What a program must be loaded for.
    pub(crate) fn attach_type(&self) -> sys::bpf_attach_type {
        match self.of {
            Of::Kernel => sys::BPF_TRACE_KPROBE_MULTI,
            Of::Binary(_) => sys::BPF_TRACE_UPROBE_MULTI,
        }
    }

    /// Attaches a program; `cookies` are as many as places, or none.
    pub(super) fn attach(&self, program: i32, cookies: &[u64]) -> Result<Made, Problem> {
        let mut made = Made { links: Vec::new(), count: 0, refused: Vec::new() };
        let mut attempts = 0;
        let mut refusal = None;
        let mut open = Vec::from([(0, self.places.len())]);
        while let Some((start, end)) = open.pop() {
            let range = start..end;
            attempts += 1;
            let given = cookies.get(range.clone()).unwrap_or_default();
            match self.link(program, &self.places[range.clone()], given) {
                Ok(link) => {
                    made.links.push(link);
                    made.count += range.len();
                }
                // One that cannot be attached spoils all: it is found by halves.
                Err(_) if range.len() > 1 && attempts < MAX_ATTEMPTS => {
                    let middle = range.start + range.len() / 2;
                    open.push((middle, range.end));
                    open.push((range.start, middle));
                }
                Err(error) => {
                    let told = |p: &Place| Error::new(format!("cannot attach {}: {}", p.name.name, reason(&error)));
                    made.refused.extend(self.places[range].iter().map(told));
                    refusal = Some(error);
                }
            }
        }
        match refusal {
            Some(error) if made.count == 0 => match error.raw_os_error() {
                Some(libc::EPERM | libc::EACCES | libc::ENOMEM | libc::EMFILE) => {
                    Err(Error::new(format!("cannot attach: {}", reason(&error))).into())
                }
                _ => missing("this kernel cannot attach there"),
            },
            _ => Ok(made),
        }
    }

    fn link(&self, program: i32, places: &[Place], cookies: &[u64]) -> std::io::Result<Link> {
        let mut options = sys::bpf_link_create_opts {
            sz: size_of::<sys::bpf_link_create_opts>() as sys::size_t,
            ..Default::default()
        };
        let cookies = if cookies.is_empty() { std::ptr::null() } else { cookies.as_ptr() };
        let symbols: Vec<*const c_char> = places.iter().map(|p| p.symbol.as_ptr()).collect();
        let offsets: Vec<u64> = places.iter().map(|p| p.offset).collect();
        match &self.of {
            Of::Kernel => {
                // The union was zeroed with the rest.
                options.__bindgen_anon_1.kprobe_multi = sys::bpf_link_create_opts__bindgen_ty_1__bindgen_ty_2 {
                    flags: if self.ret { sys::BPF_F_KPROBE_MULTI_RETURN } else { 0 },
                    cnt: places.len() as u32,
                    syms: symbols.as_ptr().cast_mut(),
                    addrs: std::ptr::null(),
                    cookies,
                };
            }
            Of::Binary(path) => {
                options.__bindgen_anon_1.uprobe_multi = sys::bpf_link_create_opts__bindgen_ty_1__bindgen_ty_3 {
                    path: path.as_ptr(),
                    offsets: offsets.as_ptr(),
                    ref_ctr_offsets: std::ptr::null(),
                    cookies,
                    cnt: places.len() as u32,
                    flags: if self.ret { sys::BPF_F_UPROBE_MULTI_RETURN } else { 0 },
                    pid: 0,
                    ..Default::default()
                };
            }
        }
        // SAFETY: the options point at arrays of as many elements as they say, which outlive the call.
        let fd = unsafe { sys::bpf_link_create(program, 0, self.attach_type(), &raw const options) };
        if fd < 0 {
            return Err(last_os());
        }
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Link { _link: Some(unsafe { OwnedFd::from_raw_fd(fd) }), _event: None })
    }
}

/// Whether the kernel has links of many kernel functions.
pub(crate) fn of_kernel(options: &Options) -> bool {
    let wanted = !options.without.iter().any(|f| f == "kprobe_multi");
    wanted && release() >= (5, 18) && takes_none(&Multi { of: Of::Kernel, ret: false, places: Vec::new() })
}

/// Whether the kernel has links of many places of a binary. Those of one process are perf events: before
/// Linux 6.10 the link's own filter takes a process's first thread only.
pub(crate) fn of_binaries(options: &Options) -> bool {
    let wanted = !options.without.iter().any(|f| f == "uprobe_multi");
    let binary = Of::Binary(CString::from(c"/proc/self/exe"));
    wanted
        && options.pid.is_none()
        && release() >= (6, 6)
        && takes_none(&Multi { of: binary, ret: false, places: Vec::new() })
}

/// Asks by attaching nothing: a kernel built without says that it cannot, others that nothing is too few.
fn takes_none(multi: &Multi) -> bool {
    // `r0 = 0; exit` (kernel: include/uapi/linux/bpf.h)
    let program = [sys::bpf_insn { code: 0xb7, ..Default::default() }, sys::bpf_insn { code: 0x95, ..Default::default() }];
    let mut options = sys::bpf_prog_load_opts {
        sz: size_of::<sys::bpf_prog_load_opts>() as sys::size_t,
        expected_attach_type: multi.attach_type(),
        ..Default::default()
    };
    // SAFETY: texts that end with NUL, the code's true length, and initialised options.
    let fd = unsafe {
        sys::bpf_prog_load(
            sys::BPF_PROG_TYPE_KPROBE,
            c"btc_multi".as_ptr(),
            c"GPL".as_ptr(),
            program.as_ptr(),
            program.len() as sys::size_t,
            &raw mut options,
        )
    };
    if fd < 0 {
        return false;
    }
    // SAFETY: the descriptor is new and nobody else's.
    let program = unsafe { OwnedFd::from_raw_fd(fd) };
    let refusal = multi.link(std::os::fd::AsRawFd::as_raw_fd(&program), &[], &[]).err();
    refusal.and_then(|e| e.raw_os_error()) == Some(libc::EINVAL)
}
