//! `kprobe` and `kretprobe`: entry of, a place in, or return of a kernel function.

use std::borrow::Cow;

use btc_abi::Attach;
use btc_target::{Spelled, Target, glob, is_glob};
use btc_types::Type;

use crate::definition::sound;
use crate::{Context, Existence, Parse, ProbeError, Provider, definition};

/// `kprobe`
pub static KPROBE: Provider = Provider {
    name: "kprobe",
    aliases: &["k"],
    syntax: "kprobe:[module:]function[+offset]",
    doc: "Fires when a kernel function is entered, or at an offset in it. `arg0`, `arg1` … are its arguments. \
          Instead of a function there may be an address, with `--unsafe`.",
    parse: |p| function(p, false),
    is_listed: true,
    fields: |target, attach| {
        let params = spelled(target, attach).map(|(params, _)| params).unwrap_or_default();
        params.into_iter().enumerate().map(|(n, (ty, _))| format!("{ty} arg{n}")).collect()
    },
    has_registers: true,
    ..KERNEL_FUNCTION
};

/// `kretprobe`
pub static KRETPROBE: Provider = Provider {
    name: "kretprobe",
    aliases: &["kr"],
    syntax: "kretprobe:[module:]function",
    doc: "Fires when a kernel function returns; `retval` is its result.",
    parse: |p| function(p, true),
    result: Some(|_, _| Type::UINT64),
    fields: |target, attach| {
        let result = spelled(target, attach).map(|(_, ty)| ty).filter(|ty| ty != "void");
        result.map(|ty| format!("{ty} retval")).into_iter().collect()
    },
    ..KERNEL_FUNCTION
};

const KERNEL_FUNCTION: Provider = Provider {
    context: Context::Registers,
    exists,
    list,
    normal,
    is_function: true,
    is_unsafe: |attach| matches!(attach, Attach::Kprobe { function, .. } if function.is_empty()),
    ..Provider::DEFAULT
};

fn function(parse: &Parse, ret: bool) -> Result<Attach, ProbeError> {
    let syntax = if ret { KRETPROBE.syntax } else { KPROBE.syntax };
    let (module, target) = match parse.parts.as_slice() {
        [target] => ("", target.as_str()),
        [module, target] => (module.as_str(), target.as_str()),
        _ => return Err(ProbeError::syntax(format!("this is not written as `{syntax}`"))),
    };
    // An address is an offset in no function.
    if module.is_empty() && target.starts_with(|c: char| c.is_ascii_digit()) {
        let address = number(target)?;
        return Ok(Attach::Kprobe { module: String::new(), function: String::new(), offset: address, ret });
    }
    let (function, offset) = match target.split_once('+') {
        Some((function, offset)) => (function, number(offset)?),
        None => (target, 0),
    };
    if function.is_empty() {
        return Err(ProbeError::syntax("the function's name is missing"));
    }
    sound(Attach::Kprobe { module: module.to_string(), function: function.to_string(), offset, ret })
}

/// Parameters of the function and its result's type, as C spells them.
fn spelled(target: &Target, attach: &Attach) -> Option<(Vec<Spelled>, String)> {
    let Attach::Kprobe { module, function, offset: 0, .. } = attach else { return None };
    target.btf()?.spelled_function(function).or_else(|| target.types_of(module)?.spelled_function(function))
}

/// Traceable functions; with the module where the search has one.
fn list(target: &Target, search: &str, found: &mut dyn FnMut(&str)) {
    let mut last = "";
    match search.split_once(':') {
        Some((module, function)) => {
            for (m, f) in traceable(target).iter() {
                let m = if m.is_empty() { "vmlinux" } else { m };
                if glob(function, f) && glob(module, m) {
                    found(&format!("{m}:{f}"));
                }
            }
        }
        None => {
            let all = traceable(target);
            let mut names: Vec<&str> = all.iter().map(|(_, f)| f.as_str()).filter(|f| glob(search, f)).collect();
            names.sort_unstable();
            for name in names {
                if name != last {
                    found(name);
                }
                last = name;
            }
        }
    }
}

/// Functions of the kernel and its modules that can be traced; where the kernel does not tell, all with BTF.
pub(crate) fn traceable<'a>(target: &'a Target) -> Cow<'a, [(String, String)]> {
    match target.functions() {
        Some(all) => Cow::Borrowed(all),
        None => {
            let names = target.btf().map(|b| b.function_names().to_vec()).unwrap_or_default();
            Cow::Owned(names.into_iter().map(|f| (String::new(), f)).collect())
        }
    }
}

/// An offset or address.
pub(crate) fn number(text: &str) -> Result<u64, ProbeError> {
    definition::number(text).ok_or_else(|| ProbeError::syntax(format!("`{text}` is not an offset")))
}

fn exists(target: &Target, attach: &Attach) -> Existence {
    let Attach::Kprobe { module, function, .. } = attach else { return Existence::Yes };
    if function.is_empty() {
        return Existence::Unknown;
    }
    let Some(functions) = target.functions() else { return Existence::Unknown };
    let here = |(m, f): &(String, String)| {
        (module.is_empty() || m == module || (module == "vmlinux" && m.is_empty()))
            && (f == function || (is_glob(function) && glob(function, f)))
    };
    if functions.iter().any(here) {
        Existence::Yes
    } else {
        Existence::No(functions.iter().map(|(_, f)| f.clone()).collect())
    }
}

fn normal(attach: &Attach) -> String {
    let Attach::Kprobe { module, function, offset, ret } = attach else { return String::new() };
    let kind = if *ret { "kretprobe" } else { "kprobe" };
    if function.is_empty() {
        return format!("{kind}:{offset}");
    }
    let module = if module.is_empty() { String::new() } else { format!("{module}:") };
    let offset = if *offset == 0 { String::new() } else { format!("+{offset}") };
    format!("{kind}:{module}{function}{offset}")
}
