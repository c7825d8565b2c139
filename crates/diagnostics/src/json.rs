//! Diagnostics for programs: an object a line.

use std::fmt::Write;

use crate::{Diagnostic, Severity, SourceMap, Span};

/// One diagnostic as a JSON object and a newline. Lines and columns count from 1, columns in
/// characters; the end is behind the last character.
pub fn render_json(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut out = format!("{{\"severity\":\"{severity}\",\"code\":\"{}\",", diagnostic.code.name());
    member(&mut out, "message", &diagnostic.message);
    out.push(',');
    place(&mut out, sources, diagnostic.span);
    member(&mut out, "label", &diagnostic.label);
    out.push_str(",\"also\":[");
    for (n, (span, label)) in diagnostic.others.iter().enumerate() {
        out.push_str(if n == 0 { "{" } else { ",{" });
        place(&mut out, sources, *span);
        member(&mut out, "label", label);
        out.push('}');
    }
    out.push_str("],\"help\":[");
    for (n, help) in diagnostic.help.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        text(&mut out, help);
    }
    out.push_str("]}\n");
    out
}

fn place(out: &mut String, sources: &SourceMap, span: Span) {
    let (line, column) = sources.position(span.file, span.start);
    let (end_line, end_column) = sources.position(span.file, span.end);
    member(out, "file", sources.name(span.file));
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        ",\"line\":{line},\"column\":{column},\"end_line\":{end_line},\"end_column\":{end_column},"
    );
}

fn member(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, "\"{name}\":");
    text(out, value);
}

/// A JSON string (RFC 8259).
fn text(out: &mut String, value: &str) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use crate::{Code, Diagnostic, SourceMap, Span, render_json};

    #[test]
    fn quotes_are_escaped() {
        let mut sources = SourceMap::default();
        let file = sources.add("a.bt", "BEGIN { \"x }\n");
        let error = Diagnostic::error(Code::Syntax, Span::new(file, 8, 9), "a \"quote\"").help("close\nit");
        let expected = concat!(
            r#"{"severity":"error","code":"syntax","message":"a \"quote\"","file":"a.bt","line":1,"column":9,"#,
            r#""end_line":1,"end_column":10,"label":"","also":[],"help":["close\nit"]}"#,
            "\n"
        );
        assert_eq!(render_json(&error, &sources), expected);
    }
}
