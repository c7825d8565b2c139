//! Statements of source files, by the line tables of the binaries that the host has.

use btc_dwarf::{DebugInfo, Line};

use super::boundary;
use super::perf::probe_type;
use super::segments::Segments;
use super::uprobe::{at_offset, find_binaries, shown_path};
use super::{Problem, Target, missing};
use crate::{Error, Options, debug_info, foreign};

pub(super) fn targets(path: &str, line: &Line<'_>, options: &Options) -> Result<Vec<Target>, Problem> {
    let (kind, _) = probe_type("uprobe")?;
    let paths = find_binaries(path, options);
    if paths.is_empty() {
        return missing(format!("there is no binary or library `{path}`"));
    }
    let mut all = Vec::new();
    let mut why = String::new();
    for file in &paths {
        let shown = shown_path(path, file);
        let addresses = match debug_info::of_file(file, options)? {
            None => Err("has no debug information: compile it with -g, or name the folder of its debug file with --debuginfo".into()),
            Some(sections) => match DebugInfo::new(sections).and_then(|info| info.addresses(line)) {
                Ok(None) => Err(format!("has no code of a file `{}`", line.file)),
                Ok(Some(addresses)) if addresses.is_empty() => Err(format!("has no statement that begins at {}", spot(line))),
                Ok(Some(addresses)) => Ok(addresses),
                Err(broken) => Err(format!("cannot be asked for lines: {broken}")),
            },
        };
        let addresses: Vec<u64> = match addresses {
            Ok(addresses) => addresses,
            Err(what) => {
                why = format!("`{shown}` {what}");
                continue;
            }
        };
        let wrong = |_| Error::new(format!("`{shown}` is neither a program nor a library"));
        let binary = foreign::binary(file).map_err(|e| Error::os(format!("cannot read `{shown}`"), &e))?;
        let elf = object::File::parse(&binary).map_err(wrong)?;
        let segments = Segments::of(&elf);
        for address in addresses {
            let offset = segments.file_offset(address);
            let offset = offset.ok_or_else(|| Error::new(format!("`{shown}` has no code at {address:#x}")))?;
            // As an address is shown that a script names itself.
            let title = format!("uprobe:{shown}:{address}");
            all.push(at_offset(file, offset, (kind, 0), title, &boundary::function_at(&elf, address), options));
        }
    }
    if all.is_empty() { missing(why) } else { Ok(all) }
}

fn spot(line: &Line<'_>) -> String {
    let column = if line.column > 0 { format!(", column {}", line.column) } else { String::new() };
    format!("line {}{column} of `{}`", line.line, line.file)
}
