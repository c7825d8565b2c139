//! `fentry` and `fexit`: typed entry and exit of a kernel function, by BTF.

use btc_abi::Attach;
use btc_target::{Target, glob, is_glob};
use btc_types::Type;

use crate::kprobe::traceable;
use crate::{Argument, Context, Existence, Parse, ProbeError, Provider};

/// `fentry`
pub static FENTRY: Provider = Provider {
    name: "fentry",
    aliases: &["f", "kfunc"],
    syntax: "fentry:[module:]function",
    doc: "Fires when a kernel function is entered; its arguments are `args.name`, with their types. \
          `fentry:bpf:[id:]function` is a function of a BPF program that runs, of one number or of all; \
          it has no `args`.",
    parse: |p| function(p, false),
    is_listed: true,
    ..TYPED_FUNCTION
};

/// `fexit`
pub static FEXIT: Provider = Provider {
    name: "fexit",
    aliases: &["fr", "kretfunc"],
    syntax: "fexit:[module:]function",
    doc: "Fires when a kernel function returns; arguments are `args.name`, the result is `retval`.",
    parse: |p| function(p, true),
    result: Some(|target, attach| {
        prototype(target, attach).map_or(Type::UINT64, |p| p.returns)
    }),
    ..TYPED_FUNCTION
};

const TYPED_FUNCTION: Provider = Provider {
    context: Context::Slots,
    exists,
    normal: |attach| match attach {
        Attach::FentryProgram { id, name, ret } => {
            let kind = if *ret { "fexit" } else { "fentry" };
            let id = if *id > 0 { format!("{id}:") } else { String::new() };
            format!("{kind}:bpf:{id}{name}")
        }
        Attach::Fentry { module, function, ret } => {
            let kind = if *ret { "fexit" } else { "fentry" };
            let module = if module.is_empty() { "vmlinux" } else { module };
            format!("{kind}:{module}:{function}")
        }
        _ => String::new(),
    },
    arguments: |target, attach| {
        let params = prototype(target, attach)?.params;
        let of = attach.typed()?;
        Some(params.into_iter().map(|(name, ty)| Argument::named(of.clone(), name, ty)).collect())
    },
    list,
    no_arguments: |_, attach, _| {
        let of_program = matches!(attach, Attach::FentryProgram { .. });
        of_program.then(|| "functions of BPF programs have no `args`".to_string())
    },
    fields: |target, attach| {
        let Attach::Fentry { module, function, .. } = attach else { return Vec::new() };
        let spelled = target.types_of(module).and_then(|b| b.spelled_function(function));
        let params = spelled.map(|(params, _)| params).unwrap_or_default();
        params.into_iter().map(|(ty, name)| format!("{ty} {name}")).collect()
    },
    is_function: true,
    ..Provider::DEFAULT
};

/// Traceable functions whose types are known.
fn list(target: &Target, search: &str, found: &mut dyn FnMut(&str)) {
    let (module, function) = search.split_once(':').unwrap_or(("*", search));
    if module == "bpf" {
        let (id, name) = function.split_once(':').unwrap_or(("*", function));
        for (program, function) in target.bpf_functions() {
            if glob(id, &program.to_string()) && glob(name, &function) {
                found(&format!("bpf:{program}:{function}"));
            }
        }
        return;
    }
    let mut here: Vec<(&str, &str)> = Vec::new();
    let all = traceable(target);
    for (m, f) in all.iter() {
        let m = if m.is_empty() { "vmlinux" } else { m };
        if glob(function, f) && glob(module, m) {
            here.push((m, f));
        }
    }
    here.sort_unstable();
    here.dedup();
    for of_module in here.chunk_by(|a, b| a.0 == b.0) {
        let module = of_module[0].0;
        let names = target.types_of(module).map(|b| b.function_names().to_vec()).unwrap_or_default();
        for (_, function) in of_module {
            if names.binary_search_by(|n| n.as_str().cmp(function)).is_ok() {
                found(&format!("{module}:{function}"));
            }
        }
    }
}

fn function(parse: &Parse, ret: bool) -> Result<Attach, ProbeError> {
    let syntax = if ret { FEXIT.syntax } else { FENTRY.syntax };
    let (module, function) = match parse.parts.as_slice() {
        [bpf, name] if bpf == "bpf" => return program("*", name, ret),
        [bpf, id, name] if bpf == "bpf" => return program(id, name, ret),
        // A pattern alone is one over all modules.
        [function] if is_glob(function) => ("*", function.as_str()),
        [function] => ("vmlinux", function.as_str()),
        [module, function] => (module.as_str(), function.as_str()),
        _ => return Err(ProbeError::syntax(format!("this is not written as `{syntax}`"))),
    };
    if function.is_empty() {
        return Err(ProbeError::syntax("the function's name is missing"));
    }
    Ok(Attach::Fentry { module: module.to_string(), function: function.to_string(), ret })
}

/// A function of a BPF program: of the one with that number, or of any.
fn program(id: &str, name: &str, ret: bool) -> Result<Attach, ProbeError> {
    let id = match id {
        "*" => 0,
        number => number.parse().ok().filter(|id| *id > 0).ok_or_else(|| {
            ProbeError::syntax(format!("`{number}` is not the number of a BPF program"))
                .help("it is written as `fentry:bpf:[id:]function`")
        })?,
    };
    if name.is_empty() {
        return Err(ProbeError::syntax("the function's name is missing"));
    }
    Ok(Attach::FentryProgram { id, name: name.to_string(), ret })
}

/// Whether an attach point stands for as many functions as match.
fn is_pattern(module: &str, function: &str) -> bool {
    is_glob(module) || is_glob(function)
}

fn prototype(target: &Target, attach: &Attach) -> Option<btc_target::Prototype> {
    let Attach::Fentry { module, function, .. } = attach else { return None };
    target.types_of(module)?.function(function)
}

fn exists(target: &Target, attach: &Attach) -> Existence {
    // Which programs run, the host tells when the script does.
    if matches!(attach, Attach::FentryProgram { .. }) {
        return Existence::Yes;
    }
    let Some(btf) = target.btf() else { return Existence::Unknown };
    if let Attach::Fentry { module, function, .. } = attach
        && is_pattern(module, function)
    {
        let mut any = glob(module, "vmlinux") && btf.function_names().iter().any(|name| glob(function, name));
        if !any && module != "vmlinux" {
            if target.functions().is_none() {
                // Nothing tells here which modules the kernel has.
                return Existence::Unknown;
            }
            list(target, &format!("{module}:{function}"), &mut |_| any = true);
        }
        return if any { Existence::Yes } else { Existence::No(Vec::new()) };
    }
    if prototype(target, attach).is_some() {
        return Existence::Yes;
    }
    match attach {
        // Functions of modules have BTF of their own.
        Attach::Fentry { module, .. } if module != "vmlinux" => Existence::Unknown,
        _ => Existence::No(btf.function_names().iter().map(|n| format!("vmlinux:{n}")).collect()),
    }
}
