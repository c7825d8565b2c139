//! `#` lines: `#include`, `#define`, `#undef`, conditions, `#error`.

use std::rc::Rc;

use btc_diagnostics::{Code, Diagnostic, FileId, Span, did_you_mean};

use super::condition::evaluate;
use super::expand::{self, Definition};
use super::{Cursor, MAX_INCLUDE_DEPTH, MAX_INCLUDES, Mode, Reader};
use crate::ast::Ident;
use crate::lexer::{self, Lexeme};
use crate::token::{Form, Tok, Token};

/// How deep conditions may nest.
const MAX_CONDITIONS: usize = 200;
/// Every directive, for suggestions.
const DIRECTIVES: &[&str] = &[
    "include", "define", "undef", "if", "ifdef", "ifndef", "elif", "else", "endif", "error", "warning", "pragma",
    "line",
];

/// Words of pragmas that compilers lay records out by.
const LAYOUT_PRAGMAS: &[&str] = &["ms_struct", "scalar_storage_order", "options", "align", "attribute"];

/// What `#pragma pack` says.
#[derive(Default)]
pub struct Packing {
    /// The most that members are aligned to now.
    pub now: Option<u32>,
    /// What `push` has kept.
    kept: Vec<Option<u32>>,
}

impl Packing {
    /// Follows what stands behind `pack`; `None` if it makes no sense.
    fn follow(&mut self, tokens: &[Token]) -> Option<()> {
        let [open, inner @ .., close] = tokens else { return None };
        if !open.is("(") || !close.is(")") {
            return None;
        }
        let bytes = |token: &Token| match token.tok {
            // 0 is the same as nothing.
            Tok::Int(0, _) => Some(None),
            Tok::Int(n @ (1 | 2 | 4 | 8 | 16), _) => Some(Some(n as u32)),
            _ => None,
        };
        match inner {
            [] => self.now = None,
            [push] if push.is_word("push") => self.kept.push(self.now),
            [push, comma, n] if push.is_word("push") && comma.is(",") => {
                let n = bytes(n)?;
                self.kept.push(self.now);
                self.now = n;
            }
            [pop] if pop.is_word("pop") => self.now = self.kept.pop()?,
            [n] => self.now = bytes(n)?,
            _ => return None,
        }
        Some(())
    }
}

/// An open `#if`.
pub struct Open {
    /// The place of its `#`.
    pub span: Span,
    /// Whether one of its branches was already taken.
    taken: bool,
    /// Whether `#else` was seen.
    last: bool,
}

impl Reader<'_> {
    /// Follows the directive whose `#` is at `hash`; the cursor stands behind it.
    pub(super) fn directive(&mut self, c: &mut Cursor, hash: usize) {
        let (tokens, errors) = self.line(c);
        let span = Span::new(c.file, hash, tokens.last().map_or(hash + 1, |t| t.span.end as usize));
        let Some(name) = tokens.first().and_then(Token::word).map(str::to_string) else {
            if let Some(first) = tokens.first() {
                let error = Diagnostic::error(Code::Preprocessor, first.span, "no preprocessor line begins like this")
                    .help("comments begin with `//`");
                self.report(c.mode, error);
            }
            return;
        };
        // A line pasted from an article, with the root shell's prompt before it.
        if matches!(name.as_str(), "bpftrace" | "bpf" | "btc" | "sudo") {
            let error = Diagnostic::error(Code::Syntax, span, format!("`#{name}` begins a shell command, not a script"))
                .help("take the script alone: what stands between the quotes behind `-e`");
            self.report(c.mode, error);
            // Nothing of what follows was meant as a script.
            self.stop = true;
            return;
        }
        let rest = &tokens[1..];
        let is_text = matches!(name.as_str(), "include" | "error" | "warning" | "pragma" | "line");
        // Headers may hold anything in macros that nobody uses.
        if let (Mode::Script, false, Some(error)) = (c.mode, is_text, errors) {
            self.report(c.mode, error);
            return;
        }
        match name.as_str() {
            "include" => self.include(c, span),
            "define" => self.define(c, rest, span),
            "undef" => {
                if let Some(name) = rest.first().and_then(Token::word) {
                    self.macros.remove(name);
                }
            }
            "if" | "ifdef" | "ifndef" => {
                let taken = self.condition(c, &name, rest, span);
                if c.conditions.len() >= MAX_CONDITIONS {
                    self.give_up(Code::TooDeep, span, "too many nested conditions");
                    return;
                }
                c.conditions.push(Open { span, taken, last: false });
                if !taken {
                    self.skip(c);
                }
            }
            "elif" | "else" | "endif" => self.branch(c, &name, span),
            "error" | "warning" => self.message(c, &name, span),
            "pragma" => self.pragma(c, rest, span),
            "line" | "ident" => {}
            other => {
                let error = Diagnostic::error(Code::Preprocessor, span, format!("`#{other}` is no preprocessor line"))
                    .help_opt(did_you_mean(other, DIRECTIVES.iter().copied()))
                    .help("comments begin with `//`");
                self.report(c.mode, error);
            }
        }
    }

    /// `#pragma pack(…)`; those of no consequence for a layout are passed over.
    fn pragma(&mut self, c: &mut Cursor, rest: &[Token], span: Span) {
        let error = |message: &str| Diagnostic::error(Code::Preprocessor, span, message);
        let word = rest.first().and_then(Token::word).unwrap_or_default();
        if rest.iter().filter_map(Token::word).any(|word| LAYOUT_PRAGMAS.contains(&word)) {
            let error = error("this pragma changes how records are laid out, and is not known here")
                .help("`#pragma pack(n)` and `__attribute__((packed, aligned(n)))` are");
            self.report(c.mode, error);
        } else if word == "pack" {
            let tokens = self.expand_list(&rest[1..], span);
            if c.splitter.in_definition() {
                self.report(c.mode, error("`#pragma pack` stands between definitions, not within one"));
            } else if self.packing.follow(&tokens).is_none() {
                let error = error("this form of `#pragma pack` is not known")
                    .help("write `pack(n)`, `pack()`, `pack(push)`, `pack(push, n)` or `pack(pop)`; `n` is 1, 2, 4, 8 or 16");
                self.report(c.mode, error);
            }
        }
    }

    /// The tokens up to the end of the line, which the cursor then stands at.
    fn line(&mut self, c: &mut Cursor) -> (Vec<Token>, Option<Diagnostic>) {
        let (mut tokens, mut error) = (Vec::new(), None);
        loop {
            let step = lexer::next(&c.text, c.file, c.at);
            match step.lexeme {
                Lexeme::Newline | Lexeme::End => {
                    c.at = if matches!(step.lexeme, Lexeme::End) { step.end } else { step.start };
                    return (tokens, error);
                }
                Lexeme::Comment => self.comment(c, step.start, step.end),
                Lexeme::Token(tok) => tokens.push(Token { tok, span: Span::new(c.file, step.start, step.end) }),
            }
            error = error.or(step.error);
            c.at = step.end;
        }
    }

    /// `#include <…>` or `#include "…"`, read from the text since a path is not made of tokens.
    fn include(&mut self, c: &Cursor, span: Span) {
        let line_end = c.text[span.start as usize..].find('\n').map_or(c.text.len(), |n| span.start as usize + n);
        let line = &c.text[span.start as usize..line_end];
        let argument = line.split_once("include").map_or("", |(_, rest)| rest.trim());
        let found = match argument.chars().next() {
            Some('<') => argument[1..].split_once('>').map(|(path, _)| (path, true)),
            Some('"') => argument[1..].split_once('"').map(|(path, _)| (path, false)),
            _ => None,
        };
        let Some((path, angled)) = found else {
            let error = Diagnostic::error(Code::Preprocessor, span, "`#include` needs a file")
                .help("write `#include <linux/socket.h>` or `#include \"mine.h\"`");
            self.report(c.mode, error);
            return;
        };
        if c.file == self.main {
            self.included.push(Ident { name: path.to_string(), span });
        }
        self.load(c.mode, c.depth, path, angled, c.file, span);
    }

    /// Reads a header that `from` names at `span`.
    pub(super) fn load(&mut self, mode: Mode, depth: usize, path: &str, angled: bool, from: FileId, span: Span) {
        self.include_count += 1;
        if depth >= MAX_INCLUDE_DEPTH || self.include_count > MAX_INCLUDES {
            self.give_up(Code::TooDeep, span, "too many headers include each other");
            return;
        }
        if angled && !self.knows_constants {
            self.knows_constants = true;
            let constants = self.sources.add_system("constants.h".to_string(), super::CONSTANTS.to_string());
            self.read_file(constants, Mode::System, depth + 1);
        }
        let from = self.sources.name(from).to_string();
        match self.includes.load(path, angled, &from) {
            Some(header) if header.system || mode == Mode::System => {
                let file = self.sources.add_system(header.name, header.text);
                self.read_file(file, Mode::System, depth + 1);
            }
            Some(header) => {
                let file = self.sources.add(header.name, header.text);
                self.read_file(file, Mode::Header, depth + 1);
            }
            None if angled => {}
            None => {
                let error = Diagnostic::error(Code::BadImport, span, format!("cannot read the header `{path}`"))
                    .label("not found")
                    .help("the path counts from the folder of the script");
                self.report(mode, error);
            }
        }
    }

    fn define(&mut self, c: &Cursor, rest: &[Token], span: Span) {
        let Some(name) = rest.first().and_then(Token::word) else {
            let error = Diagnostic::error(Code::Preprocessor, span, "`#define` needs a name");
            self.report(c.mode, error);
            return;
        };
        // A parameter list must touch the name; `#define A (1)` has none.
        let touches = rest.len() > 1 && rest[1].is("(") && rest[1].span.start == rest[0].span.end;
        let (params, body) = if touches {
            match expand::parameters(&rest[2..]) {
                Some((params, used)) => (Some(params), &rest[2 + used..]),
                None => {
                    let error = Diagnostic::error(Code::Preprocessor, span, format!("bad parameters of `{name}`"))
                        .help("write `#define NAME(a, b) …`");
                    self.report(c.mode, error);
                    return;
                }
            }
        } else {
            (None, &rest[1..])
        };
        self.macros.insert(name.to_string(), Rc::new(Definition { params, body: body.to_vec(), system: c.mode == Mode::System }));
    }

    fn condition(&mut self, c: &Cursor, kind: &str, rest: &[Token], span: Span) -> bool {
        if kind != "if" && kind != "elif" {
            let Some(name) = rest.first().and_then(Token::word) else {
                let error = Diagnostic::error(Code::Preprocessor, span, format!("`#{kind}` needs a name"));
                self.report(c.mode, error);
                return false;
            };
            return self.macros.contains_key(name) == (kind == "ifdef");
        }
        let resolved = self.resolve_defined(rest);
        let expanded = self.expand_list(&resolved, span);
        match evaluate(&expanded, span) {
            Ok(holds) => holds,
            Err(error) => {
                self.report(c.mode, *error);
                false
            }
        }
    }

    /// Replaces `defined X` and `defined(X)` by 1 or 0, before macros are expanded.
    fn resolve_defined(&self, tokens: &[Token]) -> Vec<Token> {
        let (mut out, mut at) = (Vec::new(), 0);
        while let Some(token) = tokens.get(at) {
            at += 1;
            if !token.is_word("defined") {
                out.push(token.clone());
                continue;
            }
            let paren = tokens.get(at).is_some_and(|t| t.is("("));
            let name = tokens.get(at + usize::from(paren)).and_then(Token::word);
            let known = name.is_some_and(|n| self.macros.contains_key(n));
            at += if paren { 3 } else { 1 };
            let n = u64::from(known);
            out.push(Token { tok: Tok::Int(n, Form::plain(n)), span: token.span });
        }
        out
    }

    /// `#elif`, `#else` and `#endif` behind a branch that was taken.
    fn branch(&mut self, c: &mut Cursor, name: &str, span: Span) {
        let Some(open) = c.conditions.last_mut() else {
            let error = Diagnostic::error(Code::Preprocessor, span, format!("`#{name}` without `#if`"));
            self.report(c.mode, error);
            return;
        };
        if name == "endif" {
            c.conditions.pop();
        } else if open.last {
            let error = Diagnostic::error(Code::Preprocessor, span, format!("`#{name}` after `#else`"))
                .also(open.span, "the condition began here");
            self.report(c.mode, error);
        } else {
            open.last = name == "else";
            self.skip(c);
        }
    }

    /// Passes over the lines that a condition leaves out.
    fn skip(&mut self, c: &mut Cursor) {
        let mut nested = 0usize;
        while c.at < c.text.len() && !self.stop {
            // The cursor stands at the end of a line.
            let start = c.text[c.at..].find('\n').map_or(c.text.len(), |n| c.at + n + 1);
            let end = c.text[start..].find('\n').map_or(c.text.len(), |n| start + n);
            c.at = end;
            let line = c.text[start..end].trim_start();
            let Some(after) = line.strip_prefix('#') else { continue };
            let hash = end - line.len();
            let after = after.trim_start();
            let word: String = after.chars().take_while(char::is_ascii_alphabetic).collect();
            let from = end - after.len();
            match word.as_str() {
                "if" | "ifdef" | "ifndef" => nested += 1,
                "endif" if nested > 0 => nested -= 1,
                "endif" => {
                    c.conditions.pop();
                    c.line_start = true;
                    return;
                }
                "elif" | "else" if nested == 0 && self.resume(c, &word, hash, from) => return,
                _ => {}
            }
        }
    }

    /// Whether the branch that begins at `hash` is the one to read.
    fn resume(&mut self, c: &mut Cursor, word: &str, hash: usize, at: usize) -> bool {
        let line_end = c.at;
        c.at = at;
        let (tokens, _) = self.line(c);
        // A comment that began on the line may have moved the cursor further.
        c.at = c.at.max(line_end);
        let span = Span::new(c.file, hash, line_end);
        let Some(open) = c.conditions.last_mut() else { return true };
        if open.last {
            let error = Diagnostic::error(Code::Preprocessor, span, format!("`#{word}` after `#else`"));
            self.report(c.mode, error);
            return false;
        }
        open.last = word == "else";
        if open.taken {
            return false;
        }
        let taken = word == "else" || self.condition(c, word, tokens.get(1..).unwrap_or(&[]), span);
        if let Some(open) = c.conditions.last_mut() {
            open.taken = taken;
        }
        c.line_start = true;
        taken
    }

    fn message(&mut self, c: &Cursor, name: &str, span: Span) {
        let line = c.text[span.start as usize..].lines().next().unwrap_or("");
        let text = line.split_once(name).map_or("", |(_, rest)| rest.trim());
        let message = if text.is_empty() { format!("`#{name}`") } else { text.to_string() };
        if name == "error" {
            self.report(c.mode, Diagnostic::error(Code::Preprocessor, span, message));
        } else if c.mode != Mode::System {
            self.d.push(Diagnostic::warning(Code::Preprocessor, span, message));
        }
    }
}
