//! Statically defined user-space probes: places that a binary's notes tell, with their arguments.

mod note;
mod operand;

use std::collections::BTreeSet;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::perf::{Config1, Event, probe_type};
use super::{Point, Problem, Target, libraries, missing, uprobe};
use crate::{Options, glob};
pub(crate) use operand::Operand;
#[cfg(feature = "fuzzing")]
pub(crate) use operand::parse as parse_operands;

/// Where the offset of a semaphore stands in the configuration of a uprobe event
/// (kernel: kernel/trace/trace_event_perf.c).
const SEMAPHORE_SHIFT: u32 = 32;

/// What a script asks for.
pub(super) struct Wanted<'a> {
    pub path: &'a str,
    pub provider: &'a str,
    pub name: &'a str,
}

pub(super) fn targets(wanted: &Wanted, options: &Options) -> Result<Vec<Target>, Problem> {
    let (kind, _) = probe_type("uprobe")?;
    let paths = files(wanted.path, options);
    if paths.is_empty() {
        return missing(format!("there is no binary or library `{}`", wanted.path));
    }
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    for path in &paths {
        let Ok(notes) = note::read(path) else { continue };
        for note in notes {
            let provider = wanted.provider.is_empty() || glob::matches(wanted.provider, &note.provider);
            if !provider || !glob::matches(wanted.name, &note.name) {
                continue;
            }
            let title = format!("usdt:{}:{}:{}", uprobe::shown_path(wanted.path, path), note.provider, note.name);
            let place = match note.place {
                Ok(place) => place,
                Err(why) => {
                    wrong.push(format!("of `{title}`: {why}"));
                    continue;
                }
            };
            let event = Event {
                config1: Config1::Text(CString::new(path.as_os_str().as_bytes()).unwrap_or_default()),
                config2: place.offset,
                pid: options.pid.map_or(-1, |p| p as i32),
                cpu: if options.pid.is_some() { -1 } else { 0 },
                ..Event::new(kind, u64::from(place.semaphore) << SEMAPHORE_SHIFT, &title)
            };
            let target = Target::new(Point::Perf(vec![event]), title, note.name);
            all.push(Target { operands: Some(operand::parse(&note.arguments)), ..target });
        }
    }
    // One that is named is wanted at all its places; of many that match, those that cannot be had are told.
    let is_pattern = [wanted.path, wanted.provider, wanted.name].iter().any(|part| glob::is_pattern(part));
    match wrong.first() {
        Some(why) if all.is_empty() || !is_pattern => return missing(why),
        _ if options.no_warnings => {}
        _ => wrong.iter().for_each(|why| say!("WARNING: a place is left out {why}")),
    }
    if all.is_empty() {
        let provider = if wanted.provider.is_empty() { String::new() } else { format!("{}:", wanted.provider) };
        return missing(format!("`{}` has no static probe {provider}{}", wanted.path, wanted.name));
    }
    Ok(all)
}

/// Static probes of the binaries that a path means, as `(path, provider, name)`.
pub fn static_probes(path: &str, options: &Options) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    for file in files(path, options) {
        let shown = uprobe::shown_path(path, &file);
        let notes = note::read(&file).unwrap_or_default();
        all.extend(notes.into_iter().map(|n| (shown.clone(), n.provider, n.name)));
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// For each place of the static probes of the binaries that a path means its provider and name, and which of its
/// arguments have a sign.
pub fn static_signs(path: &str, options: &Options) -> Vec<(String, String, Vec<bool>)> {
    let notes = files(path, options).into_iter().flat_map(|file| note::read(&file).unwrap_or_default());
    let signs = |text: &str| operand::parse(text).iter().map(Operand::is_signed).collect();
    notes.map(|n| (n.provider, n.name, signs(&n.arguments))).collect()
}

/// Files that the path of a static probe means.
fn files(path: &str, options: &Options) -> Vec<PathBuf> {
    match path {
        "*" => mapped(options.pid),
        path => uprobe::find_binaries(path, options),
    }
}

/// Files that a process, or any process, has mapped to run code of.
fn mapped(pid: Option<u32>) -> Vec<PathBuf> {
    let processes: Vec<u32> = match pid {
        Some(pid) => vec![pid],
        None => {
            let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
            entries.filter_map(|e| e.file_name().to_str()?.parse().ok()).collect()
        }
    };
    let mut files = BTreeSet::new();
    for process in processes {
        for path in libraries::executed(process) {
            let inside = Path::new(&format!("/proc/{process}/root")).join(path.strip_prefix("/").unwrap_or(&path));
            if inside.is_file() {
                // The process may have files of its own under the names of ours.
                let same = libraries::identity(&path) == libraries::identity(&inside);
                files.insert(if same { path } else { inside });
            }
        }
    }
    files.into_iter().collect()
}
