//! Turns diagnostics into text with codespan-reporting.
//!
//! The first line is `file:line:col-col: ERROR: message`, which editors and
//! bpftrace's users know; below it stands the source with the place drawn in.

use codespan_reporting::diagnostic as cs;
use codespan_reporting::files::SimpleFiles;
use codespan_reporting::term;

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
    let mut out = format!("{place}: {word}: {} [{code}]\n", diagnostic.message);
    out.push_str(&snippet(diagnostic, sources, colour));
    out
}

/// The drawn source: codespan's rich form without its first line, which [`render`] replaces.
fn snippet(diagnostic: &Diagnostic, sources: &SourceMap, colour: bool) -> String {
    let mut files = SimpleFiles::new();
    for id in 0..sources.len() {
        let id = crate::FileId(id as u32);
        files.add(sources.name(id), sources.text(id));
    }
    let primary = cs::Label::primary(diagnostic.span.file.0 as usize, range(diagnostic.span, sources))
        .with_message(&diagnostic.label);
    let others = diagnostic.others.iter().map(|(span, label)| {
        cs::Label::secondary(span.file.0 as usize, range(*span, sources)).with_message(label)
    });
    let drawn = cs::Diagnostic::error()
        .with_labels(std::iter::once(primary).chain(others).collect())
        .with_notes(diagnostic.help.iter().map(|h| format!("help: {h}")).collect());
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

/// The span as a range of its file, kept inside the text and on character bounds.
fn range(span: crate::Span, sources: &SourceMap) -> std::ops::Range<usize> {
    let text = sources.text(span.file);
    let clamp = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    clamp(span.start as usize)..clamp(span.end as usize)
}
