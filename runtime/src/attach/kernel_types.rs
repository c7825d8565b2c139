//! Types of the kernel's functions, by number. Each module has types of its own, which go on where the kernel's end, and
//! are an object of their own in the kernel (from Linux 5.11 on).

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, c_char};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::rc::Rc;

use libbpf_sys as sys;

use super::tracefs::{Function, KERNEL};
use super::{Owner, TypedFunction, tracefs};
use crate::Error;
use crate::arguments::Kernel;
use crate::error::last_os;
use crate::types::Types;

/// Room for the name of a module, which the kernel limits to 56 bytes.
const NAME_LENGTH: usize = 64;

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
            KERNEL => (Owner::Kernel, numbers(&kernel, names)),
            module => {
                let id = *modules.get(module)?;
                (Owner::Module { name: module.to_string(), types: id }, numbers(&kernel.of_module(id)?, names))
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

/// Numbers of functions by their names.
fn numbers(types: &Types, wanted: &HashSet<&str>) -> HashMap<String, u32> {
    wanted.iter().filter_map(|name| Some((name.to_string(), types.function_id(name)?))).collect()
}

/// Types of the running kernel and of its modules, read when they are asked for.
#[derive(Default)]
pub(crate) struct Host {
    // The modules' refer to the kernel's, and so go first.
    modules: RefCell<HashMap<String, Option<Rc<Types>>>>,
    kernel: OnceCell<Option<Types>>,
}

impl Host {
    fn kernel(&self) -> Option<&Types> {
        self.kernel.get_or_init(Types::of_kernel).as_ref()
    }

    fn module(&self, name: &str) -> Option<Rc<Types>> {
        let read = || Some(Rc::new(self.kernel()?.of_module(*modules().get(name)?)?));
        self.modules.borrow_mut().entry(name.to_string()).or_insert_with(read).clone()
    }
}

impl Kernel for Host {
    fn types(&self, module: &str, read: &mut dyn FnMut(&Types)) {
        if matches!(module, "" | KERNEL) {
            self.kernel().into_iter().for_each(read);
        } else if let Some(types) = self.module(module) {
            read(&types);
        }
    }

    fn modules(&self) -> Vec<String> {
        modules().into_keys().collect()
    }

    fn format(&self, category: &str, event: &str) -> Option<String> {
        tracefs::format(category, event)
    }
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
