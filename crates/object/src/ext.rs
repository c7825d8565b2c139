//! `.BTF.ext`: where functions begin, which lines code stems from, CO-RE relocations.
//!
//! Keeps the kernel's rules: each function's first record is at its first instruction,
//! offsets ascend strictly within a section.

use crate::btf::{Btf, MAGIC, TypeId};
use crate::stubs::Relocation;
use crate::SourceText;

/// Records of one ELF section; offsets are bytes from its start.
#[derive(Default)]
pub struct SectionInfo {
    /// ELF section.
    pub name: String,
    /// Functions: offset and FUNC.
    pub functions: Vec<(u32, TypeId)>,
    /// Lines: offset, file number, byte in the file.
    pub lines: Vec<(u32, u32, u32)>,
    /// Relocations with their offsets.
    pub relocations: Vec<(u32, Relocation)>,
}

/// The bytes of the section; strings go into `btf`.
pub fn build(sections: &[SectionInfo], sources: &[SourceText<'_>], btf: &mut Btf) -> Vec<u8> {
    let starts: Vec<Vec<usize>> = sources.iter().map(|s| line_starts(s.text)).collect();
    let (mut functions, mut lines, mut relocations) = (vec![], vec![], vec![]);
    for section in sections {
        let name = btf.string(&section.name);
        let rows: Vec<Vec<u32>> = section.functions.iter().map(|(at, ty)| vec![*at, *ty]).collect();
        table(&mut functions, name, &rows);
        let rows: Vec<Vec<u32>> = section
            .lines
            .iter()
            .map(|(at, file, byte)| line(*at, *file as usize, *byte as usize, sources, &starts, btf))
            .collect();
        table(&mut lines, name, &rows);
        let rows: Vec<Vec<u32>> = section
            .relocations
            .iter()
            .map(|(at, r)| vec![*at, r.ty, btf.string(&r.access), r.kind])
            .collect();
        table(&mut relocations, name, &rows);
    }
    let mut out = Vec::new();
    out.extend(MAGIC.to_le_bytes());
    out.extend([1, 0]); // version, flags
    let tables = [(8u32, functions), (16, lines), (16, relocations)];
    let mut header = vec![32u32];
    let mut at = 0;
    for (_, words) in &tables {
        // A table without rows is left out: libbpf refuses an empty one.
        let len = if words.is_empty() { 0 } else { 4 + 4 * words.len() as u32 };
        header.extend([at, len]);
        at += len;
    }
    out.extend(header.iter().flat_map(|n| n.to_le_bytes()));
    for (size, words) in tables.iter().filter(|(_, words)| !words.is_empty()) {
        out.extend(size.to_le_bytes());
        out.extend(words.iter().flat_map(|n| n.to_le_bytes()));
    }
    out
}

fn table(words: &mut Vec<u32>, name: u32, rows: &[Vec<u32>]) {
    if !rows.is_empty() {
        words.extend([name, rows.len() as u32]);
        words.extend(rows.iter().flatten());
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(n, _)| n + 1)).collect()
}

/// Bytes of a line that the kernel shows beside instructions.
const MAX_LINE: usize = 400;

/// A row of `line_info`: offset, file, text, line and column. Line and column are cut to
/// the 22 and 10 bits that they have.
fn line(
    at: u32,
    file: usize,
    byte: usize,
    sources: &[SourceText<'_>],
    starts: &[Vec<usize>],
    btf: &mut Btf,
) -> Vec<u32> {
    let (Some(source), Some(starts)) = (sources.get(file), starts.get(file)) else {
        return vec![at, btf.string("<generated>"), 0, 1 << 10];
    };
    let n = starts.partition_point(|s| *s <= byte).max(1);
    let start = starts[n - 1];
    let end = starts.get(n).copied().unwrap_or(source.text.len());
    let text = if source.is_shown { source.text } else { "" };
    let text = text.get(start..source.text.floor_char_boundary(end.min(start + MAX_LINE))).unwrap_or("").trim_end();
    let before = source.text.get(start..byte.min(source.text.len())).unwrap_or("");
    let column = before.chars().take(1022).count() as u32 + 1;
    let line = (n as u32).min((1 << 22) - 1);
    // Objects must not tell, nor depend on, where their script lay.
    let file = source.name.rsplit('/').next().unwrap_or_default();
    vec![at, btf.string(file), btf.string(text), (line << 10) | column]
}
