//! Places of the script in messages.

use std::fmt::Write;

use btc_abi::{Manifest, Place};

use crate::render::escape::{self, Keep, replaced};

/// `script.bt:3:5-20`
pub(crate) fn show(manifest: &Manifest, place: &Place) -> String {
    let name = manifest.sources.get(place.file as usize).map_or("script", |s| s.name.as_str());
    let name = escape::shown(name, Keep::Seen);
    if place.end_line > place.line {
        format!("{name}:{}-{}", place.line, place.end_line)
    } else {
        format!("{name}:{}:{}-{}", place.line, place.column, place.end_column)
    }
}

/// A message with its place and, where the object carries the text, the line and a mark under it.
pub(crate) fn message(manifest: &Manifest, place: &Place, level: &str, text: &str) -> String {
    let mut all = format!("{}: {level}: {}\n", show(manifest, place), text.trim_end_matches('\n'));
    let source = manifest.sources.get(place.file as usize).and_then(|s| s.text.as_deref());
    let line = source.and_then(|t| t.lines().nth((place.line as usize).checked_sub(1)?));
    if let Some(line) = line {
        let length = line.chars().count();
        let start = (place.column as usize).saturating_sub(1).min(length);
        let end = if place.end_line > place.line { length } else { (place.end_column as usize).saturating_sub(1) };
        let marks = end.min(length).saturating_sub(start).max(1);
        let _ = writeln!(all, "{}\n{:start$}{}", replaced(line, Keep::Layout), "", "~".repeat(marks));
    }
    all
}

#[cfg(test)]
mod tests {
    use btc_abi::Source;

    use super::*;

    #[test]
    fn the_line_is_marked() {
        let source = Source { name: "a.bt".into(), hash: [0; 32], text: Some("BEGIN { f(1); }\n".into()) };
        let manifest = Manifest { sources: vec![source], ..Manifest::default() };
        let place = Place { file: 0, line: 1, column: 9, end_line: 1, end_column: 13 };
        let text = message(&manifest, &place, "ERROR", "bad\n");
        assert_eq!(text, "a.bt:1:9-13: ERROR: bad\nBEGIN { f(1); }\n        ~~~~\n");
    }

    /// Both may be an object's.
    #[test]
    fn names_and_lines_hold_nothing_that_a_terminal_obeys() {
        let source = Source { name: "\x1b[7m\na".into(), hash: [0; 32], text: Some("f(\x1b\u{9b}1);\n".into()) };
        let manifest = Manifest { sources: vec![source], ..Manifest::default() };
        let place = Place { file: 0, line: 1, column: 5, end_line: 1, end_column: 6 };
        assert_eq!(message(&manifest, &place, "ERROR", "bad"), "\\x1b[7m\\x0aa:1:5-6: ERROR: bad\nf(\u{fffd}\u{fffd}1);\n    ~\n");
    }
}
