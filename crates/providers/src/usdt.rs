//! `usdt`: a static probe of a user-space binary or library.

use btc_abi::Attach;
use btc_target::{Target, glob};

use crate::{Context, Parse, ProbeError, Provider};

/// `usdt`
pub static USDT: Provider = Provider {
    name: "usdt",
    aliases: &["U"],
    syntax: "usdt:path:[provider:]name",
    doc: "Fires at a static probe of a binary or library; `arg0`, `arg1` … are its arguments, with a sign \
          unless the binary says at all of its places that they have none. The path may be a \
          library's name, or `*` for all that the traced process (`-p`) or any process runs.",
    context: Context::Usdt,
    parse: place,
    normal: |attach| match attach {
        Attach::Usdt { path, provider, name } if provider.is_empty() => format!("usdt:{path}:{name}"),
        Attach::Usdt { path, provider, name } => format!("usdt:{path}:{provider}:{name}"),
        _ => String::new(),
    },
    list,
    has_registers: true,
    has_sign,
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

/// Whether any place of the probe says so. Numbers without a sign pass for those with one up to 2^63, and those with one
/// never for those without: so where the binary is not at hand, the sign is there.
fn has_sign(target: &Target, attach: &Attach, n: u32) -> bool {
    let Attach::Usdt { path, provider, name } = attach else { return false };
    let signs = target.static_signs(path);
    let is_meant = |p: &str, n: &str| (provider.is_empty() || glob(provider, p)) && glob(name, n);
    let mut known = signs.iter().filter(|(p, n, _)| is_meant(p, n)).filter_map(|(.., signs)| signs.get(n as usize)).peekable();
    known.peek().is_none() || known.any(|signed| *signed)
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
