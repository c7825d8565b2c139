//! Tokens, as the lexer makes them and the token filter refines them.

use btc_diagnostics::Span;

use crate::c_int::CType;

/// A token with its place.
///
/// What comes out of a `#define` has the place where the name is used.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub tok: Tok,
    /// Its place.
    pub span: Span,
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Its type in C.
    pub ty: CType,
    /// What its suffix makes of it.
    pub kind: FormKind,
}

/// Kinds of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormKind {
    /// A number of the language, which knows one kind of them alone.
    Plain,
    /// A number of C: one with a suffix of C, or in a C definition.
    C,
    /// A character of C, such as `'x'`; the language has none.
    Character,
    /// A time with a unit.
    Duration,
}

impl Form {
    /// A plain decimal number.
    pub fn plain(value: u64) -> Form {
        Form { ty: CType::of_literal(value, false, false, true), kind: FormKind::Plain }
    }

    /// The suffix that gives a number its type in C.
    fn suffix(self) -> &'static str {
        match (self.kind, self.ty.size, self.ty.signed) {
            (FormKind::Plain | FormKind::Duration | FormKind::Character, ..) | (_, 4, true) => "",
            (_, 4, false) => "U",
            (_, _, true) => "L",
            (_, _, false) => "UL",
        }
    }
}

/// The kinds of tokens.
#[derive(Clone, Debug, PartialEq)]
pub enum Tok {
    /// A number; durations are nanoseconds.
    Int(u64, Form),
    /// A string with its escapes resolved.
    Str(Vec<u8>),
    /// A word. The filter turns keywords into [`Tok::Key`] where they are keywords.
    Ident(String),
    /// `$x`
    Var(String),
    /// `$1`
    Positional(u32),
    /// `$#`
    PositionalCount,
    /// `@x`
    Map(String),
    /// A raw attach point.
    Attach(String),
    /// The name of a probe, before its `=`.
    ProbeName(String),
    /// A keyword, one of the filter's table.
    Key(&'static str),
    /// A sign of [`SYMBOLS`], or one that the filter makes: `(cast`, `(type`,
    /// `{expr`, `/open`, `/close`.
    Sym(&'static str),
}

/// Every sign of the language.
pub const SYMBOLS: &[&str] = &[
    "(", ")", "{", "}", "[", "]", ",", ";", ".", "=", "->", ":", "?", "+", "-", "*", "/", "%", "&", "|", "^",
    "~", "!", "<", ">", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=",
    "|=", "^=", "<<=", ">>=", "++", "--", "..", "...", "#", "##",
];

impl Token {
    /// Whether it is the sign `sign`.
    pub fn is(&self, sign: &str) -> bool {
        self.tok.is(sign)
    }

    /// Whether it is the word `word`, as identifier or keyword.
    pub fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }

    /// The text of a word.
    pub fn word(&self) -> Option<&str> {
        match &self.tok {
            Tok::Ident(word) => Some(word),
            Tok::Key(word) => Some(word),
            _ => None,
        }
    }
}

impl Tok {
    /// Whether it is the sign `sign`.
    pub fn is(&self, sign: &str) -> bool {
        matches!(self, Tok::Sym(s) if *s == sign)
    }

    /// The token as one would write it; strings in quotes.
    pub fn text(&self) -> String {
        match self {
            Tok::Int(n, form) => format!("{n}{}", form.suffix()),
            Tok::Str(bytes) => format!("\"{}\"", bytes.escape_ascii()),
            Tok::Ident(s) | Tok::Var(s) | Tok::Map(s) | Tok::Attach(s) | Tok::ProbeName(s) => s.clone(),
            Tok::Positional(n) => format!("${n}"),
            Tok::PositionalCount => "$#".to_string(),
            Tok::Key(s) | Tok::Sym(s) => s.to_string(),
        }
    }

    /// The kind in a word, for `--emit tokens`.
    pub fn kind(&self) -> &'static str {
        match self {
            Tok::Int(..) => "int",
            Tok::Str(_) => "string",
            Tok::Ident(_) => "ident",
            Tok::Var(_) => "variable",
            Tok::Positional(_) | Tok::PositionalCount => "parameter",
            Tok::Map(_) => "map",
            Tok::Attach(_) => "attach",
            Tok::ProbeName(_) => "name",
            Tok::Key(_) => "keyword",
            Tok::Sym(_) => "sign",
        }
    }
}
