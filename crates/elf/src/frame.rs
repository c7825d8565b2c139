//! The frame of an object: headers, section table, symbol table and relocations, each number of them. What other readers make of
//! odd ones differs; btc writes none.

use object::elf;

/// Size of the header of the file, and of one of a section.
const HEADER: usize = 64;
const SYMBOL: usize = 24;
const RELOCATION: usize = 16;
/// What btc's relocations are: an address of 64 bits in two instructions (`R_BPF_64_64`), and a call (`R_BPF_64_32`).
const KINDS: [u64; 2] = [1, 10];

/// A section's header.
struct Section<'o> {
    name: &'o str,
    kind: u64,
    flags: u64,
    offset: u64,
    size: u64,
    link: u64,
    info: u64,
    entry: u64,
    bytes: &'o [u8],
}

/// Checks the frame.
///
/// # Errors
/// The first number that btc does not write.
pub fn check(object: &[u8]) -> Result<(), String> {
    let sections = sections(object)?;
    for section in &sections {
        check_section(section, &sections).map_err(|what| format!("its section `{}` {what}", section.name.escape_debug()))?;
    }
    let symbols = sections.iter().find(|s| s.name == ".symtab").ok_or("it has no table of symbols")?;
    let names = sections.iter().find(|s| s.name == ".strtab").ok_or("it has no names of symbols")?;
    let count = symbols.bytes.len() / SYMBOL;
    for n in 0..count {
        check_symbol(&symbols.bytes[n * SYMBOL..][..SYMBOL], names, &sections).ok_or_else(|| format!("symbol {n} is broken"))?;
    }
    for table in sections.iter().filter(|s| s.kind == u64::from(elf::SHT_REL.0)) {
        let target = &sections[table.info as usize];
        for row in table.bytes.chunks_exact(RELOCATION) {
            let (at, info) = (number(row, 0, 8), number(row, 8, 8));
            let lies_inside = at % 8 == 0 && at.checked_add(8).is_some_and(|end| end <= target.size);
            if !lies_inside || !KINDS.contains(&(info & 0xffff_ffff)) || info >> 32 >= count as u64 {
                return Err(format!("a relocation of `{}` is broken", target.name));
            }
        }
    }
    Ok(())
}

fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes.get(at..at + size).unwrap_or_default().iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))
}

fn sections(object: &[u8]) -> Result<Vec<Section<'_>>, String> {
    let broken = || "its header is none of btc's".to_string();
    let head = object.get(..HEADER).ok_or_else(broken)?;
    // 64 bits, little endian, version 1, no system; a relocatable file for BPF, version 1, without start and segments.
    let written = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 9], &[1, 0, 247, 0, 1, 0, 0, 0], &[0; 16]].concat();
    let rest = [0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 64, 0];
    if head[..40] != written || head[48..60] != rest {
        return Err(broken());
    }
    let (table, count, names) = (number(head, 40, 8), number(head, 60, 2) as usize, number(head, 62, 2) as usize);
    let table = usize::try_from(table).map_err(|_| broken())?;
    let headers = object.get(table..).and_then(|t| t.get(..count * HEADER)).ok_or("its table of sections is cut off")?;
    let header = |n: usize| headers.get(n * HEADER..(n + 1) * HEADER);
    let bytes = |header: &[u8]| {
        if number(header, 4, 4) == u64::from(elf::SHT_NOBITS.0) {
            return Some([].as_slice());
        }
        let (at, size) = (usize::try_from(number(header, 24, 8)).ok()?, usize::try_from(number(header, 32, 8)).ok()?);
        object.get(at..at.checked_add(size)?)
    };
    let names = header(names).and_then(bytes).ok_or("it has no names of sections")?;
    (0..count).map(|n| section(header(n)?, names, bytes(header(n)?)?)).collect::<Option<_>>().ok_or("a section lies outside of it".into())
}

fn section<'o>(header: &[u8], names: &'o [u8], bytes: &'o [u8]) -> Option<Section<'o>> {
    let [kind, link, info] = [4, 40, 44].map(|at| number(header, at, 4));
    let [flags, offset, size, entry] = [8, 24, 32, 56].map(|at| number(header, at, 8));
    Some(Section { name: text(names, number(header, 0, 4))?, kind, flags, offset, size, link, info, entry, bytes })
}

/// A name, with its end.
fn text(names: &[u8], at: u64) -> Option<&str> {
    let rest = names.get(usize::try_from(at).ok()?..)?;
    std::str::from_utf8(&rest[..rest.iter().position(|b| *b == 0)?]).ok()
}

fn check_section(section: &Section<'_>, all: &[Section<'_>]) -> Result<(), &'static str> {
    let is = |index: u64, name: &str| all.get(index as usize).is_some_and(|s| s.name == name);
    let (data, readable, code) = (elf::SHF_WRITE | elf::SHF_ALLOC, elf::SHF_ALLOC, elf::SHF_ALLOC | elf::SHF_EXECINSTR);
    let (kind, flags, entry) = match section.name {
        "" => (elf::SHT_NULL, elf::SectionFlags(0), 0),
        ".symtab" => (elf::SHT_SYMTAB, elf::SectionFlags(0), SYMBOL),
        ".strtab" | ".shstrtab" => (elf::SHT_STRTAB, elf::SectionFlags(0), 0),
        ".bss" => (elf::SHT_NOBITS, data, 0),
        ".maps" | "license" => (elf::SHT_PROGBITS, data, 0),
        ".rodata" => (elf::SHT_PROGBITS, readable, 0),
        ".BTF" | ".BTF.ext" | btc_abi::SECTION => (elf::SHT_PROGBITS, elf::SectionFlags(0), 0),
        name if name.starts_with(".rel") => (elf::SHT_REL, elf::SHF_INFO_LINK, RELOCATION),
        _ => (elf::SHT_PROGBITS, code, 0),
    };
    if (section.kind, section.flags, section.entry) != (u64::from(kind.0), u64::from(flags.0), entry as u64) {
        return Err("is of another kind than btc's");
    }
    if entry > 0 && section.bytes.len() % entry != 0 {
        return Err("has half an entry");
    }
    let fine = match section.name {
        ".symtab" => is(section.link, ".strtab"),
        ".strtab" | ".shstrtab" => section.bytes.first() == Some(&0) && section.bytes.last() == Some(&0),
        "" => section.offset == 0 && section.size == 0,
        name => match name.strip_prefix(".rel") {
            Some(target) => is(section.link, ".symtab") && is(section.info, target),
            None => section.link == 0 && section.info == 0,
        },
    };
    if fine { Ok(()) } else { Err("leads elsewhere") }
}

fn check_symbol(symbol: &[u8], names: &Section<'_>, sections: &[Section<'_>]) -> Option<()> {
    text(names.bytes, number(symbol, 0, 4))?;
    let (index, value, size) = (number(symbol, 6, 2) as usize, number(symbol, 8, 8), number(symbol, 16, 8));
    let room = sections.get(index)?.size;
    (value.checked_add(size)? <= room).then_some(())
}
