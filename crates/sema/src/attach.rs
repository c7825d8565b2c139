//! Attach points: each becomes a probe of its own.

use btc_abi::{Attach, Missing};
use btc_diagnostics::{Code, Diagnostic, Diagnostics, Span, did_you_mean};
use btc_providers::{Existence, Parse, Provider};
use btc_syntax::ast;
use btc_target::Target;

use crate::config::{Options, Settings};

/// Attach points of a script: each is a program of its own.
const MAX_POINTS: usize = 10_000;

/// An attach point with the probe it belongs to.
pub(crate) struct Resolved<'a> {
    pub provider: &'static Provider,
    pub attach: Attach,
    pub name: String,
    pub missing: Missing,
    pub span: Span,
    pub ast: &'a ast::Probe,
    /// Parameters that it names.
    pub params: Vec<u32>,
}

/// All attach points in order; reports those that are not written well or do not exist.
pub(crate) fn resolve<'a>(
    program: &'a ast::Program,
    target: &Target,
    (settings, options): (&Settings, &Options),
    d: &mut Diagnostics,
) -> Vec<Resolved<'a>> {
    let mut all = Vec::new();
    for ast in &program.probes {
        for point in &ast.attach_points {
            if all.len() >= MAX_POINTS {
                let message = format!("a script has {MAX_POINTS} attach points at most");
                let help = "a wildcard, such as `kprobe:vfs_*`, is one attach point; or split the script";
                d.push(Diagnostic::error(Code::TooLarge, point.span, message).help(help));
                return all;
            }
            if let Some(resolved) = one(ast, point, target, (settings, options), d) {
                all.push(resolved);
            }
        }
    }
    all
}

fn one<'a>(
    ast: &'a ast::Probe,
    point: &ast::AttachPoint,
    target: &Target,
    (settings, options): (&Settings, &Options),
    d: &mut Diagnostics,
) -> Option<Resolved<'a>> {
    let text = with_params(&point.text, options).map_err(|n| {
        let message = format!("`{}` names the parameter `${n}`, which is not given", point.text);
        let help = "a parameter of a probe must be known when the script is compiled: give it behind the script, or to `btc check` with --param";
        d.push(Diagnostic::error(Code::BadProbe, point.span, message).help(help));
    });
    let (text, params) = text.ok()?;
    // Names go to the kernel as C strings, and into the object's tables.
    if let Some(odd) = text.chars().find(|c| c.is_control()) {
        let message = format!("the control character {odd:?} cannot be part of a probe");
        d.push(Diagnostic::error(Code::BadProbe, point.span, message));
        return None;
    }
    let parse = Parse::new(&text);
    let Some(provider) = btc_providers::find(&parse.provider) else {
        d.push(unknown_provider(&parse, point.span));
        return None;
    };
    let attach = match (provider.parse)(&parse) {
        Ok(attach) => attach,
        Err(e) => {
            let help = e.help.unwrap_or_else(|| format!("it is written as `{}`", provider.syntax));
            d.push(Diagnostic::error(e.code, point.span, format!("`{text}`: {}", e.message)).help(help));
            return None;
        }
    };
    if (provider.is_unsafe)(&attach) && !settings.types.allow_unsafe {
        let message = format!("`{text}`: nothing says that an instruction begins at this address");
        d.push(Diagnostic::error(Code::Unsafe, point.span, message).help("allow it with --unsafe"));
        return None;
    }
    let name = (provider.normal)(&attach);
    let mut missing = settings.missing;
    // Of a list something must be there, not every wildcard: the target knows.
    let alternative = ast.attach_points.len() > 1 && btc_target::is_glob(&name);
    if let Existence::No(names) = (provider.exists)(target, &attach)
        && !alternative
    {
        let message = if name.contains(['*', '?']) {
            format!("nothing on this kernel matches `{name}`")
        } else {
            format!("`{name}` does not exist on this kernel")
        };
        let help = suggestion(provider, &name, &names);
        match settings.missing {
            Missing::Error => {
                d.push(Diagnostic::error(Code::MissingProbe, point.span, message).help_opt(help));
                return None;
            }
            Missing::Warn => {
                d.push(Diagnostic::warning(Code::MissingProbe, point.span, message).help_opt(help));
                missing = Missing::Ignore;
            }
            Missing::Ignore => {}
        }
    }
    Some(Resolved { provider, attach, name, missing, span: point.span, ast, params })
}

/// An attach point with parameters put in for `$1` and the like, or the number of one that is not known. Text in
/// quotes stays. Tells which they are.
fn with_params(text: &str, options: &Options) -> Result<(String, Vec<u32>), u32> {
    let (mut out, mut params) = (String::new(), Vec::new());
    for (n, part) in text.split('"').enumerate() {
        let quoted = n % 2 == 1;
        out += if n > 0 { "\"" } else { "" };
        let mut rest = part;
        while let Some(at) = rest.find('$').filter(|_| !quoted) {
            let digits = rest[at + 1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - at - 1);
            let (before, from) = rest.split_at(at);
            let (name, behind) = from.split_at(1 + digits);
            out += before;
            match name[1..].parse() {
                Ok(number) => {
                    out += options.param(number).ok_or(number)?;
                    params.push(number);
                }
                Err(_) => out += name,
            }
            rest = behind;
        }
        out += rest;
    }
    Ok((out, params))
}

/// The nearest existing name, compared as the provider's normal form.
fn suggestion(provider: &Provider, name: &str, names: &[String]) -> Option<String> {
    let prefix = format!("{}:", provider.name);
    let tail = name.strip_prefix(&prefix).unwrap_or(name);
    let tails = names.iter().map(|n| n.strip_prefix(&prefix).unwrap_or(n));
    did_you_mean(tail, tails).map(|help| help.replacen('`', &format!("`{prefix}"), 1))
}

fn unknown_provider(parse: &Parse, span: Span) -> Diagnostic {
    let known = btc_providers::ALL.iter().flat_map(|p| std::iter::once(&p.name).chain(p.aliases)).copied();
    let word = &parse.provider;
    let help = did_you_mean(word, known).unwrap_or_else(|| {
        let names: Vec<&str> = btc_providers::ALL.iter().map(|p| p.name).collect();
        format!("the probe types are {}", names.join(", "))
    });
    let message = format!("there is no probe type `{word}`");
    Diagnostic::error(Code::UnknownProbeType, span, message).help(help)
}
