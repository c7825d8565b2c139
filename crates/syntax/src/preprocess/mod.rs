//! The preprocessor: reads files token by token, follows `#` lines and expands `#define`s.
//!
//! It hands the tokens of the script to `filter::items`, which cuts them into
//! items and tells where the raw text of attach points stands. Of headers only
//! macros and C definitions are kept: types come from BTF.

mod condition;
mod directive;
mod expand;

use std::collections::HashMap;
use std::rc::Rc;

use btc_diagnostics::{Code, Diagnostic, Diagnostics, FileId, SourceMap, Span};

use crate::ast::Ident;
use crate::filter::items::{Item, ItemKind, Splitter};
use crate::lexer::{self, Lexeme};
use crate::token::{Tok, Token};
use crate::{Includes, Options};
use expand::Definition;

/// More mistakes than this are noise; reading stops.
const MAX_ERRORS: usize = 20;
/// How deep headers may include each other.
const MAX_INCLUDE_DEPTH: usize = 40;
/// How many headers a script may pull in altogether.
const MAX_INCLUDES: usize = 4_000;
/// How many tokens a script with its headers may have.
const MAX_TOKENS: usize = 4_000_000;

/// What a script that includes headers of the system may name where they are not installed. Those
/// that are define it again.
const CONSTANTS: &str = include_str!("constants.h");

/// What reading a script gives.
pub struct Source {
    /// The items of the script and the C definitions of its headers.
    pub items: Vec<Item>,
    /// Headers named by the script.
    pub includes: Vec<Ident>,
    /// Comments of the script.
    pub comments: Vec<Ident>,
    /// Just after the last byte of the script.
    pub end: Span,
}

/// Reads the script `file` with all that it includes.
pub fn read(
    sources: &mut SourceMap,
    file: FileId,
    options: &Options,
    includes: &mut dyn Includes,
    d: &mut Diagnostics,
) -> Source {
    let end = sources.text(file).len();
    let mut reader = Reader {
        sources,
        includes,
        d,
        main: file,
        macros: HashMap::new(),
        items: Vec::new(),
        included: Vec::new(),
        include_count: 0,
        knows_constants: false,
        comments: Vec::new(),
        errors: 0,
        tokens: 0,
        stop: false,
        packing: directive::Packing::default(),
    };
    reader.predefine(options);
    let mode = if options.header { Mode::Header } else { Mode::Script };
    for path in &options.includes {
        reader.load(mode, 0, path, false, file, Span::new(file, 0, 0));
    }
    reader.read_file(file, mode, 0);
    Source {
        items: reader.items,
        includes: reader.included,
        comments: reader.comments,
        end: Span::new(file, end, end),
    }
}

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Probes and all.
    Script,
    /// A header of the user: C definitions count, mistakes are told.
    Header,
    /// A header of the system: macros and enums count, whatever is odd is passed over.
    System,
}

/// The state that all files of a script share.
struct Reader<'a> {
    sources: &'a mut SourceMap,
    includes: &'a mut dyn Includes,
    d: &'a mut Diagnostics,
    main: FileId,
    macros: HashMap<String, Rc<Definition>>,
    items: Vec<Item>,
    included: Vec<Ident>,
    include_count: usize,
    knows_constants: bool,
    comments: Vec<Ident>,
    errors: usize,
    tokens: usize,
    stop: bool,
    packing: directive::Packing,
}

/// The place in one file.
struct Cursor {
    file: FileId,
    text: Rc<str>,
    at: usize,
    mode: Mode,
    depth: usize,
    /// Whether a `#` here would begin a directive.
    line_start: bool,
    /// The open `#if`s.
    conditions: Vec<directive::Open>,
    splitter: Splitter,
}

impl Reader<'_> {
    fn predefine(&mut self, options: &Options) {
        for (name, value) in &options.defines {
            let mut body = Vec::new();
            let mut at = 0;
            loop {
                let step = lexer::next(value, self.main, at);
                at = step.end;
                match step.lexeme {
                    Lexeme::Token(tok) => body.push(Token { tok, span: Span::new(self.main, 0, 0) }),
                    Lexeme::End => break,
                    Lexeme::Newline | Lexeme::Comment => {}
                }
            }
            self.macros.insert(name.clone(), Rc::new(Definition { params: None, body, system: false }));
        }
    }

    /// Reports a mistake, unless the file is a system header; stops at too many.
    fn report(&mut self, mode: Mode, error: Diagnostic) {
        if mode == Mode::System {
            return;
        }
        self.d.push(error);
        self.errors += 1;
        self.stop |= self.errors >= MAX_ERRORS;
    }

    /// A limit was passed: reports it wherever it is, and stops.
    fn give_up(&mut self, code: Code, span: Span, message: &str) {
        if !self.stop {
            self.d.push(Diagnostic::error(code, span, message));
        }
        self.stop = true;
    }

    fn read_file(&mut self, file: FileId, mode: Mode, depth: usize) {
        let text: Rc<str> = Rc::from(self.sources.text(file));
        let mut c = Cursor {
            file,
            at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 },
            text,
            mode,
            depth,
            line_start: true,
            conditions: Vec::new(),
            splitter: Splitter::new(mode != Mode::Script),
        };
        if c.text[c.at..].starts_with("#!") {
            let end = c.text.find('\n').unwrap_or(c.text.len());
            self.comment(&c, c.at, end);
            c.at = end;
        }
        while !self.stop && self.step(&mut c) {}
        if let Some(open) = c.conditions.last()
            && !self.stop
        {
            let error = Diagnostic::error(Code::Preprocessor, open.span, "this condition has no `#endif`")
                .label("opened here")
                .help("close it with `#endif`");
            self.report(mode, error);
        }
        let system = mode == Mode::System;
        // Headers hold functions and the like, which nobody asked for.
        let wanted = |i: &Item| mode == Mode::Script || i.kind == ItemKind::Definition;
        self.items.extend(c.splitter.finish().into_iter().filter(wanted).map(|i| Item { system, ..i }));
    }

    /// Reads one lexeme, or a whole `#` line; false at the end of the file.
    fn step(&mut self, c: &mut Cursor) -> bool {
        let mut step = lexer::next(&c.text, c.file, c.at);
        match step.lexeme {
            Lexeme::End => return false,
            Lexeme::Newline => c.line_start = true,
            Lexeme::Comment => {
                self.comment(c, step.start, step.end);
                c.line_start |= c.text[step.start..step.end].contains('\n');
            }
            Lexeme::Token(Tok::Sym("#")) if c.line_start => {
                c.at = step.end;
                self.directive(c, step.start);
                return true;
            }
            // The script came with the quotes that the shell takes away.
            Lexeme::Token(Tok::Str(_)) if step.error.is_some() && c.splitter.at_start() => {
                let span = Span::new(c.file, step.start, step.start + 1);
                let error = Diagnostic::error(Code::BadCharacter, span, "a script cannot begin with a quote")
                    .label("a probe is wanted here")
                    .help("quotes around the script belong to the shell, as in `btc -e '…'`");
                self.report(c.mode, error);
                self.stop = true;
                return true;
            }
            Lexeme::Token(tok) => {
                c.line_start = false;
                let text = c.text.clone();
                if let Some(raw) = c.splitter.raw(&text, c.file, step.start) {
                    c.at = raw.end;
                    if let Some(error) = raw.error {
                        c.splitter.fault();
                        self.report(c.mode, error);
                        // Behind a probe that is none, nothing can be told apart.
                        self.stop = true;
                    }
                    return true;
                }
                c.at = step.end;
                let span = Span::new(c.file, step.start, step.end);
                self.token(c, Token { tok, span });
            }
        }
        c.at = c.at.max(step.end);
        if let Some(error) = step.error.take() {
            c.splitter.fault();
            self.report(c.mode, error);
        }
        true
    }

    /// Passes a token on, expanded if it names a macro.
    fn token(&mut self, c: &mut Cursor, token: Token) {
        self.tokens += 1;
        if self.tokens > MAX_TOKENS {
            self.give_up(Code::TooLarge, token.span, "the script with its headers is too large");
            return;
        }
        let expanded = match &token.tok {
            Tok::Ident(name) if c.splitter.expands() => match self.macros.get(name) {
                Some(found) if found.counts(name, c.mode != Mode::System) => self.expand_at(c, &token),
                _ => None,
            },
            _ => None,
        };
        let text = c.text.clone();
        c.splitter.pack(self.packing.now);
        match expanded {
            Some(tokens) => {
                self.tokens += tokens.len();
                for token in tokens {
                    c.splitter.push(token, &text, c.at);
                }
            }
            None => c.splitter.push(token, &text, c.at),
        }
    }

    fn comment(&mut self, c: &Cursor, start: usize, end: usize) {
        if c.file == self.main {
            let span = Span::new(c.file, start, end);
            self.comments.push(Ident { name: c.text[start..end].to_string(), span });
        }
    }
}
