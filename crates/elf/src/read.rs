//! Takes an object apart.

use btc_bpf::Insn;
use object::read::elf::ElfFile64;
use object::{
    Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationFlags, RelocationTarget, SectionIndex,
    SymbolSection,
};

use crate::{MAGIC, kind};

/// An object could not be read: the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError(pub String);

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a BPF object: {}", self.0)
    }
}

impl std::error::Error for ReadError {}

fn fail<T>(what: impl Into<String>) -> Result<T, ReadError> {
    Err(ReadError(what.into()))
}

/// An ELF section.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Size in bytes; `.bss` has a size and no data.
    pub size: u64,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Whether it holds code.
    pub code: bool,
}

/// A symbol.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// Index into [`Contents::sections`]; `None` for externs.
    pub section: Option<usize>,
    /// Bytes from the section's start.
    pub value: u64,
    /// Size in bytes.
    pub size: u64,
    /// GLOBAL or WEAK.
    pub global: bool,
    /// WEAK.
    pub weak: bool,
    /// `STT_*`
    pub kind: u8,
}

/// An ELF relocation.
#[derive(Clone, Debug)]
pub struct Relocation {
    /// Bytes from the start of the program.
    pub offset: u64,
    /// `R_BPF_*`
    pub kind: u32,
    /// Name of the symbol or section.
    pub symbol: String,
}

/// A function symbol with its code.
#[derive(Clone, Debug)]
pub struct Program {
    /// Symbol.
    pub name: String,
    /// Index into [`Contents::sections`].
    pub section: usize,
    /// Bytes from the section's start.
    pub offset: u64,
    /// Whether the symbol is GLOBAL.
    pub global: bool,
    /// Code.
    pub insns: Vec<Insn>,
    /// Relocations of its instructions.
    pub relocations: Vec<Relocation>,
}

/// A row of `line_info`.
#[derive(Clone, Debug)]
pub struct Line {
    /// ELF section.
    pub section: String,
    /// Bytes from its start.
    pub offset: u32,
    /// File name.
    pub file: String,
    /// The line's text.
    pub text: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

/// A row of `core_relo`.
#[derive(Clone, Debug)]
pub struct CoreRelocation {
    /// ELF section.
    pub section: String,
    /// Bytes from its start.
    pub offset: u32,
    /// Name of the root type.
    pub root: String,
    /// The way from the root.
    pub access: String,
    /// `enum bpf_core_relo_kind`
    pub kind: u32,
}

/// A type record of BTF.
#[derive(Clone, Debug)]
pub struct Type {
    /// Its name.
    pub name: String,
    /// Its kind ([`kind`]).
    pub kind: u32,
    /// Number of members or linkage.
    pub vlen: u32,
    /// Size in bytes or type id.
    pub size_or_type: u32,
    /// The words behind the record's head.
    pub rest: Vec<u32>,
}

/// Everything of an object.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Sections in order.
    pub sections: Vec<Section>,
    /// Symbols in order.
    pub symbols: Vec<Symbol>,
    /// Functions in order of section and offset.
    pub programs: Vec<Program>,
    /// BTF types; `types[0]` has id 1.
    pub types: Vec<Type>,
    /// Functions of `.BTF.ext`: section, offset in bytes, type id.
    pub functions: Vec<(String, u32, u32)>,
    /// Source lines.
    pub lines: Vec<Line>,
    /// CO-RE relocations.
    pub core: Vec<CoreRelocation>,
    /// The manifest's bytes.
    pub manifest: Option<Vec<u8>>,
    /// Strings of `.BTF`.
    pub(crate) strings: Vec<u8>,
}

impl Contents {
    /// A section by name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.name == name)
    }

    /// A string of BTF by its offset, at most 4096 bytes.
    pub fn string(&self, at: u32) -> String {
        string(&self.strings, at)
    }

    /// The size of a variable, by its symbol, in a data section.
    pub fn variable(&self, symbol: &str, section: &str) -> Option<u64> {
        let here = |n: usize| self.sections.get(n).is_some_and(|s| s.name == section);
        self.symbols.iter().find(|s| s.name == symbol && s.kind == STT_OBJECT && s.section.is_some_and(here)).map(|s| s.size)
    }

    /// A type by id; `None` for `void` and ids that do not exist.
    pub fn ty(&self, id: u32) -> Option<&Type> {
        self.types.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }
}

/// Reads an object.
pub fn read(bytes: &[u8]) -> Result<Contents, ReadError> {
    let file: ElfFile64<'_, Endianness> = ElfFile64::parse(bytes).map_err(|e| ReadError(e.to_string()))?;
    if file.endian() != Endianness::Little || file.architecture() != object::Architecture::Bpf {
        return fail("ELF for another machine");
    }
    let mut contents = Contents::default();
    let mut indexes: Vec<SectionIndex> = Vec::new();
    let mut budget = bytes.len() as u64;
    for section in file.sections() {
        let data = section.data().map_err(|e| ReadError(e.to_string()))?;
        // Sections may overlap in a hostile file: never copy more than the file holds.
        budget = match budget.checked_sub(data.len() as u64) {
            Some(rest) => rest,
            None => return fail("sections overlap"),
        };
        indexes.push(section.index());
        contents.sections.push(Section {
            name: String::from_utf8_lossy(section.name_bytes().unwrap_or(b"")).into_owned(),
            size: section.size(),
            data: data.to_vec(),
            code: section.kind() == object::SectionKind::Text,
        });
    }
    read_symbols(&file, &indexes, &mut contents);
    read_programs(&file, &indexes, &mut contents)?;
    let btf = contents.section(".BTF").map(|s| s.data.clone());
    if let Some(btf) = btf {
        let strings = read_types(&btf, &mut contents)?;
        contents.strings = strings.to_vec();
        if let Some(ext) = contents.section(".BTF.ext").map(|s| s.data.clone()) {
            read_ext(&ext, strings, &mut contents)?;
        }
    }
    contents.manifest = contents.section(btc_abi::SECTION).map(|s| s.data.clone());
    Ok(contents)
}

fn read_symbols(file: &ElfFile64<'_, Endianness>, indexes: &[SectionIndex], contents: &mut Contents) {
    for symbol in file.symbols() {
        let section = match symbol.section() {
            SymbolSection::Section(i) => indexes.iter().position(|x| *x == i),
            _ => None,
        };
        let kind = match symbol.flags() {
            object::SymbolFlags::Elf { st_info, .. } => st_info.0 & 15,
            _ => 0,
        };
        contents.symbols.push(Symbol {
            name: String::from_utf8_lossy(symbol.name_bytes().unwrap_or(b"")).into_owned(),
            section,
            value: symbol.address(),
            size: symbol.size(),
            global: symbol.is_global(),
            weak: symbol.is_weak(),
            kind,
        });
    }
}

/// `STT_FUNC`
pub const STT_FUNC: u8 = 2;
/// `STT_OBJECT`
pub const STT_OBJECT: u8 = 1;

fn read_programs(
    file: &ElfFile64<'_, Endianness>,
    indexes: &[SectionIndex],
    contents: &mut Contents,
) -> Result<(), ReadError> {
    let mut programs = Vec::new();
    for symbol in contents.symbols.iter().filter(|s| s.kind == STT_FUNC) {
        let Some(section) = symbol.section else { continue };
        let data = &contents.sections[section].data;
        let range = usize::try_from(symbol.value)
            .ok()
            .zip(usize::try_from(symbol.size).ok())
            .and_then(|(at, len)| Some(at..at.checked_add(len)?));
        let Some(code) = range.and_then(|r| data.get(r)) else {
            return fail(format!("`{}` lies outside its section", symbol.name));
        };
        let mut insns = Vec::with_capacity(code.len() / 8);
        for slot in code.chunks_exact(8) {
            insns.push(Insn::from_bytes(slot.try_into().unwrap_or_default()));
        }
        programs.push(Program {
            name: symbol.name.clone(),
            section,
            offset: symbol.value,
            global: symbol.global,
            insns,
            relocations: Vec::new(),
        });
    }
    programs.sort_by_key(|p| (p.section, p.offset));
    // Code is counted once, however many symbols claim it.
    let claimed: usize = programs.iter().map(|p| p.insns.len() * 8).sum();
    if claimed > contents.sections.iter().map(|s| s.data.len()).sum() {
        return fail("functions overlap");
    }
    for (n, index) in indexes.iter().enumerate() {
        let Ok(section) = file.section_by_index(*index) else { continue };
        for (offset, relocation) in section.relocations() {
            let symbol = match relocation.target() {
                RelocationTarget::Symbol(i) => match file.symbol_by_index(i) {
                    Ok(s) => {
                        let name = s.name_bytes().unwrap_or(b"");
                        let section = s.section_index().and_then(|i| file.section_by_index(i).ok());
                        let section = section.as_ref().and_then(|s| s.name_bytes().ok()).unwrap_or(b"?");
                        String::from_utf8_lossy(if name.is_empty() { section } else { name }).into_owned()
                    }
                    Err(e) => return fail(e.to_string()),
                },
                _ => "?".to_string(),
            };
            let kind = match relocation.flags() {
                RelocationFlags::Elf { r_type } => r_type.0,
                _ => 0,
            };
            let at = programs.partition_point(|p| (p.section, p.offset) <= (n, offset));
            if let Some(p) = at.checked_sub(1).and_then(|at| programs.get_mut(at))
                && p.section == n
            {
                p.relocations.push(Relocation { offset: offset - p.offset, kind, symbol });
            }
        }
    }
    contents.programs = programs;
    Ok(())
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// The bytes from `at`, `len` long.
fn part(data: &[u8], at: u32, len: u32) -> Option<&[u8]> {
    data.get(at as usize..(at as usize).checked_add(len as usize)?)
}

fn string(strings: &[u8], at: u32) -> String {
    let rest = strings.get(at as usize..).unwrap_or(&[]);
    let end = rest.iter().take(4096).position(|b| *b == 0).unwrap_or(0);
    String::from_utf8_lossy(&rest[..end]).into_owned()
}

/// Reads the header of `.BTF` and the types; yields the strings.
fn read_types<'b>(btf: &'b [u8], contents: &mut Contents) -> Result<&'b [u8], ReadError> {
    let bad = || ReadError("broken .BTF".into());
    let header = |n: usize| word(btf, 4 + 4 * n).ok_or_else(bad);
    if word(btf, 0) != Some(u32::from(MAGIC) | 1 << 16) {
        return Err(bad());
    }
    let body = btf.get(header(0)? as usize..).ok_or_else(bad)?;
    let types = part(body, header(1)?, header(2)?).ok_or_else(bad)?;
    let strings = part(body, header(3)?, header(4)?).ok_or_else(bad)?;
    // Types, then strings, and nothing else; all strings end.
    let whole = (header(0)?, header(1)?, header(3)?) == (24, 0, header(2)?) && body.len() == types.len() + strings.len();
    if !whole || strings.first() != Some(&0) || strings.last() != Some(&0) {
        return Err(bad());
    }
    let mut at = 0;
    while at < types.len() {
        let field = |n: usize| word(types, at + 4 * n).ok_or_else(bad);
        let (name, info, size_or_type) = (field(0)?, field(1)?, field(2)?);
        let (k, vlen) = ((info >> 24) & 31, info & 0xffff);
        let words = match k {
            kind::INT | kind::VAR | kind::DECL_TAG => 1,
            kind::ARRAY => 3,
            kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 3 * vlen as usize,
            kind::ENUM | kind::FUNC_PROTO => 2 * vlen as usize,
            kind::PTR..=kind::TYPE_TAG => 0,
            _ => return Err(bad()),
        };
        let rest = (0..words).map(|n| field(3 + n)).collect::<Result<Vec<u32>, _>>()?;
        // Names of members, constants and parameters come first in their rows.
        let row = match k {
            kind::STRUCT | kind::UNION | kind::ENUM64 => Some(3),
            kind::ENUM | kind::FUNC_PROTO => Some(2),
            _ => None,
        };
        let names = row.into_iter().flat_map(|row| rest.iter().step_by(row));
        if names.chain([&name]).any(|at| *at as usize >= strings.len()) {
            return Err(bad());
        }
        contents.types.push(Type { name: string(strings, name), kind: k, vlen, size_or_type, rest });
        at += 12 + 4 * words;
    }
    Ok(strings)
}

fn read_ext(ext: &[u8], strings: &[u8], contents: &mut Contents) -> Result<(), ReadError> {
    let bad = || ReadError("broken .BTF.ext".into());
    let header = |n: usize| word(ext, 4 + 4 * n).ok_or_else(bad);
    let body = ext.get(header(0)? as usize..).ok_or_else(bad)?;
    let table = |n: usize| -> Result<Vec<(u32, Vec<u32>)>, ReadError> {
        rows(part(body, header(1 + 2 * n)?, header(2 + 2 * n)?).ok_or_else(bad)?).ok_or_else(bad)
    };
    for (section, row) in table(0)? {
        if let [offset, ty, ..] = row[..] {
            contents.functions.push((string(strings, section), offset, ty));
        }
    }
    for (section, row) in table(1)? {
        if let [offset, file, text, place, ..] = row[..] {
            let (file, text) = (string(strings, file), string(strings, text));
            let section = string(strings, section);
            contents.lines.push(Line { section, offset, file, text, line: place >> 10, column: place & 1023 });
        }
    }
    // The relocations are absent in a short header.
    if header(0)? < 32 {
        return Ok(());
    }
    for (section, row) in table(2)? {
        if let [offset, ty, access, kind, ..] = row[..] {
            let root = contents.ty(ty).map(|t| t.name.clone()).unwrap_or_default();
            let (section, access) = (string(strings, section), string(strings, access));
            contents.core.push(CoreRelocation { section, offset, root, access, kind });
        }
    }
    Ok(())
}

/// Rows of a table with the section that each belongs to.
fn rows(table: &[u8]) -> Option<Vec<(u32, Vec<u32>)>> {
    let mut result = Vec::new();
    if table.is_empty() {
        return Some(result);
    }
    let size = word(table, 0)? as usize;
    if size < 8 || !size.is_multiple_of(4) || size > 64 {
        return None;
    }
    let mut at = 4;
    while at < table.len() {
        let (section, count) = (word(table, at)?, word(table, at + 4)?);
        at += 8;
        for _ in 0..count {
            let row = (0..size / 4).map(|n| word(table, at + 4 * n)).collect::<Option<Vec<u32>>>()?;
            result.push((section, row));
            at += size;
        }
    }
    Some(result)
}
