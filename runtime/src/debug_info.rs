//! Debug information of user binaries: in the file itself, or in a separate file that its build id or its link names.

use std::io::Read;
use std::path::{Path, PathBuf};

use btc_dwarf::{SECTIONS, Sections};
use flate2::read::ZlibDecoder;
use object::{CompressionFormat, Object, ObjectSection};

use crate::attach::find_binaries;
use crate::foreign::{self, Binary};
use crate::symbols::DEBUG_FOLDERS;
use crate::{Error, Options};

/// Most bytes of the sections of one file, uncompressed, and how many times as many as the file holds they may be: debug
/// information shrinks to a fifth, zeros to a thousandth.
const MAX_BYTES: u64 = 512 << 20;
const MAX_RATIO: u64 = 64;

type Elf<'d> = object::File<'d, &'d Binary>;

/// Debug information of a binary, named as uprobes name it; `None` where it has none. The options' folders are
/// searched for separate files before those of the system.
pub fn debug_info(binary: &str, options: &Options) -> Result<Option<Sections>, String> {
    let files = find_binaries(binary, options);
    let first = files.first().ok_or_else(|| format!("there is no binary or library `{binary}` here"))?;
    of_file(first, options).map_err(|e| e.to_string())
}

/// Debug information of a file.
pub(crate) fn of_file(path: &Path, options: &Options) -> Result<Option<Sections>, Error> {
    let shown = path.display();
    let binary = foreign::binary(path).map_err(|e| Error::os(format!("cannot read `{shown}`"), &e))?;
    let elf = object::File::parse(&binary)
        .map_err(|_| Error::new(format!("`{shown}` is neither a program nor a library")))?;
    if has_debug_info(&elf) {
        return read(&elf, path).map(Some);
    }
    for candidate in candidates(&elf, path, &options.debug_folders) {
        let Ok(binary) = foreign::binary(&candidate.path) else { continue };
        let Ok(separate) = object::File::parse(&binary) else { continue };
        if has_debug_info(&separate) && candidate.belongs() {
            return read(&separate, &candidate.path).map(Some);
        }
    }
    Ok(None)
}

fn has_debug_info(elf: &Elf<'_>) -> bool {
    elf.section_by_name(".debug_info").is_some_and(|s| s.size() > 0)
}

/// A file that may hold a binary's debug information.
struct Candidate {
    path: PathBuf,
    /// The checksum that the link tells; a path of the build id needs none.
    checksum: Option<u32>,
}

impl Candidate {
    /// Whether it is the file that was meant, and not that of another build.
    fn belongs(&self) -> bool {
        let Some(wanted) = self.checksum else { return true };
        let Ok(mut file) = foreign::open(&self.path) else { return false };
        let (mut sum, mut part) = (crc32fast::Hasher::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut part) {
                Ok(0) => return sum.finalize() == wanted,
                Ok(n) => sum.update(&part[..n]),
                Err(_) => return false,
            }
        }
    }
}

/// Whether a binary's link to its debug information may lead to what is no plain file.
pub(crate) fn leads_astray(path: &Path, folders: &[PathBuf]) -> bool {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let Ok(binary) = foreign::binary(&path) else { return true };
    let Ok(elf) = object::File::parse(&binary) else { return true };
    candidates(&elf, &path, folders).iter().any(|c| c.path.symlink_metadata().is_ok() && foreign::open(&c.path).is_err())
}

/// Where debuggers look.
fn candidates(elf: &Elf<'_>, path: &Path, of_user: &[PathBuf]) -> Vec<Candidate> {
    let mut folders = of_user.to_vec();
    folders.extend(DEBUG_FOLDERS.map(PathBuf::from));
    let mut all = Vec::new();
    if let Ok(Some([first, rest @ ..])) = elf.build_id() {
        let rest: String = rest.iter().map(|b| format!("{b:02x}")).collect();
        let name = format!(".build-id/{first:02x}/{rest}.debug");
        all.extend(folders.iter().map(|folder| Candidate { path: folder.join(&name), checksum: None }));
    }
    if let Ok(Some((name, checksum))) = elf.gnu_debuglink()
        && let Ok(name) = std::str::from_utf8(name)
        && !name.contains('/')
    {
        let own = path.parent().unwrap_or(Path::new("/"));
        let places = [own.to_path_buf(), own.join(".debug")].into_iter();
        // A folder of the user's may be flat, those of the system mirror the tree.
        let flat = of_user.iter().cloned();
        let mirrored = folders.iter().map(|f| f.join(own.strip_prefix("/").unwrap_or(own)));
        let places = places.chain(flat).chain(mirrored).map(|folder| folder.join(name));
        all.extend(places.filter(|p| p != path).map(|path| Candidate { path, checksum: Some(checksum) }));
    }
    all
}

/// The sections that matter, uncompressed.
fn read(elf: &Elf<'_>, path: &Path) -> Result<Sections, Error> {
    let wrong = |what: &str| Error::new(format!("the debug information of `{}` {what}", path.display()));
    if !elf.is_little_endian() {
        return Err(wrong("is that of a big-endian machine"));
    }
    let machine = match elf.architecture() {
        object::Architecture::X86_64 => 62,
        object::Architecture::Aarch64 => 183,
        object::Architecture::Riscv64 => 243,
        _ => 0,
    };
    let (mut contents, mut total) = (Vec::new(), 0u64);
    for name in SECTIONS {
        let Some(section) = elf.section_by_name(name) else { continue };
        let broken = |_| wrong(&format!("is broken: its section {name} lies outside of the file"));
        let data = section.compressed_data().map_err(broken)?;
        total = total.saturating_add(data.uncompressed_size);
        if total > MAX_BYTES {
            return Err(wrong(&format!("has more than {} MiB", MAX_BYTES >> 20)));
        }
        if data.uncompressed_size / MAX_RATIO > data.data.len() as u64 {
            return Err(wrong(&format!("is broken: its section {name} claims to be {MAX_RATIO} times as large as it is")));
        }
        let bytes = match data.format {
            CompressionFormat::None => data.data.to_vec(),
            CompressionFormat::Zlib => {
                let mut bytes = Vec::new();
                let mut reader = ZlibDecoder::new(data.data).take(data.uncompressed_size);
                reader.read_to_end(&mut bytes).map_err(|_| wrong(&format!("is broken: its section {name}")))?;
                bytes
            }
            _ => return Err(wrong("is compressed in a way that btc cannot read: `objcopy --decompress-debug-sections` helps")),
        };
        contents.push(((*name).to_string(), bytes));
    }
    Ok(Sections { machine, contents })
}
