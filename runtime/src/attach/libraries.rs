//! Libraries by name: the file that the traced process has mapped, or will map, else the one that the loader
//! takes for programs of the same kind of machine.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Options, child, foreign, words};

/// What a loader asks of a library: the class and machine of its ELF header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    class: u8,
    machine: u16,
}

/// Where the loader keeps the names of all libraries.
const CACHE: &str = "/etc/ld.so.cache";

/// The library that a name such as `libc`, `libc.so` or `libc.so.6` means.
pub(super) fn find(name: &str, options: &Options) -> Option<PathBuf> {
    let command = options.child.as_deref().and_then(program);
    let own = || machine(Path::new("/proc/self/exe"));
    let (known, kind) = match (&command, options.pid) {
        (Some(command), _) => (loaded(command, name), machine(command)),
        (None, Some(pid)) => (mapped(pid, name), machine(Path::new(&format!("/proc/{pid}/exe")))),
        (None, None) => (None, None),
    };
    // A script has no machine, nor has a process that is none of ours to look at.
    let kind = kind.or_else(own)?;
    let in_folders = |folders: Vec<PathBuf>| folders.iter().find_map(|f| in_folder(name, f, kind));
    known
        .or_else(|| in_folders(preferred_folders()))
        .or_else(|| cached(&fs::read(CACHE).ok()?, name, kind))
        .or_else(|| in_folders(folders()))
}

/// The class and machine of an ELF file.
pub(super) fn machine(path: &Path) -> Option<Machine> {
    let mut head = [0; 20];
    foreign::open(path).and_then(|mut f| f.read_exact(&mut head)).ok()?;
    head.starts_with(b"\x7fELF").then(|| Machine { class: head[4], machine: u16::from_le_bytes([head[18], head[19]]) })
}

/// Whether a file's name is the library's, with whatever version.
fn is_named(name: &str, file: &str) -> bool {
    let rest = match file.strip_prefix(name) {
        Some(rest) if name.contains(".so") => rest,
        Some(rest) => match rest.strip_prefix(".so") {
            Some(rest) => rest,
            None => return rest.is_empty(),
        },
        None => return false,
    };
    rest.is_empty() || rest.starts_with('.')
}

/// Files of a folder that have the name, the shortest first; those of equal length by version, newest first.
fn candidates(name: &str, folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter(|e| e.file_name().to_str().is_some_and(|n| is_named(name, n)));
    let mut found: Vec<PathBuf> = named.map(|e| e.path()).collect();
    found.sort_unstable_by(|a, b| (a.as_os_str().len(), b).cmp(&(b.as_os_str().len(), a)));
    found
}

/// The library in a folder. What developers' packages put there may be a linker script.
fn in_folder(name: &str, folder: &Path, kind: Machine) -> Option<PathBuf> {
    candidates(name, folder).into_iter().find(|path| path.is_file() && machine(path) == Some(kind))
}

/// The file that a process has mapped to run code of. Its name there may be another (`libc-2.31.so`): the folder
/// knows it by this one.
fn mapped(pid: u32, name: &str) -> Option<PathBuf> {
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    let inside = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    let files = executed(pid);
    let known: BTreeSet<_> = files.iter().filter_map(|path| identity(&inside(path))).collect();
    let folders: BTreeSet<&Path> = files.iter().filter_map(|path| path.parent()).collect();
    for folder in folders {
        let found = candidates(name, &inside(folder));
        if let Some(path) = found.iter().find(|path| identity(path).is_some_and(|id| known.contains(&id))) {
            let plain = folder.join(path.file_name()?);
            return Some(if identity(&plain) == identity(path) { plain } else { path.clone() });
        }
    }
    None
}

/// Files that a process runs code of, as it calls them.
pub(super) fn executed(pid: u32) -> BTreeSet<PathBuf> {
    let file = |line: &str| {
        let flags = line.split_whitespace().nth(1)?;
        let path = &line[line.find('/')?..];
        flags.contains('x').then(|| PathBuf::from(path))
    };
    let mut files = BTreeSet::new();
    foreign::proc_lines(pid, "maps", |line| files.extend(file(line)));
    files
}

/// Device and inode of a file.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|m| (m.dev(), m.ino()))
}

/// The program that a command starts.
fn program(command: &OsStr) -> Option<PathBuf> {
    let first = words::split(command)?.into_iter().next()?;
    if first.as_bytes().contains(&b'/') { Some(first.into()) } else { child::search_path(&first) }
}

/// The file that the program's own loader will map: it is asked, which runs nothing of the program. One that others than
/// root can change is not: it would run with our rights even where the program itself is not run.
fn loaded(program: &Path, name: &str) -> Option<PathBuf> {
    let loader = interpreter(program)?;
    let of = fs::metadata(&loader).ok()?;
    if of.uid() != 0 || of.mode() & 0o022 != 0 {
        return None;
    }
    let mut loader = Command::new(loader);
    let output = loader.arg("--list").arg(program).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f…)`
    text.lines().find_map(|line| {
        let (wanted, path) = line.trim().split_once(" => ")?;
        let path = path.rsplit_once(" (").map_or(path, |(path, _)| path);
        (is_named(name, wanted) && Path::new(path).is_file()).then(|| PathBuf::from(path))
    })
}

/// The loader that an ELF file names (`PT_INTERP`).
fn interpreter(program: &Path) -> Option<PathBuf> {
    const PT_INTERP: u64 = 3;
    let file = foreign::open(program).ok()?;
    let number = |at: u64, size: usize| {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes[..size], at).ok()?;
        Some(u64::from_le_bytes(bytes))
    };
    // The fields of `Elf64_Ehdr` and `Elf64_Phdr`, or the 32-bit ones.
    let (word, table, entry, offset, size) =
        if machine(program)?.class == 2 { (8, 32, 54, 8, 32) } else { (4, 28, 42, 4, 16) };
    let (start, step, count) = (number(table, word)?, number(entry, 2)?, number(entry + 2, 2)?);
    let headers = (0..count).filter_map(|n| start.checked_add(n * step));
    let at = headers.into_iter().find(|at| number(*at, 4) == Some(PT_INTERP))?;
    let mut path = vec![0; usize::try_from(number(at.checked_add(size)?, word)?).ok().filter(|n| *n <= 4096)?];
    file.read_exact_at(&mut path, number(at.checked_add(offset)?, word)?).ok()?;
    let text = path.split(|b| *b == 0).next()?;
    Some(PathBuf::from(std::str::from_utf8(text).ok()?))
}

/// The library in the loader's cache (glibc: sysdeps/generic/dl-cache.h): a header, entries of 24 bytes with the places of
/// name and path, texts. An older table may stand before it. What lies beyond the file is no entry.
fn cached(cache: &[u8], name: &str, kind: Machine) -> Option<PathBuf> {
    const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
    const HEADER: usize = 48;
    const ENTRY: usize = 24;
    let start = cache.windows(MAGIC.len()).position(|w| w == MAGIC)?;
    let cache = &cache[start..];
    let number = |at: usize| Some(u32::from_le_bytes(cache.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize);
    let text = |at: usize| std::str::from_utf8(cache.get(number(at)?..)?.split(|b| *b == 0).next()?).ok();
    let most = cache.len() / ENTRY;
    let entries = (0..number(MAGIC.len())?.min(most)).map(|n| HEADER + n * ENTRY);
    let named = entries.filter_map(|at| Some((text(at + 4)?, text(at + 8)?))).filter(|(key, _)| is_named(name, key));
    let mut found: Vec<(&str, &str)> = named.collect();
    // The cache has newer versions first, and those for special processors before the plain one.
    found.sort_by_key(|(key, path)| (key.len(), path.contains("/glibc-hwcaps/")));
    found.into_iter().map(|(_, path)| PathBuf::from(path)).find(|path| machine(path) == Some(kind))
}

/// Folders that come before the cache.
fn preferred_folders() -> Vec<PathBuf> {
    std::env::var_os("LD_LIBRARY_PATH").iter().flat_map(std::env::split_paths).collect()
}

/// Folders that loaders search, for machines without that cache.
fn folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut files = vec![PathBuf::from("/etc/ld.so.conf")];
    if let Ok(entries) = fs::read_dir("/etc/ld.so.conf.d") {
        files.extend(entries.flatten().map(|e| e.path()));
    }
    for file in files {
        let text = fs::read_to_string(file).unwrap_or_default();
        folders.extend(text.lines().map(str::trim).filter(|l| l.starts_with('/')).map(PathBuf::from));
    }
    for arch in ["x86_64-linux-gnu", "aarch64-linux-gnu"] {
        folders.extend([PathBuf::from(format!("/lib/{arch}")), PathBuf::from(format!("/usr/lib/{arch}"))]);
    }
    folders.extend(["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"].map(PathBuf::from));
    folders
}

/// Looks a library up in a cache of these bytes, for the fuzzer.
#[cfg(feature = "fuzzing")]
pub(crate) fn look_up(cache: &[u8]) {
    cached(cache, "libc", Machine { class: 2, machine: 62 });
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Machine = Machine { class: 2, machine: 62 };
    const OTHER: Machine = Machine { class: 1, machine: 3 };

    /// A folder of its own with ELF headers in it.
    fn folder(test: &str, files: &[(&str, Machine)]) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("btc-libs-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (name, kind) in files {
            let mut head = [0; 64];
            head[..5].copy_from_slice(&[0x7f, b'E', b'L', b'F', kind.class]);
            head[18..20].copy_from_slice(&kind.machine.to_le_bytes());
            fs::write(folder.join(name), head).unwrap();
        }
        folder
    }

    #[test]
    fn libraries_are_found_by_short_name() {
        let folder = folder("short", &[("libx.so.6", HERE), ("libxy.so.1", HERE), ("libx.so.6.old", OTHER)]);
        fs::write(folder.join("libx.so"), b"/* a linker script, long enough for a header */").unwrap();
        let find = |n| in_folder(n, &folder, HERE);
        assert_eq!(find("libx"), Some(folder.join("libx.so.6")));
        assert_eq!(find("libx.so.6"), Some(folder.join("libx.so.6")));
        assert_eq!(find("libxy"), Some(folder.join("libxy.so.1")));
        assert_eq!(find("liby"), None);
        assert_eq!(in_folder("libx", &folder, OTHER), Some(folder.join("libx.so.6.old")));
        fs::remove_dir_all(&folder).unwrap();
    }

    /// A cache as the loader writes it, of names with their paths.
    fn cache(entries: &[(&str, &Path)]) -> Vec<u8> {
        let mut head = b"glibc-ld.so.cache1.1".to_vec();
        head.extend((entries.len() as u32).to_le_bytes());
        head.resize(48, 0);
        let (mut table, mut texts) = (Vec::new(), Vec::new());
        let base = 48 + 24 * entries.len();
        for (key, path) in entries {
            let mut place = |text: &str| {
                let at = (base + texts.len()) as u32;
                texts.extend(text.as_bytes());
                texts.push(0);
                at.to_le_bytes()
            };
            let (key, path) = (place(key), place(path.to_str().unwrap()));
            table.extend([[3, 3, 0, 0], key, path, [0; 4], [0; 4], [0; 4]].concat());
        }
        [head, table, texts].concat()
    }

    #[test]
    fn the_cache_has_one_for_each_machine() {
        let folder = folder("cache", &[("foreign", OTHER), ("own", HERE), ("newer", HERE)]);
        let [foreign, own, newer] = ["foreign", "own", "newer"].map(|n| folder.join(n));
        let entries = [("libc.so.6", &*foreign), ("libc.so.6", &*own), ("libcc.so.6", &*newer)];
        let old = [b"ld.so-1.7.0\0\0\0\0\0".to_vec(), cache(&entries)].concat();
        for bytes in [cache(&entries), old] {
            for name in ["libc", "libc.so", "libc.so.6"] {
                assert_eq!(cached(&bytes, name, HERE), Some(own.clone()), "{name}");
                assert_eq!(cached(&bytes, name, OTHER), Some(foreign.clone()), "{name}");
            }
            assert_eq!(cached(&bytes, "libd", HERE), None);
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    /// Whatever is in the file, nothing beyond it is read.
    #[test]
    fn a_damaged_cache_is_no_harm() {
        let whole = cache(&[("libc.so.6", Path::new("/proc/self/exe")), ("libd.so.1", Path::new("/x"))]);
        for length in 0..whole.len() {
            let _ = cached(&whole[..length], "libc", HERE);
        }
        for at in 20..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = cached(&bytes, "libc", HERE);
            }
        }
    }

    #[test]
    fn a_process_tells_what_it_has_mapped() {
        let Some(path) = mapped(std::process::id(), "libc") else { return println!("skipped: a static program") };
        assert!(executed(std::process::id()).iter().any(|file| identity(file) == identity(&path)), "{}", path.display());
        // So does the loader of the program that is running here.
        let same = loaded(&std::env::current_exe().unwrap(), "libc").expect("the loader finds it");
        assert_eq!(identity(&same), identity(&path));
    }
}
