//! Files and places in them.

use std::fmt;
use std::ops::Range;

/// A file of a [`SourceMap`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A half-open range of bytes in one file.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end` of `file`, in bytes.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Span { file, start: start as u32, end: end as u32 }
    }

    /// The smallest range that holds both; of `self`'s file.
    pub fn to(self, other: Span) -> Span {
        if other.file != self.file {
            return self;
        }
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// Bytes of a block of text.
const BLOCK: usize = 256;

/// One source text.
#[derive(Clone, Debug)]
struct File {
    name: String,
    text: String,
    /// Of the system: nothing that the script says stands in it.
    system: bool,
    /// Offset of the first byte of each line.
    lines: Vec<u32>,
    /// Characters before each block of [`BLOCK`] bytes: columns of long lines are asked for often.
    blocks: Vec<u32>,
}

/// The texts of a compile: the script, its imports and the standard library.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<File>,
}

impl SourceMap {
    /// Adds a text under the name shown in messages.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        self.push(name.into(), text.into(), false)
    }

    /// Adds a header of the system: no object names it, since it is the machine's and not the script's.
    pub fn add_system(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        self.push(name.into(), text.into(), true)
    }

    fn push(&mut self, name: String, text: String, system: bool) -> FileId {
        let lines = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1))
            .collect();
        let mut blocks = vec![0];
        for block in text.as_bytes().chunks(BLOCK) {
            blocks.push(blocks[blocks.len() - 1] + characters(block));
        }
        self.files.push(File { name, text, system, lines, blocks });
        FileId(self.files.len() as u32 - 1)
    }

    /// The files that are the script's own.
    pub fn own(&self) -> impl Iterator<Item = FileId> {
        (0..self.files.len()).filter(|i| !self.files[*i].system).map(|i| FileId(i as u32))
    }

    /// The name of `file`.
    pub fn name(&self, file: FileId) -> &str {
        &self.files[file.0 as usize].name
    }

    /// The whole text of `file`.
    pub fn text(&self, file: FileId) -> &str {
        &self.files[file.0 as usize].text
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The text that `span` covers.
    pub fn snippet(&self, span: Span) -> &str {
        self.text(span.file).get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Line and column of a byte offset, both from 1; columns count characters.
    pub fn position(&self, file: FileId, offset: u32) -> (u32, u32) {
        let f = &self.files[file.0 as usize];
        let line = self.line_of(file, offset);
        let before = |at: usize| f.blocks[at / BLOCK] + characters(&f.text.as_bytes()[at / BLOCK * BLOCK..at]);
        let end = f.text.floor_char_boundary((offset as usize).min(f.text.len()));
        let column = before(end) - before((f.lines[line] as usize).min(end));
        (line as u32 + 1, column + 1)
    }

    /// The line that a byte is in, from 0.
    pub fn line_of(&self, file: FileId, offset: u32) -> usize {
        self.files[file.0 as usize].lines.partition_point(|start| *start <= offset).max(1) - 1
    }

    /// The bytes of a line (from 0) with its end; `None` behind the last one.
    pub fn line_range(&self, file: FileId, line: usize) -> Option<Range<usize>> {
        let f = &self.files[file.0 as usize];
        let start = *f.lines.get(line)? as usize;
        Some(start..f.lines.get(line + 1).map_or(f.text.len(), |e| *e as usize))
    }

    /// The text of a line (from 1) without its end.
    pub fn line(&self, file: FileId, line: u32) -> &str {
        let range = self.line_range(file, line as usize - 1).unwrap_or_default();
        self.text(file)[range].trim_end_matches(['\n', '\r'])
    }

    /// `file:line:column-column`, the form that bpftrace's users know.
    pub fn locate(&self, span: Span) -> String {
        let (line, column) = self.position(span.file, span.start);
        let (end_line, end_column) = self.position(span.file, span.end.max(span.start + 1));
        let name = self.name(span.file);
        if end_line == line {
            format!("{name}:{line}:{column}-{end_column}")
        } else {
            format!("{name}:{line}:{column}-{end_line}:{end_column}")
        }
    }
}

/// Characters that begin in these bytes of a text.
fn characters(bytes: &[u8]) -> u32 {
    bytes.iter().filter(|b| !matches!(b, 0x80..=0xbf)).count() as u32
}

#[cfg(test)]
mod tests {
    use super::SourceMap;

    /// Lines and columns are what counting from the start says, at each place and in lines of any length.
    #[test]
    fn positions_are_counted_from_the_start() {
        let mut sources = SourceMap::default();
        let text = format!("a\n{}\n\nä{}\nend", "é".repeat(700), "xö".repeat(400));
        let file = sources.add("a.bt", text.clone());
        let (mut line, mut column) = (1, 1);
        for (at, c) in text.char_indices() {
            assert_eq!(sources.position(file, at as u32), (line, column), "at {at}");
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        assert_eq!(sources.position(file, text.len() as u32), (line, column));
        assert_eq!(sources.position(file, u32::MAX), (line, column));
    }
}
