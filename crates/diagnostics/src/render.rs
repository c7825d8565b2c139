//! Turns diagnostics into text with codespan-reporting.
//!
//! The first line is `file:line:col-col: ERROR: message`, which editors and
//! bpftrace's users know; below it stands the source with the place drawn in.

use codespan_reporting::diagnostic as cs;
use codespan_reporting::term;

use crate::view::View;
use crate::{Diagnostic, Severity, SourceMap};

/// The text of one diagnostic, with a final newline; `colour` adds ANSI colours.
pub fn render(diagnostic: &Diagnostic, sources: &SourceMap, colour: bool) -> String {
    let (word, paint) = match diagnostic.severity {
        Severity::Error => ("ERROR", "\x1b[1;31m"),
        Severity::Warning => ("WARNING", "\x1b[1;33m"),
    };
    let word = if colour { format!("{paint}{word}\x1b[0m") } else { word.to_string() };
    let place = sources.locate(diagnostic.span);
    let code = diagnostic.code.name();
    let mut out = format!("{place}: {word}: {} [{code}]\n", line(&diagnostic.message));
    out.push_str(&snippet(diagnostic, sources, colour));
    out
}

/// A text on one line: names of others that it quotes must not look like messages of their own.
fn line(text: &str) -> String {
    text.replace('\n', "\\x0a")
}

/// The drawn source: codespan's rich form without its first line, which [`render`] replaces.
fn snippet(diagnostic: &Diagnostic, sources: &SourceMap, colour: bool) -> String {
    let mut files = View::new(sources);
    let mut labels = Vec::new();
    let mut notes = Vec::new();
    if let Some(range) = files.show(diagnostic.span) {
        labels.push(cs::Label::primary(diagnostic.span.file, range).with_message(line(&diagnostic.label)));
    }
    for (span, label) in &diagnostic.others {
        match files.show(*span) {
            Some(range) => labels.push(cs::Label::secondary(span.file, range).with_message(line(label))),
            None => notes.push(format!("{}: {}", sources.locate(*span), line(label))),
        }
    }
    notes.extend(diagnostic.help.iter().map(|h| format!("help: {}", line(h))));
    let drawn = cs::Diagnostic::error()
        .with_labels(labels)
        .with_notes(notes);
    let config = term::Config::default();
    let text = if colour {
        let mut writer = term::termcolor::Ansi::new(Vec::new());
        let _ = term::emit_to_write_style(&mut writer, &config, &files, &drawn);
        String::from_utf8_lossy(&writer.into_inner()).into_owned()
    } else {
        term::emit_into_string(&config, &files, &drawn).unwrap_or_default()
    };
    let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    format!("{}\n", rest.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Span};

    /// What is quoted may be anybody's.
    #[test]
    fn what_is_quoted_begins_no_line() {
        let mut sources = SourceMap::default();
        let file = sources.add("a.bt", "BEGIN { x }");
        let span = Span { file, start: 8, end: 9 };
        let evil = "`x\nERROR: y`";
        let all = Diagnostic::error(Code::UnknownName, span, evil).label(evil).also(span, evil).help(evil);
        let text = render(&all, &sources, false);
        assert_eq!(text.matches("`x\\x0aERROR: y`").count(), 4, "{text}");
        assert!(!text.contains("\nERROR"), "{text}");
    }
}
