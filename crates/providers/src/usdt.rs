//! `usdt`: a static probe of a user-space binary or library.

use btc_abi::Attach;
use btc_target::{Target, glob};

use crate::{Context, Parse, ProbeError, Provider};

/// `usdt`
pub static USDT: Provider = Provider {
    name: "usdt",
    aliases: &["U"],
    syntax: "usdt:path:[provider:]name",
    doc: "Fires at a static probe of a binary or library; `arg0`, `arg1` … are its arguments. The path may be a \
          library's name, or `*` for all that the traced process (`-p`) or any process runs.",
    context: Context::Usdt,
    parse: place,
    // Binaries belong to the host that runs the object, and only the runtime reads their notes.
    section: |_| "uprobe".to_string(),
    normal: |attach| match attach {
        Attach::Usdt { path, provider, name } if provider.is_empty() => format!("usdt:{path}:{name}"),
        Attach::Usdt { path, provider, name } => format!("usdt:{path}:{provider}:{name}"),
        _ => String::new(),
    },
    list,
    has_registers: true,
    is_user: true,
    nests: true,
    ..Provider::DEFAULT
};

/// Static probes of the binaries that a path means.
fn list(target: &Target, search: &str, found: &mut dyn FnMut(&str)) {
    let mut parts = search.splitn(3, ':');
    let path = parts.next().filter(|p| !p.is_empty()).unwrap_or("*");
    let (provider, name) = match (parts.next(), parts.next()) {
        (Some(provider), Some(name)) => (provider, name),
        (Some(name), None) => ("*", name),
        _ => ("*", "*"),
    };
    for (path, p, n) in target.static_probes(path) {
        if glob(provider, &p) && glob(name, &n) {
            found(&format!("{path}:{p}:{n}"));
        }
    }
}

fn place(parse: &Parse) -> Result<Attach, ProbeError> {
    let (path, provider, name) = match parse.parts.as_slice() {
        [path, name] => (path.as_str(), "", name.as_str()),
        [path, provider, name] => (path.as_str(), provider.as_str(), name.as_str()),
        _ => return Err(ProbeError::syntax(format!("this is not written as `{}`", USDT.syntax))),
    };
    if name.is_empty() {
        return Err(ProbeError::syntax("the name of the probe is missing"));
    }
    let path = if path.is_empty() { "*" } else { path };
    Ok(Attach::Usdt { path: path.to_string(), provider: provider.to_string(), name: name.to_string() })
}
