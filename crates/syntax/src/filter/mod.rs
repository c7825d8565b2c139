//! The token filter between lexer and parser: what LALR(1) cannot decide.
//!
//! `items` finds probes and the raw text in them, `types` tells casts. The rules
//! here work on the tokens of one item:
//!
//! 1. A word is a keyword only where it can be one: not behind `.` and `->`, not in
//!    a config block, `sizeof` only before `(`, so that fields may have any name.
//! 2. `(` is `(cast` before a type that is a cast, and `(type` where the argument of
//!    `sizeof` and its like is a type.
//! 3. `{` is `{expr` where a value is wanted, since `if f() {` and `f({ 1 })` have the
//!    same tokens around it. An `if` in such a place is `if value`.
//! 4. C's types of several words become one word; `const` and `volatile` go.
//! 5. `name!(…)` is `name(…)`, the older way to call a macro.
//! 6. `args-->x` and `1.5` are refused here: they would parse as something else.
//! 7. Nesting is limited, so that no later phase can run out of stack.

pub mod items;
pub mod types;

use btc_diagnostics::{Code, Diagnostic, Span};

use crate::token::{Form, FormKind, Tok, Token};
use types::{C_WORDS, Types, is_qualifier, normalise};

/// How many brackets may be open at once.
const MAX_BRACKETS: usize = 200;
/// How deep the tree of an expression or a chain of `else if` may get.
const MAX_DEPTH: usize = 500;

/// Words that are keywords wherever an expression or statement may begin.
pub(crate) const KEYWORDS: &[&str] = &[
    "if", "else", "while", "for", "unroll", "break", "continue", "return", "let", "comptime", "true", "false",
];
/// Keywords that take a type or a value in parentheses.
const TYPE_FUNCTIONS: &[&str] = &["sizeof", "offsetof", "typeof", "typeinfo"];
/// Keywords before the name of a type.
const TAGS: &[&str] = &["struct", "union", "enum"];
/// Keywords at the start of an item.
const ITEM_KEYWORDS: &[&str] = &["config", "import", "macro", "let", "fn"];

/// The tokens of an item as the parser wants them.
#[derive(Debug)]
pub struct Refined {
    /// The tokens.
    pub tokens: Vec<Token>,
    /// Brackets that are never closed, from the outermost.
    pub open: Vec<Token>,
}

/// A bracket that is open, with the operators that stand in it since the last separator.
struct Level {
    token: Token,
    weight: usize,
}

struct Filter<'a> {
    input: &'a [Token],
    types: &'a Types,
    out: Vec<Token>,
    levels: Vec<Level>,
    /// Operators outside of all brackets, as in a predicate.
    outer: usize,
    /// The sum of all weights.
    depth: usize,
    /// The length of `out` just behind the `)` of a cast, where a value is wanted.
    cast_end: usize,
}

/// Bytes that a name of this kind has at most: objects and kernels take no longer ones.
fn longest(tok: &Tok) -> Option<usize> {
    match tok {
        Tok::Ident(_) | Tok::Var(_) | Tok::Map(_) | Tok::ProbeName(_) => Some(1_000),
        // A path and a function.
        Tok::Attach(_) => Some(4_000),
        _ => None,
    }
}

/// Applies the rules to the tokens of one item; `keyword` says that it begins with one.
pub fn refine(input: &[Token], types: &Types, keyword: bool) -> Result<Refined, Box<Diagnostic>> {
    let character = |t: &&Token| matches!(t.tok, Tok::Int(_, Form { kind: FormKind::Character, .. }));
    if let Some(token) = input.iter().find(character) {
        let error = Diagnostic::error(Code::BadCharacter, token.span, "strings stand in double quotes");
        return Err(Box::new(error.label("not a quote of the language").help("use the plain quote `\"`")));
    }
    if let Some((token, most)) = input.iter().find_map(|t| Some((t, longest(&t.tok)?)).filter(|(t, most)| t.tok.text().len() > *most)) {
        let message = format!("a name has {most} bytes at most");
        let error = Diagnostic::error(Code::TooLarge, token.span, message);
        return Err(Box::new(error.label("too long").help("use a shorter one")));
    }
    let mut f = Filter { input, types, out: Vec::new(), levels: Vec::new(), outer: 0, depth: 0, cast_end: 0 };
    let mut at = 0;
    if let (true, Some(first)) = (keyword, input.first())
        && let Some(key) = ITEM_KEYWORDS.iter().find(|k| first.is_word(k))
    {
        f.out.push(Token { tok: Tok::Key(key), span: first.span });
        at = 1;
    }
    let config = at == 1 && input[0].is_word("config");
    while at < input.len() {
        at = f.token(at, config)?;
    }
    Ok(Refined { tokens: f.out, open: f.levels.into_iter().map(|l| l.token).collect() })
}

impl Filter<'_> {
    fn peek(&self, at: usize) -> Option<&Tok> {
        self.input.get(at).map(|t| &t.tok)
    }

    fn push(&mut self, tok: Tok, span: Span) {
        self.out.push(Token { tok, span });
    }

    /// Handles the token at `at` and gives the next place.
    fn token(&mut self, at: usize, config: bool) -> Result<usize, Box<Diagnostic>> {
        let token = self.input[at].clone();
        if let Some(error) = self.misread(at) {
            return Err(error);
        }
        match &token.tok {
            Tok::Ident(word) if !config => return self.word(at, word, token.span),
            Tok::Sym("!") if self.macro_bang(at) => {}
            Tok::Sym("(") => {
                let tok = self.parenthesis(at);
                self.open(Token { tok, span: token.span })?;
            }
            Tok::Sym("{") => {
                let tok = Tok::Sym(if !config && self.wants_value() { "{expr" } else { "{" });
                self.open(Token { tok, span: token.span })?;
            }
            Tok::Sym("[") => self.open(token)?,
            Tok::Sym(")" | "]" | "}") => self.close(token, at),
            Tok::Sym("," | ";") => {
                self.reset();
                self.out.push(token);
            }
            Tok::Sym(_) => {
                self.weigh(token.span)?;
                self.out.push(token);
            }
            _ => self.out.push(token),
        }
        Ok(at + 1)
    }

    /// Rules 1, 3 and 4.
    fn word(&mut self, at: usize, word: &str, span: Span) -> Result<usize, Box<Diagnostic>> {
        let member = self.out.last().is_some_and(|t| t.is(".") || t.is("->"));
        if member {
            self.push(Tok::Ident(word.to_string()), span);
            return Ok(at + 1);
        }
        let next_is_word = self.input.get(at + 1).is_some_and(|t| t.word().is_some());
        if is_qualifier(&self.input[at]) && (next_is_word || matches!(self.peek(at + 1), Some(Tok::Sym("*" | ")")))) {
            return Ok(at + 1);
        }
        if C_WORDS.contains(&word) {
            let run = self.input[at..].iter().map_while(|t| t.word().filter(|w| C_WORDS.contains(w)));
            let words: Vec<&str> = run.collect();
            if words.len() > 1 {
                let end = at + words.len();
                let span = span.to(self.input[end - 1].span);
                self.push(Tok::Ident(normalise(words)), span);
                return Ok(end);
            }
        }
        let called = matches!(self.peek(at + 1), Some(Tok::Sym("(")));
        let find = |table: &[&'static str]| table.iter().find(|k| **k == word).copied();
        let key = find(KEYWORDS)
            .or_else(|| find(TYPE_FUNCTIONS).filter(|_| called))
            .or_else(|| find(TAGS).filter(|_| next_is_word))
            .or_else(|| (word == "_" && matches!(self.peek(at + 1), Some(Tok::Sym("=")))).then_some("_"));
        match key {
            Some("if") => {
                self.weigh(span)?;
                let value = self.wants_value();
                self.push(Tok::Key(if value { "if value" } else { "if" }), span);
            }
            Some(key) => {
                if key == "comptime" {
                    self.weigh(span)?;
                }
                self.push(Tok::Key(key), span);
            }
            None => self.push(Tok::Ident(word.to_string()), span),
        }
        Ok(at + 1)
    }

    /// Rule 2.
    fn parenthesis(&self, at: usize) -> Tok {
        let sign = match self.out.last().map(|t| &t.tok) {
            _ if self.after_cast() => if self.types.is_cast(self.input, at, false) { "(cast" } else { "(" },
            Some(Tok::Key(key)) if TYPE_FUNCTIONS.contains(key) => {
                let scan = self.types.scan(self.input, at + 1);
                let end = scan.and_then(|s| self.input.get(s.end));
                let is_type = end.is_some_and(|t| t.is(")") || t.is(",") && *key == "offsetof");
                if is_type { "(type" } else { "(" }
            }
            Some(Tok::Ident(_) | Tok::Sym(")" | "]")) => "(",
            Some(Tok::Key(key)) => {
                let condition = matches!(*key, "if" | "if value" | "while" | "unroll" | "for");
                if self.types.is_cast(self.input, at, condition) { "(cast" } else { "(" }
            }
            _ => if self.types.is_cast(self.input, at, false) { "(cast" } else { "(" },
        };
        Tok::Sym(sign)
    }

    fn after_cast(&self) -> bool {
        !self.out.is_empty() && self.cast_end == self.out.len()
    }

    /// Whether a value must begin here, by what stands before.
    fn wants_value(&self) -> bool {
        match self.out.last().map(|t| &t.tok) {
            None => false,
            _ if self.after_cast() => true,
            // Outside of all brackets a comma stands between attach points only.
            Some(Tok::Sym(",")) if self.levels.is_empty() => false,
            Some(Tok::Sym(sign)) => {
                !matches!(*sign, "{" | "{expr" | "}" | ";" | ")" | "]" | "/close" | "++" | "--")
            }
            Some(Tok::Key(key)) => !matches!(*key, "else" | "true" | "false" | "break" | "continue"),
            Some(_) => false,
        }
    }

    /// Rule 5.
    fn macro_bang(&self, at: usize) -> bool {
        let touches = |a: usize, b: usize| match (self.input.get(a), self.input.get(b)) {
            (Some(a), Some(b)) => a.span.end == b.span.start,
            _ => false,
        };
        at > 0
            && matches!(self.out.last().map(|t| &t.tok), Some(Tok::Ident(_)))
            && matches!(self.peek(at + 1), Some(Tok::Sym("(")))
            && touches(at - 1, at)
            && touches(at, at + 1)
    }

    /// Rule 6.
    fn misread(&self, at: usize) -> Option<Box<Diagnostic>> {
        let [a, b, c] = self.input.get(at..at + 3)? else { return None };
        let touch = a.span.end == b.span.start && b.span.end == c.span.start;
        let before = self.out.last();
        if a.is("--") && b.is(">") && a.span.end == b.span.start && c.word().is_some() {
            let object = before.and_then(Token::word)?;
            let field = c.word()?;
            return Some(Box::new(
                Diagnostic::error(Code::Syntax, a.span.to(b.span), "`-->` is no operator")
                    .label("not an operator")
                    .help(format!("use `{object}.{field}` or `{object}->{field}` for a field")),
            ));
        }
        let number = |t: &Token| matches!(t.tok, Tok::Int(..));
        if touch && number(a) && b.is(".") && number(c) && !before.is_some_and(|t| t.is(".")) {
            return Some(Box::new(
                Diagnostic::error(Code::BadNumber, a.span.to(c.span), "there are no floating-point numbers")
                    .label("not a whole number")
                    .help("BPF has integers only; scale the value, as in microseconds instead of seconds"),
            ));
        }
        None
    }

    /// Rule 7: opens a bracket.
    fn open(&mut self, token: Token) -> Result<(), Box<Diagnostic>> {
        self.weigh(token.span)?;
        if self.levels.len() >= MAX_BRACKETS {
            return Err(too_deep(token.span));
        }
        self.levels.push(Level { token: token.clone(), weight: 0 });
        self.out.push(token);
        Ok(())
    }

    /// Closes the bracket that `token` belongs to; others left open inside are the parser's matter.
    fn close(&mut self, token: Token, at: usize) {
        let fits = |open: &Token| match token.tok {
            Tok::Sym(")") => matches!(open.tok, Tok::Sym("(" | "(cast" | "(type")),
            Tok::Sym("]") => open.is("["),
            _ => matches!(open.tok, Tok::Sym("{" | "{expr")),
        };
        if let Some(found) = self.levels.iter().rposition(|l| fits(&l.token)) {
            let statement = self.levels[found].token.is("{");
            if self.levels[found].token.is("(cast") {
                self.cast_end = self.out.len() + 1;
            }
            for level in self.levels.drain(found..) {
                self.depth -= level.weight;
            }
            if statement && !self.input.get(at + 1).is_some_and(|t| t.is_word("else")) {
                self.reset();
            }
        }
        self.out.push(token);
    }

    /// Counts what deepens the tree.
    fn weigh(&mut self, span: Span) -> Result<(), Box<Diagnostic>> {
        match self.levels.last_mut() {
            Some(level) => level.weight += 1,
            None => self.outer += 1,
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(too_deep(span)) } else { Ok(()) }
    }

    /// A separator: what follows is beside what came before, not below it.
    fn reset(&mut self) {
        let weight = self.levels.last_mut().map_or(&mut self.outer, |l| &mut l.weight);
        self.depth -= std::mem::take(weight);
    }
}

fn too_deep(span: Span) -> Box<Diagnostic> {
    Box::new(
        Diagnostic::error(Code::TooDeep, span, "this nests too deep")
            .label("too deep here")
            .help(format!("at most {MAX_BRACKETS} brackets and {MAX_DEPTH} operators may nest; use a variable for a part")),
    )
}

#[cfg(test)]
mod tests;
