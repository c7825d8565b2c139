//! Notes of static probes: `.note.stapsdt` (Systemtap wiki, "UserSpaceProbeImplementation").

use std::path::Path;

use super::super::segments::Segments;
use object::{Object, ObjectSection};

use crate::foreign;

/// Type of the note.
const STAPSDT: u32 = 3;
/// Bytes of the section, and notes of a file, that are read.
const MAX_BYTES: u64 = 64 << 20;
const MAX_NOTES: usize = 100_000;

/// A probe at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub provider: String,
    pub name: String,
    /// The operands, such as `-4@%eax 8@16(%rbp)`.
    pub arguments: String,
    /// Where that is; else why nothing can be attached there.
    pub place: Result<Place, String>,
}

/// A place in a binary's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its offset.
    pub offset: u64,
    /// Offset of the counter that switches the probe on; 0 where there is none.
    pub semaphore: u32,
}

/// All probes of a file.
pub(super) fn read(path: &Path) -> Result<Vec<Note>, String> {
    let binary = foreign::binary(path).map_err(|e| e.to_string())?;
    let elf = object::File::parse(&binary).map_err(|e| e.to_string())?;
    let Some(section) = elf.section_by_name(".note.stapsdt") else { return Ok(Vec::new()) };
    if section.size() > MAX_BYTES {
        return Err(format!("it has more than {} MiB of notes", MAX_BYTES >> 20));
    }
    let data = section.data().map_err(|e| e.to_string())?;
    let base = elf.section_by_name(".stapsdt.base").map(|s| s.address());
    let segments = Segments::of(&elf);
    let mut notes = Vec::new();
    for raw in Notes(data).take(MAX_NOTES) {
        let place = raw.place(&segments, moved(base, raw.base));
        notes.push(Note { provider: raw.provider, name: raw.name, arguments: raw.arguments, place });
    }
    Ok(notes)
}

/// How far the code lies from where a note says, by the address of `.stapsdt.base` and what the note says of that:
/// prelinking moves code and leaves notes as they are. A note whose base is 0 has none, whoever else in the file has one
/// (macros that come with no section of their own write such notes); libbpf takes it so, too.
fn moved(section: Option<u64>, note: u64) -> u64 {
    match section {
        Some(base) if note != 0 => base.wrapping_sub(note),
        _ => 0,
    }
}

/// A note as it stands in the file.
struct Raw {
    location: u64,
    base: u64,
    semaphore: u64,
    provider: String,
    name: String,
    arguments: String,
}

impl Raw {
    /// Where it is, when it has moved so far. Without its counter a probe would be attached and never fire.
    fn place(&self, segments: &Segments, moved: u64) -> Result<Place, String> {
        let (code, counter) = (self.location.wrapping_add(moved), self.semaphore.wrapping_add(moved));
        let no_part = |what: &str, address: u64| format!("{what}, {address:#x}, lies in no part of its file that is mapped");
        let offset = segments.file_offset(code).ok_or_else(|| no_part("its place", code))?;
        let semaphore = match self.semaphore {
            0 => 0,
            _ => {
                let at = segments.mapped_offset(counter).ok_or_else(|| no_part("the counter that switches it on", counter))?;
                u32::try_from(at).map_err(|_| format!("the counter that switches it on lies behind 4 GiB of its file, at {at:#x}"))?
            }
        };
        Ok(Place { offset, semaphore })
    }
}

/// The notes of a section of a 64-bit little-endian file.
struct Notes<'a>(&'a [u8]);

impl Iterator for Notes<'_> {
    type Item = Raw;

    fn next(&mut self) -> Option<Raw> {
        loop {
            let word = |at: usize| Some(u32::from_le_bytes(self.0.get(at..at + 4)?.try_into().ok()?));
            let (name_size, size, kind) = (word(0)? as usize, word(4)? as usize, word(8)?);
            let start = 12usize.checked_add(name_size.checked_next_multiple_of(4)?)?;
            let name = self.0.get(12..)?.get(..name_size)?;
            let body = self.0.get(start..)?.get(..size)?;
            let is_probe = kind == STAPSDT && name == b"stapsdt\0";
            let raw = is_probe.then(|| raw(body)).flatten();
            let end = start.checked_add(size.checked_next_multiple_of(4)?)?;
            self.0 = self.0.get(end..).unwrap_or_default();
            if raw.is_some() {
                return raw;
            }
        }
    }
}

fn raw(body: &[u8]) -> Option<Raw> {
    let number = |n: usize| Some(u64::from_le_bytes(body.get(n * 8..n * 8 + 8)?.try_into().ok()?));
    let mut texts = body.get(24..)?.split(|b| *b == 0).map(|t| String::from_utf8_lossy(t).into_owned());
    Some(Raw {
        location: number(0)?,
        base: number(1)?,
        semaphore: number(2)?,
        provider: texts.next()?,
        name: texts.next()?,
        arguments: texts.next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_note_with_a_base_is_moved() {
        for (section, note, by) in [
            (None, 0, 0),
            (None, 0x2000, 0),
            (Some(0x2000), 0, 0),
            (Some(0x2000), 0x2000, 0),
            (Some(0x5000), 0x2000, 0x3000),
            (Some(0x2000), 0x5000, 0x3000u64.wrapping_neg()),
        ] {
            assert_eq!(moved(section, note), by, "{section:?} {note:#x}");
        }
    }

    #[test]
    fn notes_are_read_and_broken_ones_end_the_list() {
        let mut body = Vec::new();
        for number in [0x1010u64, 0x2000, 0] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        body.extend_from_slice(b"app\0tick\0-4@%eax\0");
        let mut data = Vec::new();
        for word in [8u32, body.len() as u32, STAPSDT] {
            data.extend_from_slice(&word.to_le_bytes());
        }
        data.extend_from_slice(b"stapsdt\0");
        data.extend_from_slice(&body);
        data.resize(data.len().next_multiple_of(4), 0);
        data.extend_from_slice(&[0xff; 20]);
        let found: Vec<Raw> = Notes(&data).collect();
        assert_eq!(found.len(), 1);
        let (note, shown) = (&found[0], "app tick -4@%eax");
        assert_eq!(format!("{} {} {}", note.provider, note.name, note.arguments), shown);
        assert_eq!((note.location, note.base), (0x1010, 0x2000));
        for end in 0..data.len() {
            let _ = Notes(&data[..end]).count();
        }
    }
}
