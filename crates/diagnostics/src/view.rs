//! The sources as they are drawn: of long lines a part around the place, of long ranges the first line.

use std::ops::Range;

use codespan_reporting::files::{Error, Files};

use crate::{FileId, SourceMap, Span};

/// Bytes of a line that are drawn whole.
const MAX_LINE: usize = 500;
/// Bytes of a longer one that are drawn before a place, and in all.
const PART: (usize, usize) = (60, 180);
/// Lines over which one range is drawn.
const MAX_LINES: usize = 50;

/// The sources for one diagnostic.
pub(crate) struct View<'a> {
    sources: &'a SourceMap,
    /// What is drawn of long lines.
    parts: Vec<(FileId, usize, Range<usize>)>,
}

impl<'a> View<'a> {
    /// All of it.
    pub fn new(sources: &'a SourceMap) -> View<'a> {
        View { sources, parts: Vec::new() }
    }

    /// The range to draw for a place, which its line is cut around if it is long; `None` where another part of that line is
    /// drawn.
    pub fn show(&mut self, span: Span) -> Option<Range<usize>> {
        let file = span.file;
        let text = self.sources.text(file);
        let (start, mut end) = (floor(text, span.start as usize), floor(text, span.end as usize));
        let (line, last) = (self.line(file, start), self.line(file, end));
        let whole = self.whole(file, line)?;
        let is_long = |range: &Range<usize>| range.len() > MAX_LINE;
        if last > line && (last - line > MAX_LINES || is_long(&whole) || self.whole(file, last).is_none_or(|l| is_long(&l))) {
            end = whole.start + text[whole.clone()].trim_end_matches(['\n', '\r']).len();
        }
        if is_long(&whole) {
            let known = self.parts.iter().find(|(f, l, _)| (*f, *l) == (file, line)).map(|(.., part)| part.clone());
            let part = known.unwrap_or_else(|| {
                let from = floor(text, start.saturating_sub(PART.0).max(whole.start));
                let part = from..floor(text, (from + PART.1).min(whole.end));
                self.parts.push((file, line, part.clone()));
                part
            });
            if start < part.start || start > part.end {
                return None;
            }
            end = end.min(part.end);
        }
        Some(start..end.max(start))
    }

    fn line(&self, file: FileId, offset: usize) -> usize {
        self.sources.line_of(file, offset as u32)
    }

    fn whole(&self, file: FileId, line: usize) -> Option<Range<usize>> {
        self.sources.line_range(file, line)
    }
}

impl<'a> Files<'a> for View<'a> {
    type FileId = FileId;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: FileId) -> Result<&'a str, Error> {
        Ok(self.sources.name(id))
    }

    fn source(&'a self, id: FileId) -> Result<&'a str, Error> {
        Ok(self.sources.text(id))
    }

    fn line_index(&'a self, id: FileId, offset: usize) -> Result<usize, Error> {
        Ok(self.line(id, offset))
    }

    fn column_number(&'a self, id: FileId, _line: usize, offset: usize) -> Result<usize, Error> {
        Ok(self.sources.position(id, offset as u32).1 as usize)
    }

    fn line_range(&'a self, id: FileId, line: usize) -> Result<Range<usize>, Error> {
        let part = self.parts.iter().find(|(f, l, _)| (*f, *l) == (id, line)).map(|(.., part)| part.clone());
        let whole = self.whole(id, line).ok_or(Error::LineTooLarge { given: line, max: line })?;
        // One between two places has none of its own.
        let drawn = if whole.len() > MAX_LINE { beginning(self.sources.text(id), &whole) } else { whole };
        Ok(part.unwrap_or(drawn))
    }
}

/// The beginning of a long line.
fn beginning(text: &str, line: &Range<usize>) -> Range<usize> {
    line.start..floor(text, line.start + PART.1)
}

/// The last bound of a character up to `at`, inside the text.
fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}

#[cfg(test)]
mod tests {
    use crate::{Code, Diagnostic, SourceMap, Span, render};

    /// Whatever the place, on lines and in texts of any length, it is drawn, in little room.
    #[test]
    fn every_place_is_drawn_in_little_room() {
        let long = "é".repeat(5_000);
        let many = "x\n".repeat(5_000);
        for text in [String::new(), "a\nb".to_string(), long.clone(), format!("a\n{long}\n{long}\nb"), many] {
            let mut sources = SourceMap::default();
            let file = sources.add("a.bt", text.clone());
            let step = (text.len() / 40).max(1);
            let places: Vec<usize> = (0..text.len() + 3).step_by(step).collect();
            for start in &places {
                for end in places.iter().filter(|end| *end >= start) {
                    let other = Span::new(file, *end, *end + 2);
                    let span = Span::new(file, *start, *end);
                    let error = Diagnostic::error(Code::Syntax, span, "wrong").label("here").also(other, "there");
                    let drawn = render(&error, &sources, false);
                    assert!(drawn.contains("here") && drawn.contains("there"), "{start}..{end}: {drawn}");
                    assert!(drawn.len() < 4_000, "{start}..{end}: {} bytes", drawn.len());
                }
            }
        }
    }
}
