//! Lexer, parser and syntax tree: takes text, returns [`ast::Program`] and diagnostics.
//!
//! Text goes through `lexer` and `preprocess` (which cut it into tokens), `filter`
//! (which makes the tokens fit for LALR(1)), and the grammar in `grammar/bt.lalrpop`;
//! C definitions have a parser of their own in `cdef`.
//! Knows no types, no kernel and no file system.

pub mod ast;
pub mod c_int;
mod cdef;
mod filter;
mod format;
mod lexer;
mod parser;
mod preprocess;
pub mod token;

use std::fmt::Write;

use btc_diagnostics::{Diagnostics, FileId, SourceMap};

pub use format::format;

/// What a parse depends on beside the text.
#[derive(Clone, Debug)]
pub struct Options {
    /// Macros that are defined from the start, with their value.
    pub defines: Vec<(String, String)>,
    /// Whether the file is a C header, of which only macros and C definitions count.
    pub header: bool,
    /// Headers to read before the script.
    pub includes: Vec<String>,
}

impl Default for Options {
    /// Types come from BTF, which scripts ask for by `BPFTRACE_HAVE_BTF`.
    fn default() -> Self {
        let defines = vec![("BPFTRACE_HAVE_BTF".to_string(), "1".to_string())];
        Options { defines, header: false, includes: Vec::new() }
    }
}

/// A header that was found.
#[derive(Clone, Debug)]
pub struct Header {
    /// The name that messages show.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Whether it is the system's: only its macros and enums count, and oddities are passed over.
    pub system: bool,
}

/// Where headers come from.
pub trait Includes {
    /// The header that the file named `from` includes; `angled` is for `<…>`.
    ///
    /// `None` for `<…>` is no mistake, since BTF gives the kernel's types.
    fn load(&mut self, path: &str, angled: bool, from: &str) -> Option<Header>;
}

/// There are no headers.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoIncludes;

impl Includes for NoIncludes {
    fn load(&mut self, _path: &str, _angled: bool, _from: &str) -> Option<Header> {
        None
    }
}

/// Parses the script `file` of `sources`.
///
/// After an error the program holds what could be read.
pub fn parse(
    sources: &mut SourceMap,
    file: FileId,
    options: &Options,
    includes: &mut dyn Includes,
    d: &mut Diagnostics,
) -> ast::Program {
    let source = preprocess::read(sources, file, options, includes, d);
    parser::parse(source, d)
}

/// The tokens of the script, one a line with place, kind and text, for `--emit tokens`.
pub fn tokens(
    sources: &mut SourceMap,
    file: FileId,
    options: &Options,
    includes: &mut dyn Includes,
    d: &mut Diagnostics,
) -> String {
    let source = preprocess::read(sources, file, options, includes, d);
    let mut out = String::new();
    for token in source.items.iter().filter(|i| !i.system).flat_map(|i| &i.tokens) {
        let (line, column) = sources.position(token.span.file, token.span.start);
        let text = match token.tok {
            token::Tok::Sym(sign) => sign.trim_end_matches(|c: char| c.is_ascii_alphabetic()).to_string(),
            _ => token.tok.text(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{line}:{column} {} {text}", token.tok.kind());
    }
    out
}
