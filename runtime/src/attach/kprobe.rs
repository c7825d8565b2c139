//! Kernel functions: entry, return, and places inside.

use std::collections::HashSet;
use std::ffi::CString;

use super::perf::{Config1, Event, probe_type};
use super::{Point, Problem, Target, missing, multi, tracefs};
use crate::render::PointName;
use crate::{Options, glob};

pub(super) fn targets(
    module: &str,
    function: &str,
    offset: u64,
    ret: bool,
    options: &Options,
) -> Result<Vec<Target>, Problem> {
    let (kind, return_bit) = probe_type("kprobe")?;
    let config = if ret { return_bit } else { 0 };
    let word = if ret { "kretprobe" } else { "kprobe" };
    if function.is_empty() {
        if !options.allow_unsafe {
            let message = format!("{word}:{offset:#x}: an address may be no instruction's; allow it with --unsafe");
            return Err(crate::Error::new(message).into());
        }
        let title = format!("{word}:{offset:#x}");
        let event = Event { config2: offset, ..Event::new(kind, config, &title) };
        return Ok(vec![Target::new(Point::Perf(vec![event]), title, format!("{offset:#x}"))]);
    }
    let pattern = glob::is_pattern(function) || glob::is_pattern(module);
    let functions = if pattern {
        // The kernel is told names only, and takes the first of several.
        let mut seen = HashSet::new();
        let names = tracefs::functions(function, module, options)?.into_iter().map(|f| f.name);
        names.filter(|name| seen.insert(name.clone())).collect()
    } else if options.dry_run && !tracefs::has_symbol(function, module) {
        // Else attaching tells.
        return missing(format!("this kernel has no {word}:{function} to attach to"));
    } else {
        vec![function.to_string()]
    };
    if functions.is_empty() {
        return missing(format!("no function of this kernel matches {function}"));
    }
    if functions.len() > 1 && offset == 0 && multi::of_kernel(options) {
        let place = |function: String| multi::Place {
            name: PointName { name: format!("{word}:{function}"), function: function.clone() },
            symbol: CString::new(function).unwrap_or_default(),
            offset: 0,
        };
        let places = functions.into_iter().map(place).collect();
        let multi = multi::Multi { of: multi::Of::Kernel, ret, places };
        return Ok(vec![Target::new(Point::Multi(multi), format!("{word}:{function}"), function)]);
    }
    let target = |function: String| {
        let title = if offset == 0 { format!("{word}:{function}") } else { format!("{word}:{function}+{offset}") };
        let symbol = match (pattern, module) {
            (true, _) | (_, "" | "vmlinux") => function.clone(),
            (false, module) => format!("{module}:{function}"),
        };
        let event = Event {
            config1: Config1::Text(CString::new(symbol).unwrap_or_default()),
            config2: offset,
            ..Event::new(kind, config, &title)
        };
        Target::new(Point::Perf(vec![event]), title, function)
    };
    Ok(functions.into_iter().map(target).collect())
}
