//! Places in user-space binaries: files by name, symbols by pattern.

use std::ffi::CString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSymbol, ReadCache, SymbolKind};

use super::perf::{Config1, Event, probe_type};
use super::segments::Segments;
use super::{Point, Problem, Target, libraries, missing, multi};
use crate::render::PointName;
use crate::{Error, Options, child, glob};

/// What a script asks for.
pub(crate) struct Wanted<'a> {
    pub path: &'a str,
    pub symbol: &'a str,
    pub offset: u64,
    pub ret: bool,
    pub demangle: bool,
}

/// A function of a binary.
struct Function {
    name: String,
    /// Address as the file's symbols have it.
    address: u64,
    /// Offset in the file.
    offset: u64,
    /// Size in bytes, 0 where it is not known.
    size: u64,
}

pub(super) fn targets(wanted: &Wanted, options: &Options) -> Result<Vec<Target>, Problem> {
    let (kind, return_bit) = probe_type("uprobe")?;
    let config = if wanted.ret { return_bit } else { 0 };
    let word = if wanted.ret { "uretprobe" } else { "uprobe" };
    let paths = find_binaries(wanted.path, options);
    if paths.is_empty() {
        return missing(format!("there is no binary or library `{}`", wanted.path));
    }
    let mut all = Vec::new();
    let found: Vec<(&PathBuf, Vec<Function>)> =
        paths.iter().map(|path| Ok((path, functions(path, wanted)?))).collect::<Result<_, Error>>()?;
    // One program cannot be attached in both ways.
    if found.iter().map(|(_, functions)| functions.len()).sum::<usize>() > 1 && multi::of_binaries(options) {
        let some = found.into_iter().filter(|(_, functions)| !functions.is_empty());
        return Ok(some.map(|(path, functions)| many(path, word, wanted.ret, functions)).collect());
    }
    for (path, functions) in found {
        for function in functions {
            let at = function.name.as_str();
            let plus = if wanted.offset != 0 && !wanted.symbol.is_empty() { format!("+{}", wanted.offset) } else { String::new() };
            let title = format!("{word}:{}:{at}{plus}", path.display());
            all.push(at_offset(path, function.offset, (kind, config), title, at, options));
        }
    }
    if all.is_empty() {
        return missing(format!("`{}` has no function {}", paths[0].display(), wanted.symbol));
    }
    Ok(all)
}

/// One place of a file; `of` are the kind of perf event and its flags.
pub(super) fn at_offset(
    path: &Path,
    offset: u64,
    of: (u32, u64),
    title: String,
    function: &str,
    options: &Options,
) -> Target {
    let event = Event {
        config1: Config1::Text(CString::new(path.as_os_str().as_bytes()).unwrap_or_default()),
        config2: offset,
        pid: options.pid.map_or(-1, |p| p as i32),
        cpu: if options.pid.is_some() { -1 } else { 0 },
        ..Event::new(of.0, of.1, &title)
    };
    Target::new(Point::Perf(vec![event]), title, function)
}

/// Functions of a binary that one link attaches.
fn many(path: &Path, word: &str, ret: bool, functions: Vec<Function>) -> Target {
    let place = |f: Function| multi::Place {
        name: PointName { name: format!("{word}:{}:{}", path.display(), f.name), function: f.name },
        symbol: CString::default(),
        offset: f.offset,
    };
    let of = multi::Of::Binary(CString::new(path.as_os_str().as_bytes()).unwrap_or_default());
    let multi = multi::Multi { of, ret, places: functions.into_iter().map(place).collect() };
    Target::new(Point::Multi(multi), format!("{word}:{}", path.display()), "")
}

/// Address of a symbol, for `uaddr`.
pub(crate) fn address_of(path: &str, symbol: &str, options: &Options) -> Result<u64, Error> {
    Ok(data_symbol(path, symbol, options)?.address)
}

/// Size in bytes of a symbol of a binary or library; `None` where there is none.
pub fn symbol_size(path: &str, symbol: &str, options: &Options) -> Option<u64> {
    let size = data_symbol(path, symbol, options).ok()?.size;
    (size > 0).then_some(size)
}

fn data_symbol(path: &str, symbol: &str, options: &Options) -> Result<Function, Error> {
    let wanted = Wanted { path, symbol, offset: 0, ret: false, demangle: false };
    let files = find_binaries(path, options);
    let first = files.first().ok_or_else(|| Error::new(format!("there is no binary or library `{path}`")))?;
    let found = symbols(first, &wanted, true)?;
    found.into_iter().next().ok_or_else(|| Error::new(format!("`{path}` has no symbol `{symbol}`")))
}

/// Functions of the binaries that a uprobe's path means, as `(path, name)`: all names, also several of one place.
pub fn binary_functions(name: &str, options: &Options) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for path in find_binaries(name, options) {
        let shown = shown_path(name, &path);
        let Ok(file) = File::open(&path) else { continue };
        let cache = ReadCache::new(file);
        let Ok(elf) = object::File::parse(&cache) else { continue };
        let functions = elf.symbols().chain(elf.dynamic_symbols());
        let functions = functions.filter(|s| s.kind() == SymbolKind::Text && !s.is_undefined() && s.address() != 0);
        let names = functions.filter_map(|s| s.name().ok().map(|n| n.split('@').next().unwrap_or(n).to_string()));
        all.extend(names.map(|name| (shown.clone(), name)));
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// A binary as listings show it: as it was written, where it was.
pub(super) fn shown_path(written: &str, found: &Path) -> String {
    let exact = written.contains('/') && !glob::is_pattern(written);
    if exact { written.to_string() } else { found.display().to_string() }
}

fn functions(path: &Path, wanted: &Wanted) -> Result<Vec<Function>, Error> {
    symbols(path, wanted, false)
}

fn symbols(path: &Path, wanted: &Wanted, data: bool) -> Result<Vec<Function>, Error> {
    let file = File::open(path).map_err(|e| Error::os(format!("cannot read `{}`", path.display()), &e))?;
    // Only what is needed is read: binaries can be huge.
    let cache = ReadCache::new(file);
    let elf = object::File::parse(&cache)
        .map_err(|_| Error::new(format!("`{}` is neither a program nor a library", path.display())))?;
    let segments = Segments::of(&elf);
    if wanted.symbol.is_empty() {
        // An address of the file; where no segment holds it, it is an offset already.
        let offset = segments.file_offset(wanted.offset).unwrap_or(wanted.offset);
        return Ok(vec![Function { name: format!("{:#x}", wanted.offset), address: wanted.offset, offset, size: 0 }]);
    }
    let mut found: Vec<Function> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for symbol in elf.symbols().chain(elf.dynamic_symbols()) {
        let kind_fits = matches!(symbol.kind(), SymbolKind::Text) || (data && matches!(symbol.kind(), SymbolKind::Data | SymbolKind::Unknown));
        if !kind_fits || symbol.is_undefined() || symbol.address() == 0 {
            continue;
        }
        let Ok(name) = symbol.name() else { continue };
        // Version suffixes are not part of the name that people write.
        let name = name.split('@').next().unwrap_or(name);
        if !symbol_matches(wanted, name) {
            continue;
        }
        let Some(offset) = segments.file_offset(symbol.address()) else { continue };
        if seen.insert(offset) {
            let offset = offset.saturating_add(wanted.offset);
            found.push(Function { name: name.to_string(), address: symbol.address(), offset, size: symbol.size() });
        }
    }
    if !glob::is_pattern(wanted.symbol) && !wanted.demangle {
        found.truncate(1);
    }
    Ok(found)
}

fn symbol_matches(wanted: &Wanted, name: &str) -> bool {
    if glob::matches(wanted.symbol, name) {
        return true;
    }
    wanted.demangle
        && demangle(name).is_some_and(|full| {
            let plain = full.split('(').next().unwrap_or(&full);
            glob::matches(wanted.symbol, &full) || glob::matches(wanted.symbol, plain)
        })
}

/// The source name of a C++ or Rust symbol.
fn demangle(name: &str) -> Option<String> {
    crate::symbols::demangle(name)
}

fn is_elf(path: &Path) -> bool {
    use std::io::Read;
    let mut magic = [0; 4];
    File::open(path).and_then(|mut f| f.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

/// Files that a path, a pattern, or the name of a program or library means.
pub(crate) fn find_binaries(name: &str, options: &Options) -> Vec<PathBuf> {
    if name.contains('/') {
        if glob::is_pattern(name) {
            return expand(name);
        }
        // The process may live in a container with files of its own.
        let inside = options.pid.map(|pid| PathBuf::from(format!("/proc/{pid}/root{name}")));
        if let Some(path) = inside.filter(|p| p.is_file()) {
            return vec![path];
        }
        return std::fs::canonicalize(name).into_iter().filter(|p| p.is_file()).collect();
    }
    let library = || libraries::find(name, options);
    let program = || child::search_path(name).filter(|p| is_elf(p));
    let found = if name.starts_with("lib") || name.contains(".so") {
        library().or_else(program)
    } else {
        program().or_else(library)
    };
    // `/proc/PID/root` leads to another root than the one that its link names.
    let plain = |path: PathBuf| if path.starts_with("/proc") { path } else { std::fs::canonicalize(&path).unwrap_or(path) };
    found.map(plain).into_iter().collect()
}

/// Files of one folder that match a pattern in the last part of a path.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let (folder, last) = pattern.rsplit_once('/').unwrap_or((".", pattern));
    let folder = if folder.is_empty() { "/" } else { folder };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|e| e.file_name().to_str().is_some_and(|n| glob::matches(last, n)))
        .map(|e| e.path())
        .filter(|p| p.is_file() && is_elf(p))
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_this_program_are_found() {
        let path = std::env::current_exe().unwrap();
        let wanted = |symbol| Wanted { path: "", symbol, offset: 0, ret: false, demangle: false };
        assert_eq!(functions(&path, &wanted("main")).unwrap().len(), 1);
        assert!(functions(&path, &wanted("no_such_function")).unwrap().is_empty());
        let found = functions(&path, &Wanted { demangle: true, ..wanted("*functions_of_this_program*") }).unwrap();
        assert!(!found.is_empty());
    }
}
