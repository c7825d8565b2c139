//! `#define`d names are replaced by what they stand for.
//!
//! A name is not expanded inside of its own expansion, and the number of tokens
//! that one use may give is limited, so expansion always ends.

use std::rc::Rc;

use btc_diagnostics::{Code, Diagnostic, Span};

use super::{Cursor, Reader};
use crate::lexer::{self, Lexeme};
use crate::token::{Tok, Token};

/// How many tokens one use of a macro may give, those of inner macros included.
const MAX_EXPANSION: usize = 50_000;
/// How deep macros may use each other.
const MAX_DEPTH: usize = 64;

/// A `#define`.
pub struct Definition {
    /// The parameters of a function-like macro; `...` is `__VA_ARGS__`.
    pub params: Option<Vec<String>>,
    /// What it stands for.
    pub body: Vec<Token>,
    /// Whether a header of the system defines it.
    pub system: bool,
}

impl Definition {
    /// Whether the macro counts where the script itself names it. Headers of the system also
    /// redefine names of C, such as those of fields: only constants are taken from them.
    pub fn counts(&self, name: &str, in_script: bool) -> bool {
        !(self.system && in_script && name.contains(|c: char| c.is_ascii_lowercase()))
    }
}

/// Parameters up to `)`, with the number of tokens used.
pub fn parameters(tokens: &[Token]) -> Option<(Vec<String>, usize)> {
    let mut names = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match &token.tok {
            Tok::Ident(name) => names.push(name.clone()),
            Tok::Sym("...") => names.push("__VA_ARGS__".to_string()),
            Tok::Sym(",") => {}
            Tok::Sym(")") => return Some((names, at + 1)),
            _ => return None,
        }
    }
    None
}

/// What is left of the allowance of one use.
struct Budget {
    tokens: usize,
    exceeded: bool,
}

impl Reader<'_> {
    /// The expansion of `token`, a macro's name in the text; arguments are read from the text.
    /// `None` leaves the name alone.
    pub(super) fn expand_at(&mut self, c: &mut Cursor, token: &Token) -> Option<Vec<Token>> {
        let name = token.word()?.to_string();
        let definition = self.macros.get(&name)?.clone();
        let mut used = vec![token.clone()];
        if definition.params.is_some() {
            let (next, _) = lexer::peek(&c.text, c.file, c.at);
            if next != '(' {
                return None;
            }
            self.read_arguments(c, &mut used)?;
        }
        Some(self.expand_list(&used, token.span))
    }

    /// Appends the tokens from `(` to its `)`.
    fn read_arguments(&mut self, c: &mut Cursor, out: &mut Vec<Token>) -> Option<()> {
        let (mut depth, first) = (0usize, out.len());
        loop {
            let step = lexer::next(&c.text, c.file, c.at);
            c.at = step.end;
            if let Some(error) = step.error {
                c.splitter.fault();
                self.report(c.mode, error);
            }
            let Lexeme::Token(tok) = step.lexeme else {
                if matches!(step.lexeme, Lexeme::End) || self.stop {
                    return self.endless(out);
                }
                continue;
            };
            match tok {
                Tok::Sym("(") => depth += 1,
                Tok::Sym(")") => depth -= 1,
                _ => {}
            }
            out.push(Token { tok, span: Span::new(c.file, step.start, step.end) });
            if depth == 0 {
                return Some(());
            }
            if out.len() - first > MAX_EXPANSION {
                return self.endless(out);
            }
        }
    }

    /// The arguments have no end, so what follows cannot be read.
    fn endless(&mut self, used: &[Token]) -> Option<()> {
        if let (Some(name), Some(open)) = (used.first(), used.get(1)) {
            let message = format!("the arguments of `{}` have no `)`", name.tok.text());
            self.give_up(Code::Preprocessor, open.span, &message);
        }
        None
    }

    /// All macros in `tokens` expanded; every token gets the place `span` if it came from a macro.
    pub(super) fn expand_list(&mut self, tokens: &[Token], span: Span) -> Vec<Token> {
        let mut budget = Budget { tokens: MAX_EXPANSION, exceeded: false };
        let mut hidden = Vec::new();
        let mut out = Vec::new();
        self.expand(tokens, span, &mut hidden, &mut budget, &mut out);
        if budget.exceeded {
            self.give_up(Code::TooLarge, span, "the expansion of this macro is too large");
        }
        out
    }

    fn expand(&self, tokens: &[Token], span: Span, hidden: &mut Vec<String>, budget: &mut Budget, out: &mut Vec<Token>) {
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            if budget.exceeded {
                return;
            }
            let definition = token.word().filter(|n| !hidden.iter().any(|h| h == n)).and_then(|n| self.macros.get(n));
            let Some(definition) = definition.cloned() else {
                budget.exceeded |= budget.tokens == 0;
                budget.tokens = budget.tokens.saturating_sub(1);
                out.push(token.clone());
                continue;
            };
            let args = match &definition.params {
                None => Vec::new(),
                Some(params) => match arguments(&tokens[at..], params) {
                    Some((args, used)) => {
                        at += used;
                        args
                    }
                    None => {
                        out.push(token.clone());
                        continue;
                    }
                },
            };
            if hidden.len() >= MAX_DEPTH {
                budget.exceeded = true;
                return;
            }
            let body = self.substitute(&definition, &args, span, hidden, budget);
            hidden.push(token.tok.text());
            self.expand(&body, span, hidden, budget, out);
            hidden.pop();
        }
    }

    /// The body with its parameters replaced, `#` and `##` obeyed.
    fn substitute(
        &self,
        definition: &Rc<Definition>,
        args: &[Vec<Token>],
        span: Span,
        hidden: &mut Vec<String>,
        budget: &mut Budget,
    ) -> Vec<Token> {
        let params = definition.params.as_deref().unwrap_or(&[]);
        let argument = |token: Option<&Token>| {
            let name = token.and_then(Token::word)?;
            params.iter().position(|p| p == name).and_then(|n| args.get(n))
        };
        let body = &definition.body;
        let mut out: Vec<Token> = Vec::new();
        let mut at = 0;
        while let Some(token) = body.get(at) {
            at += 1;
            if budget.exceeded {
                return out;
            }
            let before = out.len();
            let pastes = token.is("##") && before > 0;
            let source = if pastes { body.get(at) } else { Some(token) };
            at += usize::from(pastes);
            match argument(source) {
                // Beside `##` an argument stands as written.
                Some(arg) if pastes || body.get(at).is_some_and(|t| t.is("##")) => out.extend_from_slice(arg),
                Some(arg) => self.expand(arg, span, hidden, budget, &mut out),
                None if token.is("#") && argument(body.get(at)).is_some() => {
                    let text: Vec<String> =
                        argument(body.get(at)).into_iter().flatten().map(|t| t.tok.text()).collect();
                    at += 1;
                    out.push(Token { tok: Tok::Str(text.join(" ").into_bytes()), span });
                }
                None => out.extend(source.cloned()),
            }
            if pastes && out.len() > before {
                paste(&mut out, before);
            }
            budget.exceeded |= out.len() > MAX_EXPANSION;
        }
        for token in &mut out {
            token.span = span;
        }
        out
    }
}

/// Joins the tokens on both sides of `at` if they make one token together.
fn paste(out: &mut Vec<Token>, at: usize) {
    let text = format!("{}{}", out[at - 1].tok.text(), out[at].tok.text());
    let step = lexer::next(&text, out[at].span.file, 0);
    if let (Lexeme::Token(tok), true, None) = (step.lexeme, step.end == text.len(), step.error) {
        out[at - 1].tok = tok;
        out.remove(at);
    }
}

/// The arguments from `(` on, with the number of tokens used; `None` if there is no whole list.
fn arguments(tokens: &[Token], params: &[String]) -> Option<(Vec<Vec<Token>>, usize)> {
    if !tokens.first().is_some_and(|t| t.is("(")) {
        return None;
    }
    let variadic = params.last().is_some_and(|p| p == "__VA_ARGS__");
    let (mut args, mut depth) = (vec![Vec::new()], 0usize);
    for (at, token) in tokens.iter().enumerate() {
        match &token.tok {
            Tok::Sym("(") => depth += 1,
            Tok::Sym(")") => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((args, at + 1));
        }
        let rest_is_one = variadic && args.len() >= params.len();
        if depth == 1 && token.is(",") && !rest_is_one {
            args.push(Vec::new());
        } else if at > 0 {
            args.last_mut()?.push(token.clone());
        }
    }
    None
}

/// A mistake in a condition, for `condition.rs`.
pub(super) fn bad_condition(span: Span, message: &str) -> Box<Diagnostic> {
    Box::new(
        Diagnostic::error(Code::Preprocessor, span, message)
            .help("conditions are of whole numbers, `defined(NAME)` and C's operators"),
    )
}
