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

pub use codes::{ALL as ALL_CODES, Code};
pub use json::render_json;
pub use render::render;
pub use source::{FileId, SourceMap, Span};
pub use suggest::did_you_mean;

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Collects diagnostics in the order they are found.
///
/// A second error at the same place is a follow-on of the first and is dropped.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// An empty collector.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `diagnostic`.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let follow_on = self
            .list
            .iter()
            .any(|d| d.span == diagnostic.span && d.severity == diagnostic.severity);
        if !follow_on {
            self.list.push(diagnostic);
        }
    }

    /// Whether any error was reported; the pipeline stops at the phase's end then.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// How many are errors.
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|d| d.severity == Severity::Error).count()
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
