//! Places in user-space binaries: files by name, symbols by pattern.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use object::{Architecture, Object, ObjectSymbol, SymbolKind};

use super::perf::{Config1, Event, probe_type};
use super::boundary::{self, Spot, Wrong};
use super::functions::{self, Function, unversioned};
use super::segments::Segments;
use super::{Point, Problem, Target, libraries, missing, multi};
use crate::render::PointName;
use crate::foreign::{self, Binary};
use crate::{Error, Options, child, glob};

/// What a script asks for.
pub(crate) struct Wanted<'a> {
    pub path: &'a str,
    pub symbol: &'a str,
    pub offset: u64,
    pub ret: bool,
    pub demangle: bool,
}

impl Wanted<'_> {
    /// A function as `probe` shows it: by the symbol, whatever name of the source found it.
    fn title(&self, symbol: &str) -> String {
        if self.demangle { format!("cpp:{symbol}") } else { symbol.to_string() }
    }
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
    let found: Vec<(&PathBuf, Found)> =
        paths.iter().map(|path| Ok((path, functions(path, wanted, options)?))).collect::<Result<_, Problem>>()?;
    // One program cannot be attached in both ways.
    if found.iter().map(|(_, found)| found.functions.len()).sum::<usize>() > 1 && multi::of_binaries(options) {
        let some = found.into_iter().filter(|(_, found)| !found.functions.is_empty());
        return Ok(some.map(|(path, found)| many(path, wanted, word, found)).collect());
    }
    for (path, found) in found {
        for function in found.functions {
            let name = function.name.as_str();
            let at = match (wanted.symbol.is_empty(), wanted.offset) {
                (true, address) => format!("{address:#x}"),
                (false, 0) => wanted.title(name),
                (false, offset) => format!("{}+{offset}", wanted.title(name)),
            };
            let title = format!("{word}:{}:{at}", shown_path(wanted.path, path));
            let target = at_offset(path, function.offset, (kind, config), title, name, options);
            all.push(Target { doubt: found.doubt.clone(), ..target });
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
fn many(path: &Path, wanted: &Wanted, word: &str, found: Found) -> Target {
    let shown = shown_path(wanted.path, path);
    let place = |f: Function| multi::Place {
        name: PointName { name: format!("{word}:{shown}:{}", wanted.title(&f.name)), function: f.name },
        symbol: CString::default(),
        offset: f.offset,
    };
    let of = multi::Of::Binary(CString::new(path.as_os_str().as_bytes()).unwrap_or_default());
    let multi = multi::Multi { of, ret: wanted.ret, places: found.functions.into_iter().map(place).collect() };
    Target { doubt: found.doubt, ..Target::new(Point::Multi(multi), format!("{word}:{shown}"), "") }
}

/// Address of a symbol, for `uaddr`.
pub(crate) fn address_of(path: &str, symbol: &str, options: &Options) -> Result<u64, Error> {
    Ok(symbol_of(path, symbol, options)?.0)
}

/// Size in bytes of a symbol of a binary or library; `None` where there is none.
pub fn symbol_size(path: &str, symbol: &str, options: &Options) -> Option<u64> {
    let size = symbol_of(path, symbol, options).ok()?.1;
    (size > 0).then_some(size)
}

/// Address and size of a function or variable. Those without bytes in the file (`.bss`) have both, too.
fn symbol_of(path: &str, wanted: &str, options: &Options) -> Result<(u64, u64), Error> {
    let files = find_binaries(path, options);
    let first = files.first().ok_or_else(|| Error::new(format!("there is no binary or library `{path}`")))?;
    let binary = open(first)?;
    let elf = parse(first, &binary)?;
    let (mut of_threads, mut best) = (false, None);
    let versions = functions::Versions::of(&elf);
    let symbols = elf.symbols().map(|s| (s, false)).chain(elf.dynamic_symbols().map(|s| (s, true)));
    for (symbol, is_dynamic) in symbols {
        if symbol.is_undefined() || symbol.name().map(unversioned) != Ok(wanted) {
            continue;
        }
        match symbol.kind() {
            SymbolKind::Tls => of_threads = true,
            SymbolKind::Text | SymbolKind::Data | SymbolKind::Unknown if symbol.address() != 0 => {
                // Others of the name, of one source file each, may stand before the one that all know.
                let rank = (versions.is_old(&symbol, is_dynamic), symbol.is_local());
                if best.is_none_or(|(known, _)| rank < known) {
                    best = Some((rank, (symbol.address(), symbol.size())));
                }
            }
            _ => {}
        }
    }
    best.map(|(_, found)| found).ok_or_else(|| Error::new(if of_threads {
        format!("`{wanted}` of `{path}` has no address: each thread has one of its own")
    } else {
        format!("`{path}` has no symbol `{wanted}`")
    }))
}

/// Functions of the binaries that a uprobe's path means, as `(path, name)`: all names, also several of one place.
pub fn binary_functions(name: &str, options: &Options) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for path in find_binaries(name, options) {
        let shown = shown_path(name, &path);
        let Ok(binary) = foreign::binary(&path) else { continue };
        let Ok(elf) = object::File::parse(&binary) else { continue };
        let functions = elf.symbols().chain(elf.dynamic_symbols());
        let functions = functions.filter(|s| s.kind() == SymbolKind::Text && !s.is_undefined() && s.address() != 0);
        let names = functions.filter_map(|s| s.name().ok().map(|n| unversioned(n).to_string()));
        all.extend(names.map(|name| (shown.clone(), name)));
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// A binary as listings and `probe` show it: as it was written, where that is a path or a pattern of files in a folder.
pub(super) fn shown_path(written: &str, found: &Path) -> String {
    match (written.rsplit_once('/'), found.file_name()) {
        (Some(_), _) if !glob::is_pattern(written) => written.to_string(),
        (Some((folder, _)), Some(name)) if !glob::is_pattern(folder) => format!("{folder}/{}", name.to_string_lossy()),
        _ => found.display().to_string(),
    }
}

/// Opens a binary. Only what is needed of it is read: binaries can be huge.
fn open(path: &Path) -> Result<Binary, Error> {
    foreign::binary(path).map_err(|e| Error::os(format!("cannot read `{}`", path.display()), &e))
}

fn parse<'b>(path: &Path, binary: &'b Binary) -> Result<object::File<'b, &'b Binary>, Error> {
    object::File::parse(binary).map_err(|_| Error::new(format!("`{}` is neither a program nor a library", path.display())))
}

/// The places of a file that a script means.
struct Found {
    functions: Vec<Function>,
    /// What whoever counts their calls should know.
    doubt: Option<String>,
}

/// The places of a file that a script means, where instructions begin.
fn functions(path: &Path, wanted: &Wanted, options: &Options) -> Result<Found, Problem> {
    let binary = open(path)?;
    let elf = parse(path, &binary)?;
    if !wanted.symbol.is_empty() {
        let mut found = of_name(functions::all(&elf, |name| symbol_matches(wanted, name)), wanted);
        for function in &mut found.functions {
            let spot = Spot { function: &function.name, start: function.address, size: function.size, offset: wanted.offset };
            judge(boundary::check(&elf, &spot), options)?;
            function.offset = function.offset.saturating_add(wanted.offset);
        }
        found.doubt = found.doubt.or_else(|| stack_arguments(elf.architecture(), wanted));
        return Ok(found);
    }
    let address = wanted.offset;
    // An address of the file; where no segment holds it, it is an offset already.
    let offset = Segments::of(&elf).file_offset(address).unwrap_or(address);
    if offset >= binary.length() {
        return missing(format!("{address:#x} lies outside of the file `{}`", path.display()));
    }
    judge(boundary::check_address(&elf, address), options)?;
    Ok(Found { functions: vec![Function::nameless(boundary::function_at(&elf, address), address, offset)], doubt: None })
}

/// That registers hold no arguments: i386 passes them on the stack, in words of 4 bytes.
fn stack_arguments(machine: Architecture, wanted: &Wanted) -> Option<String> {
    let is_entry = !wanted.ret && wanted.offset == 0;
    (is_entry && machine == Architecture::I386).then(|| {
        "its code is for 32 bits, with all arguments on the stack: `arg0`, `arg1` … are not them".to_string()
    })
}

/// A pattern means all that match, and so does a name of C++ that has no types; other names mean one.
fn of_name(functions: Vec<Function>, wanted: &Wanted) -> Found {
    if glob::is_pattern(wanted.symbol) || wanted.demangle {
        return Found { doubt: functions::doubt(&functions), functions };
    }
    let (function, doubt) = functions::meant(functions).unzip();
    Found { functions: function.into_iter().collect(), doubt: doubt.flatten() }
}

/// What users must allow they may.
fn judge(checked: Result<(), Wrong>, options: &Options) -> Result<(), Problem> {
    match checked {
        Err(Wrong::Outside(what)) => missing(what),
        Err(Wrong::Doubtful(what)) if !options.allow_unsafe => missing(format!("{what}; attach it all the same with --unsafe")),
        Ok(()) | Err(Wrong::Doubtful(_)) => Ok(()),
    }
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
    foreign::open(path).and_then(|mut f| f.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
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
        let options = Options::default();
        let functions = |wanted: &Wanted| functions(&path, wanted, &options).ok().unwrap().functions;
        assert_eq!(functions(&wanted("main")).len(), 1);
        assert!(functions(&wanted("no_such_function")).is_empty());
        let found = functions(&Wanted { demangle: true, ..wanted("*functions_of_this_program*") });
        assert!(!found.is_empty());
    }

    #[test]
    fn files_are_shown_as_they_are_written() {
        let shown = |written| shown_path(written, Path::new("/work/bin/tool"));
        let all = ["./tool", "../bin/tool", "bin/t*", "b*/tool", "tool", "libtool"].map(shown);
        assert_eq!(all, ["./tool", "../bin/tool", "bin/tool", "/work/bin/tool", "/work/bin/tool", "/work/bin/tool"]);
    }
}
