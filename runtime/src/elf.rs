//! The object's bytes: finding the manifest and filling variables before libbpf sees them.

mod relocations;

use std::collections::HashMap;
use std::ffi::{CStr, CString};

use btc_abi::{Manifest, SECTION};
use object::{Object, ObjectSection, ObjectSymbol};

use crate::options::Settings;
use crate::{Error, Options};
use crate::arguments::Code;

/// Reads and checks the manifest of an object.
pub fn manifest(object: &[u8]) -> Result<Manifest, Error> {
    let file = parse(object)?;
    let section = file
        .section_by_name(SECTION)
        .ok_or_else(|| Error::new("the object has no btc manifest; was it made by btc?"))?;
    let data = section.data().map_err(|_| Error::new("the manifest's section is damaged"))?;
    let manifest =
        btc_abi::wire::decode(data).map_err(|e| Error::new(format!("the manifest cannot be read: {e}")))?;
    crate::validate::validate(&manifest)?;
    crate::trust::check(object, &manifest)?;
    // Its settings are numbers that a run obeys.
    Settings::new(&manifest, &Options::default())?;
    Ok(manifest)
}

/// Whether an object has a symbol of that name.
pub(crate) fn has_symbol(object: &[u8], name: &str) -> Result<bool, Error> {
    Ok(parse(object)?.symbols().any(|s| s.name() == Ok(name)))
}

type Elf<'a> = object::read::elf::ElfFile64<'a, object::Endianness>;

fn parse(bytes: &[u8]) -> Result<Elf<'_>, Error> {
    Elf::parse(bytes).map_err(|_| Error::new("this is no BPF object (not a 64-bit ELF file)"))
}

/// A symbol of the object with a place in the file.
struct Spot {
    /// Offset in the file; `None` for `.bss`.
    file: Option<usize>,
    size: u64,
}

/// An object that is being prepared.
pub(crate) struct Image {
    bytes: Vec<u8>,
}

impl Image {
    pub(crate) fn new(object: &[u8]) -> Result<Image, Error> {
        parse(object)?;
        Ok(Image { bytes: object.to_vec() })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn spot(&self, name: &str) -> Option<Spot> {
        let file = parse(&self.bytes).ok()?;
        let symbol = file.symbols().find(|s| s.name() == Ok(name) && s.section_index().is_some())?;
        let section = file.section_by_index(symbol.section_index()?).ok()?;
        let offset = symbol.address();
        let place = section.file_range().and_then(|(start, length)| {
            let end = offset.checked_add(symbol.size())?;
            (end <= length).then_some(start.checked_add(offset)? as usize)
        });
        Some(Spot { file: place, size: symbol.size() })
    }

    fn slot(&mut self, name: &str, at: u64, length: usize) -> Result<&mut [u8], Error> {
        let broken = || Error::new(format!("the object is damaged: `{name}` is not where it should be"));
        let spot = self.spot(name).ok_or_else(broken)?;
        if spot.size != 0 && at.saturating_add(length as u64) > spot.size {
            return Err(broken());
        }
        let start = spot.file.ok_or_else(broken)?.checked_add(at as usize).ok_or_else(broken)?;
        let end = start.checked_add(length).ok_or_else(broken)?;
        self.bytes.get_mut(start..end).ok_or_else(broken)
    }

    /// Writes a `u64` variable.
    pub(crate) fn set_number(&mut self, symbol: &str, value: u64) -> Result<(), Error> {
        self.slot(symbol, 0, 8)?.copy_from_slice(&value.to_le_bytes());
        Ok(())
    }

    /// Writes a text variable, padded with NUL; the caller has checked that it fits.
    pub(crate) fn set_text(&mut self, symbol: &str, capacity: u32, text: &str) -> Result<(), Error> {
        let slot = self.slot(symbol, 0, capacity as usize)?;
        slot.fill(0);
        slot[..text.len()].copy_from_slice(text.as_bytes());
        Ok(())
    }

    /// An instruction of a program.
    pub(crate) fn instruction(&mut self, program: &str, insn: u32) -> Result<Code, Error> {
        let slot = self.slot(program, u64::from(insn) * 8, 8)?;
        let imm = i32::from_le_bytes([slot[4], slot[5], slot[6], slot[7]]);
        Ok(Code { code: slot[0], off: i16::from_le_bytes([slot[2], slot[3]]), imm })
    }

    /// Overwrites an instruction, but for its registers.
    pub(crate) fn set_instruction(&mut self, program: &str, insn: u32, code: Code) -> Result<(), Error> {
        let slot = self.slot(program, u64::from(insn) * 8, 8)?;
        slot[0] = code.code;
        slot[2..4].copy_from_slice(&code.off.to_le_bytes());
        slot[4..8].copy_from_slice(&code.imm.to_le_bytes());
        Ok(())
    }

    /// Takes out the CO-RE relocation of an instruction, if it has one.
    pub(crate) fn unrelocate(&mut self, program: &str, insn: u32) -> Result<(), Error> {
        let damaged = || Error::new("the object is damaged: its relocations are not where they should be");
        let file = parse(&self.bytes)?;
        let symbol = file.symbols().find(|s| s.name() == Ok(program) && s.section_index().is_some());
        let symbol = symbol.ok_or_else(damaged)?;
        let at = symbol.address().saturating_add(u64::from(insn) * 8);
        let section = symbol.section_index().and_then(|n| file.section_by_index(n).ok());
        let name = section.and_then(|s| s.name().ok().map(str::to_string)).ok_or_else(damaged)?;
        let of = |section: &str| file.section_by_name(section).and_then(|s| s.file_range());
        let (Some((ext, ext_size)), Some((btf, btf_size))) = (of(".BTF.ext"), of(".BTF")) else { return Ok(()) };
        let [ext, btf] = [(ext, ext_size), (btf, btf_size)].map(|(at, size)| at as usize..at.saturating_add(size) as usize);
        let btf = self.bytes.get(btf).ok_or_else(damaged)?.to_vec();
        let table = self.bytes.get_mut(ext).ok_or_else(damaged)?;
        relocations::remove(table, &btf, &name, at as u32).ok_or_else(damaged)
    }

    /// Renames a function that the object only refers to, so that no kernel has it. Tells whether there was one.
    ///
    /// libbpf looks for its name in the symbol table and, by the same name, in BTF (type `FUNC`, section `.ksyms`).
    pub(crate) fn hide(&mut self, function: &str) -> bool {
        let Ok(file) = parse(&self.bytes) else { return false };
        if !file.symbols().any(|s| s.is_undefined() && s.name() == Ok(function)) {
            return false;
        }
        let tables = [".strtab", ".BTF"].map(|name| file.section_by_name(name).and_then(|s| s.file_range()));
        for (start, length) in tables.into_iter().flatten() {
            let end = start.saturating_add(length) as usize;
            let Some(table) = self.bytes.get_mut(start as usize..end) else { return false };
            let name = [b"\0", function.as_bytes(), b"\0"].concat();
            for at in 0..table.len().saturating_sub(name.len() - 1) {
                if table[at..].starts_with(&name) {
                    table[at + 1].make_ascii_uppercase();
                }
            }
        }
        true
    }

    /// The licence of the programs; empty where the object tells none, as libbpf takes it.
    pub(crate) fn licence(&self) -> CString {
        let file = parse(&self.bytes).ok();
        let section = file.as_ref().and_then(|f| f.section_by_name("license")?.data().ok()).unwrap_or_default();
        CStr::from_bytes_until_nul(section).map(CStr::to_owned).unwrap_or_default()
    }

    /// Offsets of the variables in `.bss`.
    pub(crate) fn variables(&self) -> HashMap<String, u64> {
        let Ok(file) = parse(&self.bytes) else { return HashMap::new() };
        let bss = file.section_by_name(".bss").map(|s| s.index());
        let inside = file.symbols().filter(|s| bss.is_some() && s.section_index() == bss);
        inside.filter_map(|s| Some((s.name().ok()?.to_string(), s.address()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_in_words() {
        assert!(manifest(b"#!/bin/sh").unwrap_err().to_string().contains("no BPF object"));
        assert!(manifest(&[]).is_err());
        let mut elf = vec![0u8; 64];
        elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        assert!(manifest(&elf).is_err());
    }
}
