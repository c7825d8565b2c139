//! Late binding: parameters, host facts and patches, written into the object before it is loaded.

use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

use btc_abi::{GlobalValue, Manifest, Param, ParamKind, ParamType, number};

use crate::arguments;
use crate::attach::{Plan, uprobe};
use crate::elf::Image;
use crate::render::{Context, kernel_enums, time};
use crate::types::Types;
use crate::{Error, Options, kfunc, place, short_keys};

/// Fills everything that the object leaves open.
pub(crate) fn bind(image: &mut Image, ctx: &Context, options: &Options, child: Option<u32>, plans: &[Plan]) -> Result<(), Error> {
    params(image, ctx.manifest, options)?;
    warn_of_no_child(ctx.manifest, options, child);
    for global in &ctx.manifest.globals {
        let value = global_value(&global.value, ctx, options, child).map_err(|error| match &global.place {
            Some(place) => Error::new(format!("{}: {error}", place::show(ctx.manifest, place))),
            None => error,
        })?;
        image.set_number(&global.symbol, value)?;
    }
    // What is bound differently for some of a probe's targets is put into copies.
    for plan in plans {
        if let Some(target) = plan.targets.first() {
            arguments::put(image, ctx.manifest, &target.arguments)?;
        }
    }
    Ok(())
}

fn global_value(value: &GlobalValue, ctx: &Context, options: &Options, child: Option<u32>) -> Result<u64, Error> {
    Ok(match value {
        GlobalValue::ChildPid => u64::from(child.or(options.pid).unwrap_or(0)),
        GlobalValue::HasChild => u64::from(child.or(options.pid).is_some()),
        GlobalValue::Extent => u64::from(child.or(options.pid).unwrap_or(0)),
        GlobalValue::ParentOffset => child.map_or(0, |_| task_offsets()[0]),
        GlobalValue::ProcessOffset => child.map_or(0, |_| task_offsets()[1]),
        GlobalValue::Cpus => possible_cpus() as u64,
        GlobalValue::StartTime => time::read(libc::CLOCK_BOOTTIME) as u64,
        GlobalValue::OwnPid => u64::from(std::process::id()),
        GlobalValue::PidNamespaceDevice => namespace().map_or(0, |m| kernel_device(m.dev())),
        GlobalValue::PidNamespaceInode => namespace().map_or(0, |m| m.ino()),
        // The program asks for 0 itself, see `abi::refusal`.
        GlobalValue::KernelAddress(symbol) => ctx.symbols.borrow_mut().kernel_address(symbol).unwrap_or(0),
        GlobalValue::KfuncAllowed { name, provider } => u64::from(kfunc::is_allowed(name, provider)),
        GlobalValue::ShortKeys => u64::from(ctx.manifest.maps.iter().any(|m| short_keys::size(m).is_some())),
        GlobalValue::Constant(name, value) => kernel_enums::constant(ctx.manifest, name, *value)
            .ok_or_else(|| Error::new(format!("this kernel has no constant `{name}`")))? as u64,
        GlobalValue::CgroupId(path) => cgroup_id(path)?,
        GlobalValue::RealtimeOffset => ahead_of_boot(libc::CLOCK_REALTIME),
        GlobalValue::TaiOffset => ahead_of_boot(libc::CLOCK_TAI),
        GlobalValue::UserAddress(path, symbol) => uprobe::address_of(path, symbol, options)?,
    })
}

/// Where the kernel has a task's parent and process id, by which a program finds out whether it descends from the command.
/// The numbers there are those of the initial pid namespace; in another one, and without the kernel's types, the command
/// counts alone. The types are read once: that takes milliseconds.
fn task_offsets() -> [u64; 2] {
    static KNOWN: OnceLock<[u64; 2]> = OnceLock::new();
    *KNOWN.get_or_init(|| {
        let kernel = Types::of_kernel().filter(|_| namespace().is_none());
        let offset = |member| kernel.as_ref().and_then(|kernel| kernel.offset_of(c"task_struct", member));
        match ["real_parent", "tgid"].map(offset) {
            [Some(parent), Some(process)] => [parent.into(), process.into()],
            _ => [0; 2],
        }
    })
}

/// The id of a cgroup is the inode of its folder, and of nothing else.
fn cgroup_id(path: &str) -> Result<u64, Error> {
    let failed = |e: &std::io::Error| Error::os(format!("cannot look at the cgroup `{path}`"), e);
    let file = std::fs::File::open(path).map_err(|e| failed(&e))?;
    // SAFETY: plain bytes, for which zeros are a value.
    let mut system: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open, and `system` is writable.
    if unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut system) } != 0 {
        return Err(failed(&crate::error::last_os()));
    }
    if system.f_type != libc::CGROUP2_SUPER_MAGIC {
        return Err(Error::new(format!("`{path}` is no cgroup (of version 2)")));
    }
    Ok(file.metadata().map_err(|e| failed(&e))?.ino())
}

/// What a clock shows more than the one that counts from boot. That one is read before and
/// after, several times; the closest pair tells best.
fn ahead_of_boot(clock: libc::clockid_t) -> u64 {
    let sample = || {
        let before = time::read(libc::CLOCK_BOOTTIME);
        let now = time::read(clock);
        let after = time::read(libc::CLOCK_BOOTTIME);
        (after - before, now - (before + (after - before) / 2))
    };
    let best = (0..5).map(|_| sample()).min();
    best.map_or(0, |(_, distance)| distance as u64)
}

/// Says that `cpid` is 0, unless the script asks for `has_cpid`, too.
fn warn_of_no_child(manifest: &Manifest, options: &Options, child: Option<u32>) {
    let uses = |value: &GlobalValue| manifest.globals.iter().any(|g| g.value == *value);
    let missing = uses(&GlobalValue::ChildPid) && !uses(&GlobalValue::HasChild);
    if missing && child.or(options.pid).is_none() && !options.no_warnings {
        say!("WARNING: `cpid` is 0, for there is neither a child (-c) nor a process (-p)");
    }
}

/// Inode of the initial pid namespace (kernel: `PROC_PID_INIT_INO`).
const INITIAL_NAMESPACE: u64 = 0xeffffffc;

/// The pid namespace of this process, unless it is the initial one.
fn namespace() -> Option<std::fs::Metadata> {
    std::fs::metadata("/proc/self/ns/pid").ok().filter(|m| m.ino() != INITIAL_NAMESPACE)
}

/// The kernel's own form of a device number, which differs from the C library's.
fn kernel_device(device: u64) -> u64 {
    u64::from(libc::major(device)) << 20 | u64::from(libc::minor(device))
}

/// Number of CPUs that per-CPU maps have values for.
pub(crate) fn possible_cpus() -> usize {
    libbpf_rs::num_possible_cpus().unwrap_or(1).max(1)
}

fn title(kind: &ParamKind) -> String {
    match kind {
        ParamKind::Positional(n) => format!("${n}"),
        ParamKind::Count => "$#".into(),
        ParamKind::Named(name) => format!("--{name}"),
    }
}

/// What the user gives for a parameter.
fn given<'a>(param: &Param, options: &'a Options) -> Option<std::borrow::Cow<'a, str>> {
    match &param.kind {
        ParamKind::Positional(n) => {
            let index = (*n as usize).checked_sub(1)?;
            // Who gives some leaves the others out.
            let left_out = (!options.positional.is_empty()).then_some("");
            options.positional.get(index).map(String::as_str).or(left_out).map(Into::into)
        }
        ParamKind::Count => (!options.positional.is_empty()).then(|| options.positional.len().to_string().into()),
        ParamKind::Named(name) => {
            let (_, value) = options.named.iter().rev().find(|(n, _)| n == name)?;
            Some(value.as_deref().unwrap_or("true").into())
        }
    }
}

fn params(image: &mut Image, manifest: &Manifest, options: &Options) -> Result<(), Error> {
    for (name, _) in &options.named {
        let known = |p: &Param| matches!(&p.kind, ParamKind::Named(n) if n == name);
        if !manifest.params.iter().any(known) {
            return Err(Error::new(format!("the script has no parameter --{name}")));
        }
    }
    warn_of_missing(manifest, options);
    for param in &manifest.params {
        let given = given(param, options);
        if let Some(other) = given.as_deref().filter(|text| param.fixed && *text != param.default) {
            return Err(refuse_other(param, other));
        }
        let text = given.unwrap_or_else(|| param.default.as_str().into());
        if !param.symbol.is_empty() {
            image.set_number(&param.symbol, param_number(param, &text)?)?;
        }
        if !param.text_symbol.is_empty() {
            if text.len() + 1 > param.text_capacity as usize {
                return Err(Error::new(format!(
                    "the parameter {} has {} bytes; at most {} fit (raise max_strlen)",
                    title(&param.kind),
                    text.len(),
                    param.text_capacity.saturating_sub(1)
                )));
            }
            image.set_text(&param.text_symbol, param.text_capacity, &text)?;
        }
    }
    Ok(())
}

/// A parameter that is part of the code has another value than it was compiled with.
fn refuse_other(param: &Param, given: &str) -> Error {
    let (name, known) = (title(&param.kind), param.default.as_str());
    let known = if known.is_empty() { "left out".to_string() } else { format!("`{known}`") };
    Error::new(format!(
        "the parameter {name} is `{given}`, and was {known} when the object was compiled: a probe or a constant of the script names it, \
         so it is part of the code; give it to `btc compile`, or run the script"
    ))
}

/// Says which parameters are 0 because they are not given, unless the script asks how many are.
fn warn_of_missing(manifest: &Manifest, options: &Options) {
    let counts = manifest.params.iter().any(|p| p.kind == ParamKind::Count);
    for param in manifest.params.iter().filter(|_| !counts && !options.no_warnings) {
        let is_number = matches!(param.kind, ParamKind::Positional(_)) && !param.symbol.is_empty() && param.default.is_empty();
        if is_number && given(param, options).is_none() {
            say!("WARNING: the parameter {} is 0, for it is not given", title(&param.kind));
        }
    }
}

fn param_number(param: &Param, text: &str) -> Result<u64, Error> {
    let wrong = |what: &str| Error::new(format!("the parameter {} must be {what}, not `{text}`", title(&param.kind)));
    match param.ty {
        ParamType::Bool => match text {
            "" | "0" | "false" => Ok(0),
            "1" | "true" => Ok(1),
            _ => Err(wrong("true or false")),
        },
        ParamType::Int | ParamType::Str | ParamType::Any => match number::parameter(text) {
            // The script compares, prints and divides it as a number with sign.
            Some(n) => i64::try_from(n).map(|n| n as u64).map_err(|_| wrong(&format!("at most {}", i64::MAX))),
            None => Err(wrong("a number")),
        },
        ParamType::Unsigned => match number::parameter(text) {
            Some(n) => u64::try_from(n).map_err(|_| wrong("0 or more")),
            None => Err(wrong("a number")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_parameters_are_named() {
        let param = Param {
            kind: ParamKind::Positional(2),
            ty: ParamType::Int,
            symbol: "p".into(),
            text_symbol: String::new(),
            text_capacity: 0,
            default: String::new(),
            help: String::new(),
            fixed: false,
        };
        assert!(param_number(&param, "abc").unwrap_err().to_string().contains("$2"));
        assert_eq!(param_number(&param, ""), Ok(0));
        assert_eq!((param_number(&param, "5ms"), param_number(&param, "-1")), (Ok(5_000_000), Ok(u64::MAX)));
        let large = "9223372036854775808";
        assert!(param_number(&param, large).is_err());
        let unsigned = Param { ty: ParamType::Unsigned, ..param.clone() };
        assert_eq!(param_number(&unsigned, large), Ok(1 << 63));
        assert!(param_number(&unsigned, "-1").is_err());
        // Used as a text, too: what is no number has none.
        assert!(param_number(&Param { ty: ParamType::Any, ..param.clone() }, "08").is_err());
        let options = Options { positional: vec!["a".into(), "7".into()], ..Options::default() };
        assert_eq!(given(&param, &options).as_deref(), Some("7"));
    }

    #[test]
    fn device_numbers_are_the_kernels() {
        assert_eq!(kernel_device(libc::makedev(0, 4)), 4);
        assert_eq!(kernel_device(libc::makedev(8, 1)), 8 << 20 | 1);
    }
}
