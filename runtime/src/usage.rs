//! What parameters an object takes, for its user.

use std::fmt::Write;

use btc_abi::{Manifest, Param, ParamKind, ParamType};

/// The help text of an object or script of that name.
pub fn usage(name: &str, manifest: &Manifest) -> String {
    let positional = manifest.params.iter().filter_map(|p| match p.kind {
        ParamKind::Positional(n) => Some(n),
        _ => None,
    });
    let words: String = (1..=positional.max().unwrap_or(0)).fold(String::new(), |mut words, n| {
        // Writing to a string cannot fail.
        let _ = write!(words, " [ARG{n}]");
        words
    });
    let named: Vec<(&str, &Param)> = manifest
        .params
        .iter()
        .filter_map(|p| match &p.kind {
            ParamKind::Named(name) => Some((name.as_str(), p)),
            _ => None,
        })
        .collect();
    let options = if named.is_empty() { "" } else { " [-- OPTIONS]" };
    let mut out = format!("Usage: btc run {name}{words}{options}\n");
    if named.is_empty() {
        return out;
    }
    let form = |name: &str, param: &Param| match param.ty {
        ParamType::Bool => format!("--{name}"),
        ParamType::Int | ParamType::Unsigned => format!("--{name}=NUMBER"),
        ParamType::Str | ParamType::Any => format!("--{name}=TEXT"),
    };
    let width = named.iter().map(|(name, param)| form(name, param).len()).max().unwrap_or(0);
    out.push_str("\nOptions:\n");
    for (name, param) in named {
        let default = match param.default.as_str() {
            "" => String::new(),
            default => format!(" [default: {default}]"),
        };
        let _ = writeln!(out, "{}", format!("  {:width$}  {}{default}", form(name, param), param.help).trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_shown() {
        let param = |kind, ty, default: &str, help: &str| Param {
            kind,
            ty,
            symbol: String::new(),
            text_symbol: String::new(),
            text_capacity: 0,
            default: default.into(),
            help: help.into(),
            fixed: false,
        };
        let manifest = Manifest {
            params: vec![
                param(ParamKind::Positional(2), ParamType::Any, "", ""),
                param(ParamKind::Named("depth".into()), ParamType::Int, "5", "Frames to show"),
                param(ParamKind::Named("all".into()), ParamType::Bool, "", ""),
            ],
            ..Manifest::default()
        };
        let expected = "Usage: btc run a.o [ARG1] [ARG2] [-- OPTIONS]\n\nOptions:\n  \
                        --depth=NUMBER  Frames to show [default: 5]\n  --all\n";
        assert_eq!(usage("a.o", &manifest), expected);
    }
}
