//! `iter`: goes over the kernel's objects of a kind, once, when the script starts.

use btc_abi::Attach;
use btc_target::Target;

use crate::search::choose;
use crate::{Context, Existence, Extent, ProbeError, Provider};

/// The definition.
pub static ITER: Provider = Provider {
    name: "iter",
    aliases: &["it"],
    syntax: "iter:task[:pin]",
    doc: "Runs for each object of a kind, such as `task` or `task_file`; `ctx` holds the object. Not for the kernel's last call, which has none.",
    context: Context::Record,
    parse: |p| {
        let (kind, pin) = match p.parts.as_slice() {
            [kind] => (kind, String::new()),
            [kind, pin] => (kind, pin.clone()),
            _ => return Err(ProbeError::syntax("this is not written as `iter:task[:pin]`")),
        };
        Ok(Attach::Iter { kind: kind.clone(), pin })
    },
    exists: |target, attach| match (target.btf(), record(attach)) {
        (Some(btf), Some(name)) if btf.record(&name, false).is_none() => {
            let all = btf.record_names().to_vec();
            Existence::No(all.iter().filter_map(|n| n.strip_prefix("bpf_iter__")).map(String::from).collect())
        }
        (Some(_), _) => Existence::Yes,
        (None, _) => Existence::Unknown,
    },
    normal: |attach| match attach {
        Attach::Iter { kind, pin } if pin.is_empty() => format!("iter:{kind}"),
        Attach::Iter { kind, pin } => format!("iter:{kind}:{pin}"),
        _ => String::new(),
    },
    list: |target, search, found| {
        let all = target.btf().map(|b| b.record_names().to_vec()).unwrap_or_default();
        let kinds: Vec<&str> = all.iter().filter_map(|n| n.strip_prefix("bpf_iter__")).filter(|n| !is_mark(n)).collect();
        choose(&kinds, search, found);
    },
    is_listed: true,
    fields,
    ctx_record: record,
    // Behind `meta`, the first member (kernel: `struct bpf_iter__task` in kernel/bpf/task_iter.c, and its kin).
    object: Some(8),
    extent: Extent::All,
    ..Provider::DEFAULT
};

/// Structs that only tell the verifier which members of an iterator's context to trust
/// (kernel: BTF_TYPE_SAFE_TRUSTED).
fn is_mark(kind: &str) -> bool {
    kind.contains("__safe_")
}

/// What the context's struct holds; `meta` is the iterator's own.
fn fields(target: &Target, attach: &Attach) -> Vec<String> {
    let members = record(attach).and_then(|name| Some(target.btf()?.spelled_members(&name)));
    let members = members.unwrap_or_default().into_iter().filter(|(_, name)| name != "meta");
    members.map(|(ty, name)| format!("{ty} {name}")).collect()
}

/// The kernel struct of an iterator's context.
fn record(attach: &Attach) -> Option<String> {
    match attach {
        Attach::Iter { kind, .. } => Some(format!("bpf_iter__{kind}")),
        _ => None,
    }
}
