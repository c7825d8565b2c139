//! Values as text and as JSON: one file a family of encodings.

mod address;
mod cgroup;
pub(crate) mod composite;
pub(crate) mod escape;
pub(crate) mod histogram;
pub(crate) mod int;
pub(crate) mod kernel_enums;
mod kernel_record;
pub(crate) mod names;
pub(crate) mod printf;
mod probe;
pub(crate) mod shell;
mod stack;
pub(crate) mod string;
mod symbol;
pub(crate) mod syscalls;
pub(crate) mod time;
pub(crate) mod tseries;

use std::cell::RefCell;
use std::collections::HashMap;

use btc_abi::{Encoding, Manifest};

use crate::maps::raw::BpfMap;
use crate::options::Settings;
use crate::symbols::Symbols;

use escape::Keep;

#[cfg(feature = "fuzzing")]
pub(crate) use cgroup::read_text as read_mounts;
pub(crate) use int::integer;

/// The name of an attach point that the runtime numbered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct PointName {
    /// As `probe` shows it.
    pub name: String,
    /// As `func` shows it.
    pub function: String,
}

/// What rendering needs besides the bytes.
pub(crate) struct Context<'m> {
    pub manifest: &'m Manifest,
    pub settings: Settings,
    /// Attach points from number `manifest.probes.len()` up.
    pub points: Vec<PointName>,
    /// What `func` shows in probes whose names do not end with their function.
    pub functions: std::collections::HashMap<usize, String>,
    /// BPF maps of the stack tables, by index.
    pub stacks: Vec<Option<BpfMap>>,
    pub clocks: time::Clocks,
    pub symbols: RefCell<Symbols>,
    pub users: RefCell<Option<HashMap<u32, String>>>,
    pub cgroups: RefCell<HashMap<(u64, String), String>>,
    pub kernel_records: RefCell<kernel_record::Known>,
    pub kernel_enums: RefCell<kernel_enums::Known>,
}

impl<'m> Context<'m> {
    pub(crate) fn new(manifest: &'m Manifest, settings: Settings) -> Context<'m> {
        Context {
            manifest,
            symbols: RefCell::new(Symbols::new(&settings.symbols)),
            settings,
            points: Vec::new(),
            functions: std::collections::HashMap::new(),
            stacks: vec![None; manifest.stacks.len()],
            clocks: time::Clocks::now(),
            users: RefCell::default(),
            cgroups: RefCell::default(),
            kernel_records: RefCell::default(),
            kernel_enums: RefCell::default(),
        }
    }
}

/// The little-endian number at the start of `bytes`, 0 beyond the end.
pub(crate) fn le(bytes: &[u8], at: usize) -> u64 {
    // Nearly all reads are of whole words: a million entries are sorted by them.
    if let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        return u64::from_le_bytes(*word);
    }
    let mut all = [0; 8];
    for (to, from) in all.iter_mut().zip(bytes.iter().skip(at)) {
        *to = *from;
    }
    u64::from_le_bytes(all)
}

pub(crate) fn le32(bytes: &[u8], at: usize) -> u32 {
    le(bytes, at) as u32
}

/// Appends a value as `print` shows it. It is the one way to the output of what processes and the kernel hold: on a
/// terminal, control characters become visible.
pub(crate) fn text(ctx: &Context, encoding: &Encoding, bytes: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    plain_text(ctx, encoding, bytes, out);
    if ctx.settings.visible {
        escape::controls(out, from, Keep::Layout);
    }
}

fn plain_text(ctx: &Context, encoding: &Encoding, bytes: &[u8], out: &mut Vec<u8>) {
    match encoding {
        Encoding::Int { .. } | Encoding::Bits { .. } | Encoding::Bool | Encoding::Pointer => {
            int::text(encoding, bytes, out);
        }
        Encoding::Enum { names, .. } => int::enumerator(ctx, encoding, *names, bytes, out),
        Encoding::Str { capacity, cut_mark } => string::text(ctx, *capacity, *cut_mark, bytes, out),
        Encoding::Buffer { capacity } => string::buffer(string::buffer_bytes(*capacity, bytes), out),
        Encoding::Array { element, count, stride } => {
            composite::array(ctx, element, *count, *stride, bytes, out, text);
        }
        Encoding::Tuple(fields) => composite::tuple(ctx, fields, bytes, out),
        Encoding::Record(fields) => composite::record(ctx, fields, bytes, out),
        Encoding::KernelRecord { name, union, .. } => {
            kernel_record::text(ctx, name, *union, bytes, out);
        }
        Encoding::Inet => address::inet(bytes, out),
        Encoding::Mac => address::mac(bytes, out),
        Encoding::Timestamp { format, clock } => time::timestamp(ctx, format, *clock, bytes, out),
        Encoding::KernelSymbol => symbol::kernel(ctx, bytes, out),
        Encoding::UserSymbol => symbol::user(ctx, bytes, out),
        Encoding::KernelStack { mode, table } => stack::kernel(ctx, *mode, *table, bytes, out),
        Encoding::UserStack { mode, table } => stack::user(ctx, *mode, *table, bytes, out),
        Encoding::ProbeName => probe::name(ctx, bytes, out),
        Encoding::ProbeFunction => probe::function(ctx, bytes, out),
        Encoding::Username => names::user(ctx, bytes, out),
        Encoding::CgroupPath { pattern } => cgroup::path(ctx, pattern, bytes, out),
        Encoding::ErrorText => names::error(bytes, out),
        Encoding::SignalName => names::signal(bytes, out),
        Encoding::SyscallName => names::syscall(bytes, out),
        Encoding::Constant(value) => out.extend_from_slice(value.as_bytes()),
    }
}

/// Appends a value as JSON.
pub(crate) fn json(ctx: &Context, encoding: &Encoding, bytes: &[u8], out: &mut Vec<u8>) {
    match encoding {
        Encoding::Int { .. }
        | Encoding::Bits { .. }
        | Encoding::Bool
        | Encoding::Pointer
        | Encoding::Enum { .. } => int::json(encoding, bytes, out),
        Encoding::Buffer { capacity } => string::buffer_json(string::buffer_bytes(*capacity, bytes), out),
        Encoding::Array { element, count, stride } => {
            composite::array(ctx, element, *count, *stride, bytes, out, json);
        }
        Encoding::Tuple(fields) => composite::tuple_json(ctx, fields, bytes, out),
        Encoding::Record(fields) => composite::record_json(ctx, fields, bytes, out),
        Encoding::KernelRecord { name, union, .. } => {
            kernel_record::json(ctx, name, *union, bytes, out);
        }
        _ => {
            let mut value = Vec::new();
            text(ctx, encoding, bytes, &mut value);
            escape::quoted(&value, out);
        }
    }
}

/// The bytes of a part, empty when the composite is shorter.
pub(crate) fn part<'a>(bytes: &'a [u8], offset: u32, encoding: &Encoding) -> &'a [u8] {
    let start = offset as usize;
    let end = start.saturating_add(encoding.size() as usize);
    bytes.get(start..end).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod testing {
    //! Helpers of the tests of this folder.

    use super::*;
    use crate::Options;

    /// Renders as text, then as JSON.
    pub(crate) fn both(manifest: &Manifest, encoding: &Encoding, bytes: &[u8]) -> (String, String) {
        let settings = Settings::new(manifest, &Options::default()).unwrap();
        let ctx = Context::new(manifest, settings);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        text(&ctx, encoding, bytes, &mut a);
        json(&ctx, encoding, bytes, &mut b);
        (String::from_utf8(a).unwrap(), String::from_utf8(b).unwrap())
    }
}
