//! Types of the kernel's functions, by number. Each module has types of its own, which go on where the kernel's end, and
//! are an object of their own in the kernel (from Linux 5.11 on).

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, c_char};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;

use libbpf_sys as sys;

use super::tracefs::{Function, KERNEL};
use super::{Owner, TypedFunction};
use crate::Error;
use crate::error::last_os;

/// Room for the name of a module, which the kernel limits to 56 bytes.
const NAME_LENGTH: usize = 64;

/// Types that libbpf has read; those of a module refer to the kernel's.
struct Types(NonNull<sys::btf>);

impl Drop for Types {
    fn drop(&mut self) {
        // SAFETY: it is owned, and not freed yet.
        unsafe { sys::btf__free(self.0.as_ptr()) };
    }
}

impl Types {
    fn of_kernel() -> Option<Types> {
        // SAFETY: no preconditions.
        NonNull::new(unsafe { sys::btf__load_vmlinux_btf() }).map(Types)
    }

    /// Those of the module that has this number; `self` are the kernel's, and must live longer.
    fn of_module(&self, id: u32) -> Option<Types> {
        // SAFETY: `self` is alive.
        NonNull::new(unsafe { sys::btf__load_from_kernel_by_id_split(id, self.0.as_ptr()) }).map(Types)
    }

    /// Numbers of functions by their names; a module's own only.
    fn numbers(&self, wanted: &HashSet<&str>) -> HashMap<String, u32> {
        let mut found = HashMap::new();
        // SAFETY: the types are alive, and with them the types below; numbers are below the count, and names end with NUL.
        unsafe {
            let types = self.0.as_ptr();
            let below = sys::btf__base_btf(types);
            let first = if below.is_null() { 1 } else { sys::btf__type_cnt(below) };
            for id in first..sys::btf__type_cnt(types) {
                let ty = sys::btf__type_by_id(types, id);
                if ty.is_null() || (*ty).info >> 24 & 0x1f != sys::BTF_KIND_FUNC {
                    continue;
                }
                let name = sys::btf__name_by_offset(types, (*ty).name_off);
                let Some(name) = (!name.is_null()).then(|| CStr::from_ptr(name)).and_then(|n| n.to_str().ok()) else {
                    continue;
                };
                if wanted.contains(name) {
                    found.entry(name.to_string()).or_insert(id);
                }
            }
        }
        found
    }
}

/// Those of the functions whose types are known, in their order.
pub(super) fn typed(functions: Vec<Function>) -> Vec<(Function, TypedFunction)> {
    let Some(kernel) = Types::of_kernel() else { return Vec::new() };
    let mut names: HashMap<&str, HashSet<&str>> = HashMap::new();
    for function in &functions {
        names.entry(&function.module).or_default().insert(&function.name);
    }
    let modules = if names.keys().all(|module| *module == KERNEL) { HashMap::new() } else { modules() };
    let known = |(module, names): (&&str, &HashSet<&str>)| {
        let known = match *module {
            KERNEL => (Owner::Kernel, kernel.numbers(names)),
            module => {
                let id = *modules.get(module)?;
                (Owner::Module { name: module.to_string(), types: id }, kernel.of_module(id)?.numbers(names))
            }
        };
        Some((module.to_string(), known))
    };
    let known: HashMap<String, (Owner, HashMap<String, u32>)> = names.iter().filter_map(known).collect();
    let typed = |function: Function| {
        let (of, numbers) = known.get(&function.module)?;
        let typed = TypedFunction { btf_id: *numbers.get(&function.name)?, of: of.clone() };
        Some((function, typed))
    };
    functions.into_iter().filter_map(typed).collect()
}

/// A descriptor of the types that have this number.
pub(super) fn open(types: u32) -> Result<OwnedFd, Error> {
    // SAFETY: no preconditions.
    let fd = unsafe { sys::bpf_btf_get_fd_by_id(types) };
    if fd < 0 {
        return Err(Error::os("cannot open the types of a module", &last_os()));
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The numbers of the modules' types, by the names of the modules.
fn modules() -> HashMap<String, u32> {
    let mut all = HashMap::new();
    let mut id = 0;
    // SAFETY: `id` is writable.
    while unsafe { sys::bpf_btf_get_next_id(id, &raw mut id) } == 0 {
        // A module may be gone by now.
        if let Some(name) = open(id).ok().and_then(|types| module(&types)) {
            all.insert(name, id);
        }
    }
    all
}

/// The module that types are of, if they are a module's.
fn module(types: &OwnedFd) -> Option<String> {
    let mut name: [c_char; NAME_LENGTH] = [0; NAME_LENGTH];
    let mut info =
        sys::bpf_btf_info { name: name.as_mut_ptr() as u64, name_len: NAME_LENGTH as u32, ..Default::default() };
    let mut size = size_of::<sys::bpf_btf_info>() as u32;
    // SAFETY: `info` has that size, and `name` the length that it says; kernels that know neither refuse.
    let code = unsafe { sys::bpf_btf_get_info_by_fd(types.as_raw_fd(), &raw mut info, &raw mut size) };
    if code != 0 || info.kernel_btf == 0 {
        return None;
    }
    // SAFETY: the kernel ends what it writes there with NUL, and it was zeros.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) }.to_str().ok()?;
    (name != KERNEL).then(|| name.to_string())
}
