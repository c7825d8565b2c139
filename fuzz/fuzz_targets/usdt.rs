//! Notes of static probes that somebody else has made: places and operands are read or left out.
#![no_main]

use btc_fuzz::scratch;
use btc_runtime::{Options, fuzzing};
use libfuzzer_sys::fuzz_target;
use object::write::{Object, SectionId};
use object::{Architecture, BinaryFormat, Endianness, SectionKind};

fn binary(notes: &[u8]) -> Vec<u8> {
    let mut file = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
    let section: SectionId = file.add_section(Vec::new(), b".note.stapsdt".to_vec(), SectionKind::Note);
    file.append_section_data(section, notes, 4);
    file.write().expect("a binary with one section")
}

fuzz_target!(|input: (&str, &[u8])| {
    let (operands, notes) = input;
    fuzzing::operands(operands);
    let path = scratch::file(&binary(notes)).to_string_lossy();
    let _ = btc_runtime::static_probes(&path, &Options::default());
});
