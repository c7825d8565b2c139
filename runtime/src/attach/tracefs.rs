//! The kernel's list of tracepoints and functions.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::inputs::{self, Kind};
use crate::{Error, Options, glob};

/// The folder of tracefs.
pub(crate) fn root() -> Result<PathBuf, Error> {
    for place in ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"] {
        let path = PathBuf::from(place);
        if path.join("events").is_dir() {
            return Ok(path);
        }
    }
    let denied = std::fs::read_dir("/sys/kernel/tracing")
        .is_err_and(|e| e.kind() == std::io::ErrorKind::PermissionDenied);
    Err(Error::new(if denied {
        "the kernel's list of tracepoints cannot be read: run as root"
    } else {
        "the kernel's list of tracepoints is not there; mount it: mount -t tracefs tracefs /sys/kernel/tracing"
    }))
}

fn folders(path: PathBuf, pattern: &str) -> Vec<String> {
    if !glob::is_pattern(pattern) {
        return vec![pattern.to_string()];
    }
    let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
        .filter_map(|e| e.file_name().into_string().ok())
        .filter(|name| glob::matches(pattern, name))
        .collect();
    names.sort_unstable();
    names
}

/// Tracepoints that match: category, event and id.
pub(crate) fn events(category: &str, event: &str) -> Result<Vec<(String, String, u64)>, Error> {
    let root = root()?.join("events");
    let mut found = Vec::new();
    // What lies under `ftrace` tells of its own records, and cannot be attached.
    for category in folders(root.clone(), category).into_iter().filter(|c| c != "ftrace") {
        let folder = root.join(&category);
        for event in folders(folder.clone(), event) {
            let id = std::fs::read_to_string(folder.join(&event).join("id"));
            if let Some(id) = id.ok().and_then(|t| t.trim().parse().ok()) {
                found.push((category.clone(), event, id));
            }
        }
    }
    Ok(found)
}

/// The `format` file of a tracepoint.
pub(crate) fn format(category: &str, event: &str) -> Option<String> {
    let path = root().ok()?.join("events").join(category).join(event).join("format");
    std::fs::read_to_string(path).ok()
}

/// What stands for the kernel itself where modules are named.
pub(crate) const KERNEL: &str = "vmlinux";

/// A function of the kernel or of a module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Function {
    /// The module, or [`KERNEL`].
    pub module: String,
    pub name: String,
}

/// Functions of the kernel and its modules that may be traced and match, each once, in the order of the list.
///
/// # Errors
/// When the user's own list cannot be read.
pub(crate) fn functions(pattern: &str, module: &str, options: &Options) -> Result<Vec<Function>, Error> {
    let list = match &options.traceable_functions {
        Some(path) => Ok(inputs::read_text(path, Kind::FileOrPipe).map_err(|e| Error::new(format!("the list of functions {e}")))?),
        None => root().and_then(|r| {
            std::fs::read_to_string(r.join("available_filter_functions")).map_err(|e| Error::os("", &e))
        }),
    };
    let (text, column) = match list {
        Ok(text) => (text, 0),
        Err(_) => (symbols(), 2),
    };
    let mut seen = std::collections::HashSet::new();
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        if column == 2 && !matches!(words.by_ref().nth(1), Some("t" | "T")) {
            continue;
        }
        let Some(name) = words.next() else { continue };
        let of = words.next().map_or(KERNEL, |m| m.trim_matches(['[', ']']));
        if glob::matches(pattern, name)
            && (module.is_empty() || glob::matches(module, of))
            && !name.contains("__ftrace_invalid_address__")
            && seen.insert((of, name))
        {
            found.push(Function { module: of.to_string(), name: name.to_string() });
        }
    }
    Ok(found)
}

/// The list of the kernel's symbols; nothing where it cannot be read.
pub(super) fn symbols() -> String {
    std::fs::read_to_string("/proc/kallsyms").unwrap_or_default()
}

/// Whether the kernel, or the module if one is named, has code of this name; also where its symbols cannot be read.
pub(crate) fn has_symbol(name: &str, module: &str) -> bool {
    let text = symbols();
    // `ffffffff81000000 T name [module]`
    let is_it = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let is_code = matches!(words.next(), Some("t" | "T" | "w" | "W"));
        let is_named = words.next() == Some(name);
        let of = words.next().map_or(KERNEL, |m| m.trim_matches(['[', ']']));
        is_code && is_named && (module.is_empty() || module == of)
    };
    text.is_empty() || text.lines().any(is_it)
}

/// Raw tracepoints with what they are part of, [`KERNEL`] or a module; none where the kernel's symbols cannot be read.
/// The function that calls all that is attached to one (Linux 5.10) tells.
pub(crate) fn raw_tracepoints() -> HashMap<String, Vec<String>> {
    owners(&symbols())
}

fn owners(symbols: &str) -> HashMap<String, Vec<String>> {
    let mut all: HashMap<String, Vec<String>> = HashMap::new();
    for line in symbols.lines() {
        let mut words = line.split_ascii_whitespace().skip(2);
        if let Some(event) = words.next().and_then(|name| name.strip_prefix("__traceiter_")) {
            let of = words.next().map_or(KERNEL, |m| m.trim_matches(['[', ']']));
            all.entry(event.to_string()).or_default().push(of.to_string());
        }
    }
    all
}

/// Looks for raw tracepoints in a list of symbols, for the fuzzer.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_text(symbols: &str) {
    owners(symbols);
}

#[cfg(test)]
mod tests {
    #[test]
    fn raw_tracepoints_belong_to_the_kernel_or_a_module() {
        let symbols = "ffffffff81000000 T __traceiter_sched_switch\n0000000000000000 T __traceiter_kvm_exit\t[kvm]\n\
                       ffffffff81000010 T schedule\n";
        let all = super::owners(symbols);
        assert_eq!(all.len(), 2);
        assert_eq!(all["sched_switch"], ["vmlinux"]);
        assert_eq!(all["kvm_exit"], ["kvm"]);
    }
}
