//! `btc list`: probes by pattern, with their arguments on demand.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;

use btc_target::{Source, Target, glob};

use crate::cli::ListArgs;
use crate::kernel::Kernel;
use crate::report;

pub fn run(args: &ListArgs) -> ExitCode {
    match list(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => report::error(format!("no probe matches `{}`", args.pattern)),
        Err(message) => report::error(message),
    }
}

/// Prints what matches; whether anything did.
fn list(args: &ListArgs) -> Result<bool, String> {
    let kernel = Kernel::new(args.target.btf.as_deref())?;
    let target = Target::new(&kernel);
    let mut pattern = args.pattern.clone();
    if let Some((head, tail)) = pattern.split_once(':') {
        if let Some(provider) = btc_providers::find(head) {
            pattern = format!("{}:{tail}", provider.name);
        }
    } else if !pattern.is_empty() && !pattern.contains('*') {
        pattern = format!("*{pattern}*");
    }
    let wanted = |name: &str| pattern.is_empty() || glob(&pattern, name);
    let mut out = std::io::stdout().lock();
    let mut any = false;
    for (category, event) in tracepoints(&target) {
        let name = format!("tracepoint:{category}:{event}");
        if wanted(&name) {
            any = true;
            writeln!(out, "{name}").map_err(|e| e.to_string())?;
            if args.verbose {
                for field in target.tracepoint(&category, &event).map(|t| t.fields).unwrap_or_default() {
                    writeln!(out, "    {}", declaration(&field.spelling, &field.name))
                        .map_err(|e| e.to_string())?;
                }
            }
        }
    }
    for function in functions(&kernel, &target, &pattern) {
        let name = format!("kprobe:{function}");
        if wanted(&name) {
            any = true;
            writeln!(out, "{name}").map_err(|e| e.to_string())?;
            if args.verbose {
                for (name, ty) in
                    target.btf().and_then(|b| b.function(&function)).map(|p| p.params).unwrap_or_default()
                {
                    writeln!(out, "    {ty} {name}").map_err(|e| e.to_string())?;
                }
            }
        }
    }
    Ok(any)
}

/// A C declaration: the array part of a type stands behind the name.
fn declaration(spelling: &str, name: &str) -> String {
    match spelling.find('[') {
        Some(at) if !spelling.starts_with("__") => format!("{} {name}{}", &spelling[..at], &spelling[at..]),
        _ => format!("{spelling} {name}"),
    }
}

/// All tracepoints: the running kernel's, or the shipped table's.
fn tracepoints(target: &Target) -> BTreeSet<(String, String)> {
    match target.tracepoints() {
        Some(all) => all.iter().cloned().collect(),
        None => {
            btc_target::shipped_names().map(|(c, e)| (c.to_string(), e.to_string())).collect()
        }
    }
}

/// Kernel functions: those that can be traced, or those that BTF knows.
fn functions(kernel: &Kernel, target: &Target, pattern: &str) -> BTreeSet<String> {
    if !pattern.is_empty() && !glob(pattern.split(':').next().unwrap_or("*"), "kprobe") {
        return BTreeSet::new();
    }
    match kernel.functions() {
        Some(all) => all.into_iter().map(|(_, name)| name).collect(),
        None => target.btf().map(|b| b.function_names()).unwrap_or_default().into_iter().collect(),
    }
}
