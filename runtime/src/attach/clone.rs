//! Copies of a program with something patched in that differs from one attach point to the next:
//! its number, for kernels that cannot tell a program where it was attached (before 5.15), and
//! where the arguments of a static probe are.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use btc_abi::{ArgumentPart, Manifest, Patch, PatchValue, UsdtPart};
use libbpf_sys as sys;

use super::usdt::Operand;
use super::{Owner, TypedFunction, kernel_types, no_program, programs};
use crate::Error;
use crate::arguments::{Bound, Bounds, Code};
use crate::error::{last_os, reason};
use crate::load::{Loaded, Program};

/// Whether the kernel has attach cookies for perf events.
pub(super) fn has_cookies() -> bool {
    if release() >= (5, 15) {
        return true;
    }
    // Some vendors' kernels have them earlier: then the helper's name is among the
    // kernel's type strings, which is also what the compiled code looks for.
    is_in_kernel_types("BPF_FUNC_get_attach_cookie")
}

/// Whether a name is among those of the kernel's types.
pub(crate) fn is_in_kernel_types(name: &str) -> bool {
    let name = [b"\0", name.as_bytes(), b"\0"].concat();
    std::fs::read("/sys/kernel/btf/vmlinux").is_ok_and(|btf| btf.windows(name.len()).any(|w| w == name))
}

/// The kernel's release, as major and minor.
pub(super) fn release() -> (u32, u32) {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// What is patched in.
#[derive(Default)]
pub(super) struct Values<'a> {
    /// Number of the attach point.
    pub identity: Option<u64>,
    /// Places of a static probe's arguments.
    pub operands: Option<&'a [Operand]>,
    /// What a typed program is for.
    pub function: Option<&'a TypedFunction>,
    /// Which half of a table of system calls, from 1.
    pub table: Option<usize>,
    /// Where the arguments are, unless they are where they were when the program was loaded.
    pub arguments: Option<&'a Bounds>,
    /// Whether it is another function than the one that the program was loaded for.
    pub is_other: bool,
}

impl Values<'_> {
    /// What goes into the instruction of a patch; `None` leaves it as it is.
    fn of(&self, n: usize, value: &PatchValue) -> Option<Put> {
        match value {
            PatchValue::ProbeIdentity => self.identity.map(|n| Put::Immediate(n as i32)),
            PatchValue::SyscallTable => self.table.map(|n| Put::Immediate(n as i32)),
            PatchValue::UsdtArgument { index, part } => {
                let operand = self.operands?.get(*index as usize).copied().unwrap_or_default();
                let value = operand.part(*part);
                Some(match part {
                    UsdtPart::Base | UsdtPart::Index => Put::Offset(value as i16),
                    _ => Put::Immediate(value),
                })
            }
            PatchValue::Argument { part, .. } => {
                let (_, bound) = self.arguments?.iter().find(|(patch, _)| *patch == n)?;
                Some(Put::Argument(*part, *bound))
            }
        }
    }
}

/// What goes into an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Put {
    Immediate(i32),
    Offset(i16),
    Argument(ArgumentPart, Bound),
}

/// The copies made so far, by program and what was patched in.
#[derive(Default)]
pub(crate) struct Copies(HashMap<(String, Option<TypedFunction>, Vec<Put>), OwnedFd>);

impl Copies {
    /// Descriptors of the copies of a program.
    pub(crate) fn of<'c>(&'c self, symbol: &'c str) -> impl Iterator<Item = i32> + 'c {
        self.0.iter().filter(move |(key, _)| key.0 == symbol).map(|(_, copy)| copy.as_raw_fd())
    }

    /// A program with the values inside: itself where it has no room for them, else a copy.
    pub(super) fn program(
        &mut self,
        manifest: &Manifest,
        loaded: &Loaded,
        symbol: &str,
        values: &Values,
    ) -> Result<i32, Error> {
        let program = loaded.program(symbol).ok_or_else(|| no_program(symbol))?;
        let functions = functions(symbol, program);
        let place = |p: &Patch| Some(functions.iter().find(|(name, _)| *name == p.program)?.1 + p.insn as usize);
        let patches = manifest.patches.iter().enumerate();
        let wanted = patches.filter_map(|(n, p)| Some((place(p)?, values.of(n, &p.value)?)));
        let wanted: Vec<Wanted> = wanted.collect();
        if wanted.is_empty() && !values.is_other {
            return Ok(program.fd);
        }
        let key = (symbol.to_string(), values.function.cloned(), wanted.iter().map(|(_, put)| *put).collect());
        if let Some(copy) = self.0.get(&key) {
            return Ok(copy.as_raw_fd());
        }
        let copy = load(symbol, loaded, program, values.function, &wanted)?;
        let fd = copy.as_raw_fd();
        self.0.insert(key, copy);
        Ok(fd)
    }
}

/// An instruction of the loaded program, and what goes into it.
type Wanted = (usize, Put);

/// The functions that a loaded program consists of, itself and those that are called back, with their first
/// instructions: libbpf puts them one behind the other, and tells where by their types.
fn functions(symbol: &str, program: Program) -> Vec<(String, usize)> {
    let mut all = vec![(symbol.to_string(), 0)];
    let Some(types) = program.types else { return all };
    // SAFETY: the program and its types belong to a loaded object, which outlives this call; libbpf keeps the
    // records, which are as many as it says, and names end with NUL.
    unsafe {
        let raw = program.raw.as_ptr();
        let records = sys::bpf_program__func_info(raw);
        if records.is_null() {
            return all;
        }
        for record in std::slice::from_raw_parts(records, sys::bpf_program__func_info_cnt(raw) as usize) {
            let ty = sys::btf__type_by_id(types.as_ptr(), record.type_id);
            let name = if ty.is_null() { ty.cast() } else { sys::btf__name_by_offset(types.as_ptr(), (*ty).name_off) };
            if record.insn_off > 0 && !name.is_null() {
                let name = CStr::from_ptr(name).to_string_lossy().into_owned();
                all.push((name, record.insn_off as usize));
            }
        }
    }
    all
}

fn load(
    symbol: &str,
    loaded: &Loaded,
    program: Program,
    function: Option<&TypedFunction>,
    patches: &[Wanted],
) -> Result<OwnedFd, Error> {
    // SAFETY: the program belongs to a loaded object, which outlives this call, and
    // libbpf keeps its instructions, with everything resolved in them.
    let (mut code, kind, expected) = unsafe {
        let raw = program.raw.as_ptr();
        let count = sys::bpf_program__insn_cnt(raw) as usize;
        let first = sys::bpf_program__insns(raw);
        if first.is_null() {
            return Err(Error::new("libbpf gives no instructions to copy"));
        }
        let code = std::slice::from_raw_parts(first, count).to_vec();
        (code, sys::bpf_program__type(raw), sys::bpf_program__expected_attach_type(raw))
    };
    for (at, put) in patches {
        let Some(insn) = code.get_mut(*at) else { continue };
        match put {
            Put::Offset(n) => insn.off = *n,
            Put::Immediate(n) => insn.imm = *n,
            Put::Argument(part, bound) => {
                let mut own = Code { code: insn.code, off: insn.off, imm: insn.imm };
                bound.put(*part, &mut own);
                (insn.code, insn.off, insn.imm) = (own.code, own.off, own.imm);
            }
        }
    }
    // Descriptors of what the function is part of, where that is not the kernel itself.
    let (mut module, mut within) = (None, None);
    match function.map(|f| &f.of) {
        Some(Owner::Module { types, .. }) => module = Some(kernel_types::open(*types)?),
        Some(Owner::Program(program)) => within = Some(programs::open(*program)?),
        Some(Owner::Kernel) | None => {}
    }
    let number = |fd: &Option<OwnedFd>| fd.as_ref().map_or(0, |fd| fd.as_raw_fd() as u32);
    let name = CString::new(symbol.chars().take(15).collect::<String>()).unwrap_or_default();
    let mut options = sys::bpf_prog_load_opts {
        sz: size_of::<sys::bpf_prog_load_opts>() as sys::size_t,
        expected_attach_type: expected,
        attach_btf_id: function.map_or(0, |f| f.btf_id),
        attach_prog_fd: number(&within),
        attach_btf_obj_fd: number(&module),
        ..Default::default()
    };
    if let Some(types) = program.types {
        // The verifier wants to know functions that are called back.
        // SAFETY: as above; libbpf keeps the records, which are as many as it says.
        unsafe {
            let raw = program.raw.as_ptr();
            options.prog_btf_fd = sys::btf__fd(types.as_ptr()) as u32;
            options.func_info = sys::bpf_program__func_info(raw).cast();
            options.func_info_cnt = sys::bpf_program__func_info_cnt(raw);
            options.func_info_rec_size = size_of::<sys::bpf_func_info>() as u32;
        }
    }
    // SAFETY: initialised options, texts that end with NUL, and the code's true length.
    let fd = unsafe {
        sys::bpf_prog_load(
            kind,
            name.as_ptr(),
            loaded.licence().as_ptr(),
            code.as_ptr(),
            code.len() as sys::size_t,
            &raw mut options,
        )
    };
    if fd < 0 {
        return Err(Error::new(format!("cannot load a copy of `{symbol}`: {}", reason(&last_os()))));
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
