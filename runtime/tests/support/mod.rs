//! Small BPF objects, written by hand: the tests need neither a compiler nor clang.

use btc_abi::{EVENTS_MAP, Manifest, SECTION};
use object::write::{Object, Relocation, Symbol, SymbolSection};
use object::{Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope};

/// Types for one map: `struct { int (*type)[27]; int (*max_entries)[4096]; } btc_events`.
fn btf() -> Vec<u8> {
    let mut names = vec![0u8];
    let mut name = |text: &str| {
        let at = names.len() as u32;
        names.extend(text.as_bytes());
        names.push(0);
        at
    };
    let (int, kind, entries, events, maps) =
        (name("int"), name("type"), name("max_entries"), name(EVENTS_MAP), name(".maps"));
    let info = |kind: u32, count: u32| kind << 24 | count;
    let pointer = |to: u32| vec![0, info(2, 0), to];
    let array = |count: u32| vec![0, info(3, 0), 0, 1, 1, count];
    let types: Vec<u32> = [
        vec![int, info(1, 0), 4, 1 << 24 | 32],
        array(27),
        pointer(2),
        array(4096),
        pointer(4),
        vec![0, info(4, 2), 16, kind, 3, 0, entries, 5, 64],
        vec![events, info(14, 0), 6, 1],
        vec![maps, info(15, 1), 16, 7, 0, 16],
    ]
    .concat();
    let length = types.len() as u32 * 4;
    let mut out = vec![0x9f, 0xeb, 1, 0];
    for word in [24, 0, length, length, names.len() as u32].into_iter().chain(types) {
        out.extend(word.to_le_bytes());
    }
    out.extend(names);
    out
}

fn insn(code: u8, registers: u8, offset: i16, immediate: i32) -> [u8; 8] {
    let (o, i) = (offset.to_le_bytes(), immediate.to_le_bytes());
    [code, registers, o[0], o[1], i[0], i[1], i[2], i[3]]
}

/// A program that sends records of 16 bytes: an id and a number each.
/// The second half of the result are the offsets that name the ring buffer.
fn code(records: &[(u32, i32)]) -> (Vec<u8>, Vec<u64>) {
    let mut out: Vec<[u8; 8]> = Vec::new();
    let mut maps = Vec::new();
    for (id, value) in records {
        out.push(insn(0x7a, 0x0a, -16, *id as i32));
        out.push(insn(0x7a, 0x0a, -8, *value));
        maps.push(out.len() as u64 * 8);
        out.push(insn(0x18, 0x01, 0, 0));
        out.push(insn(0, 0, 0, 0));
        out.push(insn(0xbf, 0xa2, 0, 0));
        out.push(insn(0x07, 0x02, 0, -16));
        out.push(insn(0xb7, 0x03, 0, 16));
        // BPF_RB_NO_WAKEUP
        out.push(insn(0xb7, 0x04, 0, 1));
        // bpf_ringbuf_output
        out.push(insn(0x85, 0, 0, 130));
    }
    out.push(insn(0xb7, 0, 0, 0));
    out.push(insn(0x95, 0, 0, 0));
    (out.concat(), maps)
}

fn symbol(name: &str, value: u64, size: u64, kind: SymbolKind, section: object::write::SectionId) -> Symbol {
    Symbol {
        name: name.into(),
        value,
        size,
        kind,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    }
}

/// An object of programs, each in the section of its probe and with the records that it sends.
pub fn object(manifest: &Manifest, programs: &[(&str, &[(u32, i32)])]) -> Vec<u8> {
    let mut elf = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let maps = elf.add_section(vec![], b".maps".to_vec(), SectionKind::Data);
    elf.append_section_data(maps, &[0; 16], 8);
    let events = elf.add_symbol(symbol(EVENTS_MAP, 0, 16, SymbolKind::Data, maps));
    let mut sections = std::collections::BTreeMap::new();
    for (name, records) in programs {
        let (code, uses) = code(records);
        let of = manifest.probes.iter().find(|p| p.program == *name).map_or("raw_tp".to_string(), |p| p.attach.section());
        let section = *sections.entry(of).or_insert_with_key(|of| elf.add_section(vec![], of.as_bytes().to_vec(), SectionKind::Text));
        let start = elf.append_section_data(section, &code, 8);
        elf.add_symbol(symbol(name, start, code.len() as u64, SymbolKind::Text, section));
        for at in uses {
            let relocation =
                Relocation { offset: start + at, symbol: events, addend: 0, flags: RelocationFlags::Elf { r_type: object::elf::R_BPF_64_64 } };
            elf.add_relocation(section, relocation).expect("a relocation");
        }
    }
    for (name, kind, data) in [
        ("license", SectionKind::Data, b"GPL\0".to_vec()),
        (".BTF", SectionKind::Other, btf()),
        (SECTION, SectionKind::Other, btc_abi::wire::encode(manifest)),
    ] {
        let section = elf.add_section(vec![], name.as_bytes().to_vec(), kind);
        elf.append_section_data(section, &data, 8);
    }
    elf.write().expect("an ELF file")
}
