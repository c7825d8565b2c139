//! Spans, source maps and diagnostics.
//!
//! Every phase reports problems as structured [`Diagnostic`]s into a
//! [`Diagnostics`] collector and goes on; only [`render`] turns them into text.
//! Knows nothing of the language, files or terminals.

mod codes;
pub mod here;
mod json;
mod render;
mod source;
mod suggest;
mod view;

use std::collections::HashSet;

pub use codes::{ALL as ALL_CODES, Code};
pub use json::render_json;
pub use render::render;
pub use source::{FileId, SourceMap, Span};
pub use suggest::did_you_mean;

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The script is refused.
    Error,
    /// The script is compiled all the same.
    Warning,
}

/// One problem, with its place, its cause and a way out.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The stable code, a row of `codes.rs`.
    pub code: Code,
    /// What is wrong, in one line without a final stop.
    pub message: String,
    /// Where: the place the user must look at.
    pub span: Span,
    /// A word or two drawn under the place; may be empty.
    pub label: String,
    /// Further places with their own labels, such as an earlier definition.
    pub others: Vec<(Span, String)>,
    /// Ways out and explanations, each one line.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error of `code` at `span`.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            span,
            label: String::new(),
            others: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning of `code` at `span`.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// Sets the words under the place.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds another place.
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.others.push((span, label.into()));
        self
    }

    /// Adds a way out.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds a way out if there is one.
    pub fn help_opt(mut self, help: Option<String>) -> Self {
        self.help.extend(help);
        self
    }
}

/// Errors after which a compile says no more, and as many warnings.
pub const MAX_TOLD: usize = 100;

/// Collects diagnostics in the order they are found.
///
/// A second error at the same place is a follow-on of the first and is dropped. So is what comes after [`MAX_TOLD`] errors,
/// and warnings after as many; the last one says so.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    /// Places of what is in the list.
    places: HashSet<(Span, Severity)>,
    errors: usize,
}

impl Diagnostics {
    /// An empty collector.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `diagnostic`.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let (span, severity) = (diagnostic.span, diagnostic.severity);
        let of_its_kind = if severity == Severity::Error { self.errors } else { self.list.len() - self.errors };
        if self.is_full() || of_its_kind > MAX_TOLD || !self.places.insert((span, severity)) {
            return;
        }
        self.errors += usize::from(severity == Severity::Error);
        self.list.push(if of_its_kind == MAX_TOLD { last(diagnostic) } else { diagnostic });
    }

    /// Adds all of another collector's.
    pub fn append(&mut self, others: &Diagnostics) {
        others.iter().for_each(|diagnostic| self.push(diagnostic.clone()));
    }

    /// Whether any error was reported; the pipeline stops at the phase's end then.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether there were so many errors that no phase needs to look for more.
    pub fn is_full(&self) -> bool {
        self.errors > MAX_TOLD
    }

    /// How many are errors.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// What stands in the place of the first one that is not told.
fn last(diagnostic: Diagnostic) -> Diagnostic {
    let (what, rest) = match diagnostic.severity {
        Severity::Error => ("errors", "the rest of the script is not checked: mend those above first"),
        Severity::Warning => ("warnings", "there are more, which are not shown"),
    };
    Diagnostic {
        severity: diagnostic.severity,
        ..Diagnostic::error(Code::TooLarge, diagnostic.span, format!("more than {MAX_TOLD} {what}")).help(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: usize) -> Span {
        Span::new(FileId(0), place, place + 1)
    }

    #[test]
    fn a_hundred_are_told_and_that_there_are_more() {
        let mut d = Diagnostics::new();
        for place in 0..100_000 {
            // Each place twice: a follow-on counts for nothing.
            (0..2).for_each(|_| d.push(Diagnostic::warning(Code::WrongType, at(place), "odd")));
        }
        assert_eq!((d.len(), d.errors(), d.is_full()), (MAX_TOLD + 1, 0, false));
        for place in 0..100_000 {
            assert_eq!(d.is_full(), place > MAX_TOLD);
            (0..2).for_each(|_| d.push(Diagnostic::error(Code::Syntax, at(place), "wrong")));
        }
        assert_eq!((d.len(), d.errors()), (2 * (MAX_TOLD + 1), MAX_TOLD + 1));
        let told: Vec<&str> = d.iter().map(|d| d.message.as_str()).collect();
        assert_eq!((told[MAX_TOLD], told[2 * MAX_TOLD + 1]), ("more than 100 warnings", "more than 100 errors"));
    }
}
