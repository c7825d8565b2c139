//! BPF programs of the kernel, with their functions: something to attach to as kernel functions are.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libbpf_sys as sys;

use super::{Owner, Point, Problem, Target, TypedFunction, missing};
use crate::{Error, glob};

/// Most functions of one program that are looked at.
const MAX_FUNCTIONS: u32 = 1 << 16;

/// A function of a program in the kernel.
struct Function {
    /// Number of the program.
    program: u32,
    /// Number of the function's type among the program's.
    btf_id: u32,
    name: String,
}

/// Functions of BPF programs that can be attached to, as `(program's number, name)`, in the order of the programs.
pub fn bpf_functions() -> Vec<(u32, String)> {
    functions(None).into_iter().map(|f| (f.program, f.name)).collect()
}

/// The functions that a script means; program 0 is any.
pub(super) fn targets(program: u32, name: &str, ret: bool) -> Result<Vec<Target>, Problem> {
    let word = if ret { "fexit" } else { "fentry" };
    let wanted = Some(program).filter(|id| *id != 0);
    let all = functions(wanted).into_iter().filter(|f| glob::matches(name, &f.name));
    let target = |f: Function| {
        let title = format!("{word}:bpf:{}:{}", f.program, f.name);
        let typed = Some(TypedFunction { btf_id: f.btf_id, of: Owner::Program(f.program) });
        Target { typed, ..Target::new(Point::Typed, title, f.name) }
    };
    let all: Vec<Target> = all.map(target).collect();
    if all.is_empty() {
        let of = wanted.map(|id| format!(" of number {id}")).unwrap_or_default();
        return missing(format!("no BPF program{of} that has types runs a function {name}"));
    }
    Ok(all)
}

/// A descriptor of a program.
pub(crate) fn open(program: u32) -> Result<OwnedFd, Error> {
    // SAFETY: no preconditions.
    let fd = unsafe { sys::bpf_prog_get_fd_by_id(program) };
    if fd < 0 {
        return Err(Error::os(format!("cannot open BPF program {program}"), &crate::error::last_os()));
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Functions of one program, or of all.
fn functions(only: Option<u32>) -> Vec<Function> {
    let mut all = Vec::new();
    let mut id = 0;
    // SAFETY: `id` is writable.
    while unsafe { sys::bpf_prog_get_next_id(id, &raw mut id) } == 0 {
        if only.is_none_or(|wanted| wanted == id) {
            // It may be gone by now.
            all.extend(functions_of(id).unwrap_or_default());
        }
    }
    all
}

fn functions_of(id: u32) -> Option<Vec<Function>> {
    let fd = open(id).ok()?;
    let first = info(fd.as_raw_fd(), sys::bpf_prog_info::default())?;
    let count = first.nr_func_info.min(MAX_FUNCTIONS);
    // Without types nothing can be attached, and to what traces functions itself the kernel attaches nothing.
    if first.btf_id == 0 || count == 0 || first.type_ == sys::BPF_PROG_TYPE_TRACING {
        return None;
    }
    let size = first.func_info_rec_size as usize;
    let mut records = vec![0u8; size.checked_mul(count as usize)?];
    let wanted = sys::bpf_prog_info {
        nr_func_info: count,
        func_info_rec_size: first.func_info_rec_size,
        func_info: records.as_mut_ptr() as u64,
        ..Default::default()
    };
    let second = info(fd.as_raw_fd(), wanted)?;
    // SAFETY: the number is that of the program's types; the result is checked and freed below.
    let btf = unsafe { sys::btf__load_from_kernel_by_id(first.btf_id) };
    if btf.is_null() {
        return None;
    }
    let name = |btf_id| {
        // SAFETY: `btf` lives; what is returned is checked, and points into it.
        unsafe {
            let ty = sys::btf__type_by_id(btf, btf_id);
            let text = if ty.is_null() { std::ptr::null() } else { sys::btf__name_by_offset(btf, (*ty).name_off) };
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        }
    };
    // A record: where the function begins, and its type.
    let records = records.chunks_exact(size.max(8)).take(second.nr_func_info as usize);
    let ids = records.map(|r| u32::from_ne_bytes([r[4], r[5], r[6], r[7]]));
    let found = ids.filter_map(|btf_id| Some(Function { program: id, btf_id, name: name(btf_id)? })).collect();
    // SAFETY: nothing refers to it any more.
    unsafe { sys::btf__free(btf) };
    Some(found)
}

/// Asks the kernel about a program; what is not known to it stays 0.
pub(crate) fn info(program: i32, mut info: sys::bpf_prog_info) -> Option<sys::bpf_prog_info> {
    let mut size = size_of::<sys::bpf_prog_info>() as u32;
    // SAFETY: `info` has that size, and the buffers that it names the sizes that it names.
    let code = unsafe { sys::bpf_prog_get_info_by_fd(program, &raw mut info, &raw mut size) };
    (code == 0).then_some(info)
}
