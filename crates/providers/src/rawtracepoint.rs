//! `rawtracepoint`: static probes of the kernel with the arguments as the kernel passes them.

use btc_abi::Attach;
use btc_target::{Target, glob, is_glob};

use crate::{Argument, Context, Existence, Provider};

/// The definition.
pub static RAWTRACEPOINT: Provider = Provider {
    name: "rawtracepoint",
    aliases: &["rt"],
    syntax: "rawtracepoint:[module:]event",
    doc: "Fires at a static probe of the kernel; `args.name` are its arguments by BTF, `arg0`, `arg1` … \
          the same as integers. Of the events that a wildcard finds, those are attached that have so many arguments.",
    context: Context::Slots,
    parse: |p| {
        let wrong = || crate::ProbeError::syntax("this is not written as `rawtracepoint:[module:]event`");
        let (module, event) = match p.parts.as_slice() {
            [event] => ("", event),
            [module, event] if !is_glob(module) => (module.as_str(), event),
            _ => return Err(wrong()),
        };
        if event.is_empty() {
            return Err(wrong());
        }
        // The host knows whether the event is part of it.
        Ok(Attach::RawTracepoint { module: module.to_string(), event: event.clone(), typed: false })
    },
    exists,
    normal: |attach| match attach {
        Attach::RawTracepoint { module, event, .. } => {
            let module = if module.is_empty() { "vmlinux" } else { module };
            format!("rawtracepoint:{module}:{event}")
        }
        _ => String::new(),
    },
    arguments,
    no_arguments: |_, attach, _| {
        let many = matches!(attach, Attach::RawTracepoint { event, .. } if is_glob(event));
        many.then(|| "arguments have names where one event is named: here they are `arg0`, `arg1` …".to_string())
    },
    list,
    is_listed: true,
    fields: |target, attach| {
        let Attach::RawTracepoint { event, .. } = attach else { return Vec::new() };
        let spelled = target.btf().and_then(|b| of_event(event).find_map(|name| b.spelled_function(&name)));
        let params = spelled.map(|(params, _)| params).unwrap_or_default();
        params.into_iter().skip(1).map(|(ty, name)| format!("{ty} {name}")).collect()
    },
    has_registers: true,
    ..Provider::DEFAULT
};

/// Events that the kernel's types tell of, with the module that they are of.
fn list(target: &Target, search: &str, found: &mut dyn FnMut(&str)) {
    let (module, event) = search.split_once(':').unwrap_or(("*", search));
    if !glob(module, "vmlinux") {
        return;
    }
    let names = target.btf().map(|b| b.typedef_names("btf_trace_").to_vec()).unwrap_or_default();
    for name in names.iter().filter(|name| glob(event, name)) {
        found(&format!("vmlinux:{name}"));
    }
}

/// Functions whose parameters are the event's: what calls all that is attached, and, last, what hands the arguments of
/// a class to BPF, for the class may be another event's (kernel: include/linux/tracepoint.h, include/trace/bpf_probe.h).
fn of_event(event: &str) -> impl Iterator<Item = String> {
    ["__traceiter_", "__probestub_", "__bpf_trace_"].into_iter().map(move |prefix| format!("{prefix}{event}"))
}

/// `typedef void (*btf_trace_EVENT)(void *, …)`: the first parameter is the kernel's own.
fn arguments(target: &Target, attach: &Attach) -> Option<Vec<Argument>> {
    let Attach::RawTracepoint { event, .. } = attach else { return None };
    let params = target.btf()?.typedef_prototype(&format!("btf_trace_{event}"))?.params;
    // The typedef names no parameters.
    let named = of_event(event).find_map(|name| target.btf()?.function(&name)).map(|p| p.params);
    let named = named.filter(|n| n.len() == params.len()).unwrap_or(params);
    let of = attach.typed()?;
    Some(named.into_iter().skip(1).map(|(name, ty)| Argument::named(of.clone(), name, ty)).collect())
}

fn exists(target: &Target, attach: &Attach) -> Existence {
    let Attach::RawTracepoint { event, .. } = attach else { return Existence::Yes };
    match target.btf() {
        None => Existence::Unknown,
        Some(btf) if is_glob(event) => {
            let typed = btf.typedef_names("btf_trace_").iter().any(|name| glob(event, name));
            let all = target.tracepoints();
            let any = typed || all.is_some_and(|all| all.iter().any(|(_, e)| glob(event, e)));
            if any || all.is_none() { Existence::Yes } else { Existence::No(Vec::new()) }
        }
        Some(btf) if btf.typedef_prototype(&format!("btf_trace_{event}")).is_some() => Existence::Yes,
        Some(_) => match target.tracepoints() {
            None => Existence::Unknown,
            // Raw syscall events and modules' have no typedef in the kernel's own BTF.
            Some(all) if all.iter().any(|(_, e)| e == event) => Existence::Yes,
            Some(all) => Existence::No(all.iter().map(|(_, e)| e.clone()).collect()),
        },
    }
}
