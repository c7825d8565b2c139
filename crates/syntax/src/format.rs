//! `btc fmt`: one indentation for every script.
//!
//! Lines stay as their author broke them. The formatter sets the white space before
//! each line by the brackets that are open there, removes it at the end of lines, and
//! leaves at most one blank line. Comments, strings over lines, `#` lines and what a
//! condition leaves out keep their text, so formatting twice changes nothing more.

use btc_diagnostics::{Diagnostics, FileId, SourceMap};

use crate::preprocess::Source;
use crate::token::Token;
use crate::{Includes, Options};

/// White space for each open bracket.
const INDENT: &str = "  ";

/// What is known of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// It begins inside of a comment, or holds no token of the script: it stays.
    Untouched,
    /// It is indented so many times.
    Depth(usize),
}

/// The text of the script `file`, formatted; `None` if it has errors, which `d` then tells.
pub fn format(
    sources: &mut SourceMap,
    file: FileId,
    options: &Options,
    includes: &mut dyn Includes,
    d: &mut Diagnostics,
) -> Option<String> {
    crate::parse(sources, file, options, includes, d);
    if d.has_errors() {
        return None;
    }
    let source = crate::preprocess::read(sources, file, options, includes, d);
    let text = sources.text(file);
    let lines = depths(&source, file, text);
    let mut out = String::new();
    let mut blank = true;
    for (line, kind) in text.lines().zip(lines) {
        let trimmed = line.trim_end();
        if trimmed.is_empty() && kind != Line::Untouched {
            if !blank {
                out.push('\n');
            }
            blank = true;
            continue;
        }
        blank = false;
        match kind {
            Line::Untouched => out.push_str(trimmed),
            Line::Depth(depth) => {
                out.push_str(&INDENT.repeat(depth));
                out.push_str(trimmed.trim_start());
            }
        }
        out.push('\n');
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    Some(out)
}

/// The depth of each line.
fn depths(source: &Source, file: FileId, text: &str) -> Vec<Line> {
    let mut tokens = items_of(source, file, text);
    let mut lines = Vec::new();
    let mut comments = source.comments.iter().peekable();
    let mut open: Vec<&'static str> = Vec::new();
    let mut last: Option<(&Token, bool)> = None;
    let mut start = 0usize;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let content = start + (line.len() - line.trim_start().len());
        while comments.peek().is_some_and(|c| c.span.end as usize <= start) {
            comments.next();
        }
        let comment = comments.peek().map(|c| c.span.start as usize);
        let on_line: Vec<(&Token, bool)> = std::iter::from_fn(|| tokens.next_if(|(t, _)| (t.span.start as usize) < end)).collect();
        let inside_comment = comment.is_some_and(|at| at < start);
        let whole_comment = comment == Some(content);
        // Without token and comment it is a `#` line, or one that a condition left out.
        let known = !on_line.is_empty() || whole_comment || line.trim().is_empty();
        if inside_comment || !known || line.starts_with('#') {
            lines.push(Line::Untouched);
        } else {
            let closers = on_line.iter().take_while(|(t, _)| t.is("}") || t.is(")") || t.is("]")).count();
            let continued = closers == 0 && !on_line.is_empty() && open.last() == Some(&"{") && is_continued(last);
            lines.push(Line::Depth(open.len().saturating_sub(closers) + usize::from(continued)));
        }
        for (token, config) in on_line {
            for sign in ["{", "(", "["] {
                if token.is(sign) {
                    open.push(sign);
                }
            }
            if token.is("}") || token.is(")") || token.is("]") {
                open.pop();
            }
            last = Some((token, config));
        }
        start = end;
    }
    lines
}

/// Whether a statement goes on after `last`. In a config block lines need no `;`.
fn is_continued(last: Option<(&Token, bool)>) -> bool {
    last.is_some_and(|(t, config)| !config && !t.is(";") && !t.is("{") && !t.is("}") && !t.is(","))
}

/// The tokens that stand in the text itself, and whether they belong to a config block.
fn items_of<'a>(
    source: &'a Source,
    file: FileId,
    text: &'a str,
) -> std::iter::Peekable<impl Iterator<Item = (&'a Token, bool)>> {
    let own = move |t: &Token| {
        // What came out of a macro has the place of the macro's name, which is no bracket.
        let written = text.get(t.span.start as usize..t.span.end as usize).unwrap_or("");
        let bracket = ["{", "}", "(", ")", "[", "]"].iter().any(|s| t.is(s));
        t.span.file == file && (!bracket || t.is(written))
    };
    source
        .items
        .iter()
        .flat_map(|i| {
            let config = i.tokens.first().is_some_and(|t| t.is_word("config"));
            i.tokens.iter().map(move |t| (t, config))
        })
        .filter(move |(t, _)| own(t))
        .peekable()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(text: &str) -> String {
        let mut sources = SourceMap::default();
        let file = sources.add("t.bt", text);
        let mut d = Diagnostics::new();
        format(&mut sources, file, &Options::default(), &mut crate::NoIncludes, &mut d).expect("no error")
    }

    #[test]
    fn indents_by_brackets() {
        let text = "#define X 1\n\n\n  BEGIN\n{\n// note\n if (X) {   \n\tprint(1,\n2);\n}\n\n\n/* a\n    b */\n$x = 1 +\n2;\n}\n\n";
        let want = "#define X 1\n\nBEGIN\n{\n  // note\n  if (X) {\n    print(1,\n      2);\n  }\n\n  /* a\n    b */\n  $x = 1 +\n    2;\n}\n";
        assert_eq!(formatted(text), want);
        assert_eq!(formatted(want), want);
    }

    #[test]
    fn left_out_lines_stay() {
        let text = "#ifdef NO\n   odd {\n#endif\nconfig = {\na = 1\nb = 2\n}\nk:f,\nk:g /1/ { }\n";
        let want = "#ifdef NO\n   odd {\n#endif\nconfig = {\n  a = 1\n  b = 2\n}\nk:f,\nk:g /1/ { }\n";
        assert_eq!(formatted(text), want);
    }
}
