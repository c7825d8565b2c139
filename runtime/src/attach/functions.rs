//! The functions of a binary, and which of them a name means: several may have it, and a count of another one's calls would be a
//! wrong number that nobody sees.

use std::collections::HashMap;

use object::elf::{FileHeader64, STT_GNU_IFUNC};
use object::read::elf::VersionTable;
use object::{Endianness, Object, ObjectSymbol, ReadRef, SymbolFlags, SymbolKind};

use super::segments::Segments;

/// A function of a binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub name: String,
    /// Address as the file's symbols have it.
    pub address: u64,
    /// Offset in the file.
    pub offset: u64,
    /// Size in bytes, 0 where it is not known.
    pub size: u64,
    /// Only one source file knows it.
    is_local: bool,
    /// Of an older version of the library: what was linked long ago calls it.
    is_old: bool,
    /// The loader calls it, once for each program, to choose the function that does the work.
    chooses: bool,
}

impl Function {
    /// One that has no symbol.
    pub(super) fn nameless(name: String, address: u64, offset: u64) -> Function {
        Function { name, address, offset, size: 0, is_local: false, is_old: false, chooses: false }
    }
}

/// Version suffixes are not part of the name that people write.
pub(super) fn unversioned(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

/// All functions whose names match, each place once.
pub(super) fn all<'d, R: ReadRef<'d>>(file: &object::File<'d, R>, matches: impl Fn(&str) -> bool) -> Vec<Function> {
    let segments = Segments::of(file);
    let mut found: Vec<Function> = Vec::new();
    let mut places: HashMap<u64, usize> = HashMap::new();
    let versions = Versions::of(file);
    let symbols = file.symbols().map(|s| (s, false)).chain(file.dynamic_symbols().map(|s| (s, true)));
    for (symbol, is_dynamic) in symbols {
        if symbol.kind() != SymbolKind::Text || symbol.is_undefined() || symbol.address() == 0 {
            continue;
        }
        let Ok(name) = symbol.name().map(unversioned) else { continue };
        if !matches(name) {
            continue;
        }
        let Some(offset) = segments.file_offset(symbol.address()) else { continue };
        let (is_old, is_local, chooses) = (versions.is_old(&symbol, is_dynamic), symbol.is_local(), is_resolver(&symbol));
        match places.get(&offset) {
            // Several symbols of one place: it is the least special of what they say.
            Some(at) => {
                let known = &mut found[*at];
                (known.is_local, known.is_old, known.chooses) = (known.is_local && is_local, known.is_old && is_old, known.chooses && chooses);
            }
            None => {
                places.insert(offset, found.len());
                let (address, size) = (symbol.address(), symbol.size());
                found.push(Function { name: name.to_string(), address, offset, size, is_local, is_old, chooses });
            }
        }
    }
    found
}

/// The versions of a binary's dynamic symbols.
pub(super) struct Versions<'d>(Option<(VersionTable<'d, FileHeader64<Endianness>>, Endianness)>);

impl<'d> Versions<'d> {
    pub(super) fn of<R: ReadRef<'d>>(file: &object::File<'d, R>) -> Versions<'d> {
        let object::File::Elf64(file) = file else { return Versions(None) };
        let versions = file.elf_section_table().versions(file.endian(), file.data());
        Versions(versions.ok().flatten().map(|versions| (versions, file.endian())))
    }

    /// Whether a symbol is of a version that nothing is linked with any more.
    pub(super) fn is_old<'s>(&self, symbol: &impl ObjectSymbol<'s>, is_dynamic: bool) -> bool {
        match &self.0 {
            Some((versions, endian)) if is_dynamic => versions.version_index(*endian, symbol.index()).is_hidden(),
            // `name@OLD`, and not `name@@NEW`.
            _ => symbol.name().is_ok_and(|name| name.contains('@') && !name.contains("@@")),
        }
    }
}

fn is_resolver<'d>(symbol: &impl ObjectSymbol<'d>) -> bool {
    matches!(symbol.flags(), SymbolFlags::Elf { st_info, .. } if st_info.st_type() == STT_GNU_IFUNC)
}

/// Of the functions that have one name, the one that it means: of several versions the one that programs are linked with
/// today, then one that all source files know, then the first.
pub(super) fn meant(functions: Vec<Function>) -> Option<(Function, Option<String>)> {
    let best = functions.iter().enumerate().min_by_key(|(n, f)| (f.is_old, f.is_local, *n))?.1.clone();
    let others: Vec<&Function> = functions.iter().filter(|f| !f.is_old && f.offset != best.offset).collect();
    let doubt = match others.as_slice() {
        [] => doubt(std::slice::from_ref(&best)),
        [other, ..] => Some(format!(
            "{} functions have that name, and the one at {:#x} is traced; others are named by their address, as {:#x}",
            others.len() + 1,
            best.address,
            other.address
        )),
    };
    Some((best, doubt))
}

/// What whoever counts their calls should know.
pub(super) fn doubt(functions: &[Function]) -> Option<String> {
    let choosing: Vec<&str> = functions.iter().filter(|f| f.chooses).map(|f| f.name.as_str()).collect();
    let (first, rest) = choosing.split_first()?;
    let which = match rest.len() {
        0 => format!("`{first}` is no function that does the work"),
        more => format!("`{first}` and {more} more are no functions that do the work"),
    };
    Some(format!("{which}: each program calls it once to choose that (an ifunc), and only the choices are seen here"))
}
