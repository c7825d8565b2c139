//! Tells types from values by looking ahead: casts and the arguments of `sizeof`.
//!
//! Reason: `(name)` may be a type or a value, which no LALR(1) parser can tell, and
//! neither can the filter know every type of the kernel. The rules are bpftrace's:
//! a sure type in parentheses is a cast; a bare name is one where a value follows
//! that could not follow a value.

use std::collections::HashSet;

use super::KEYWORDS;
use crate::token::{Tok, Token};

/// C's words for arithmetic types.
pub const C_WORDS: &[&str] =
    &["unsigned", "signed", "short", "long", "int", "char", "float", "double", "_Bool", "__int128"];

/// Types of the language and of the kernel that everybody knows.
const TYPES: &[&str] = &[
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool", "string", "buffer", "inet",
    "void", "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "__u8", "__u16", "__u32", "__u64", "__s8",
    "__s16", "__s32", "__s64", "__be16", "__be32", "__be64", "__le16", "__le32", "__le64",
];

/// Builtin values, which `*` after `(name)` multiplies.
const VALUES: &[&str] = &[
    "pid", "tid", "uid", "gid", "nsecs", "elapsed", "cpu", "ncpus", "numaid", "cgroup", "rand", "retval", "cpid",
    "ppid", "jiffies", "usermode", "curtask", "func", "comm", "ctx", "args",
];

/// How deep types may nest in tuples.
const MAX_NESTING: usize = 8;

/// A stretch of tokens that reads as a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The token after it.
    pub end: usize,
    /// Whether it can be nothing but a type.
    pub sure: bool,
}

/// Knows the typedefs of the script.
#[derive(Clone, Debug, Default)]
pub struct Types {
    /// Names that a typedef of the script defines.
    pub typedefs: HashSet<String>,
}

impl Types {
    fn known(&self, name: &str) -> bool {
        TYPES.contains(&name) || C_WORDS.contains(&name) || name.ends_with("_t") || self.typedefs.contains(name)
    }

    /// The type at `at`, if the tokens there read as one.
    pub fn scan(&self, tokens: &[Token], at: usize) -> Option<Scan> {
        self.scan_nested(tokens, at, 0)
    }

    fn scan_nested(&self, tokens: &[Token], mut at: usize, nesting: usize) -> Option<Scan> {
        while tokens.get(at).is_some_and(is_qualifier) {
            at += 1;
        }
        let mut sure = true;
        match &tokens.get(at)?.tok {
            Tok::Ident(word) if matches!(word.as_str(), "struct" | "union" | "enum") => {
                tokens.get(at + 1)?.word()?;
                at += 2;
            }
            Tok::Ident(word) if word == "typeof" => at = closing(tokens, at + 1)? + 1,
            Tok::Ident(word) if C_WORDS.contains(&word.as_str()) => {
                while tokens.get(at).and_then(Token::word).is_some_and(|w| C_WORDS.contains(&w)) {
                    at += 1;
                }
            }
            Tok::Ident(word) if KEYWORDS.contains(&word.as_str()) => return None,
            Tok::Ident(word) => {
                sure = self.known(word);
                at += 1;
            }
            Tok::Sym("(") if nesting < MAX_NESTING => {
                let (end, all_sure) = self.scan_tuple(tokens, at, nesting)?;
                (at, sure) = (end, all_sure);
            }
            _ => return None,
        }
        let suffix = scan_suffix(tokens, at);
        Some(Scan { end: suffix.end, sure: sure || suffix.sure })
    }

    /// `(T, U)`; one type alone in parentheses is none.
    fn scan_tuple(&self, tokens: &[Token], mut at: usize, nesting: usize) -> Option<(usize, bool)> {
        let (mut count, mut sure) = (0, true);
        loop {
            let part = self.scan_nested(tokens, at + 1, nesting + 1)?;
            sure &= part.sure;
            count += 1;
            at = part.end;
            match tokens.get(at)?.tok {
                Tok::Sym(",") => {}
                Tok::Sym(")") if count > 1 => return Some((at + 1, sure)),
                _ => return None,
            }
        }
    }

    /// Whether the `(` at `open`, which stands where a value is wanted, begins a cast.
    /// `condition` says that it follows `if` or `while`, where a bare name is the condition.
    pub fn is_cast(&self, tokens: &[Token], open: usize, condition: bool) -> bool {
        let Some(scan) = self.scan(tokens, open + 1) else { return false };
        if !tokens.get(scan.end).is_some_and(|t| t.is(")")) {
            return false;
        }
        let Some(next) = tokens.get(scan.end + 1) else { return false };
        if scan.sure {
            return begins_value(next) || matches!(next.tok, Tok::Sym("-" | "*" | "&" | "++" | "--"));
        }
        let bare = scan.end == open + 2;
        let value = bare && tokens[open + 1].word().is_some_and(|w| VALUES.contains(&w));
        !condition && (begins_value(next) || bare && next.is("*") && !value)
    }
}

/// Whether `token` can begin a value but not go on after one.
fn begins_value(token: &Token) -> bool {
    match &token.tok {
        Tok::Ident(word) => !matches!(word.as_str(), "else" | "and" | "or"),
        Tok::Int(..) | Tok::Str(_) | Tok::Var(_) | Tok::Positional(_) | Tok::PositionalCount | Tok::Map(_) => true,
        Tok::Sym(sign) => matches!(*sign, "(" | "~" | "!"),
        Tok::Attach(_) | Tok::ProbeName(_) | Tok::Key(_) => false,
    }
}

/// `*`s and `[N]`s; sure where a `*` or `[]` cannot belong to a value.
fn scan_suffix(tokens: &[Token], mut at: usize) -> Scan {
    let mut sure = false;
    loop {
        match tokens.get(at).map(|t| &t.tok) {
            Some(Tok::Sym("*")) => {
                let next = tokens.get(at + 1).map(|t| &t.tok);
                sure |= matches!(next, Some(Tok::Sym(")" | "[")));
                at += 1;
            }
            Some(Tok::Sym("[")) => {
                let sized = matches!(tokens.get(at + 1).map(|t| &t.tok), Some(Tok::Int(..)));
                let close = at + 1 + usize::from(sized);
                if !tokens.get(close).is_some_and(|t| t.is("]")) {
                    return Scan { end: at, sure };
                }
                sure |= !sized;
                at = close + 1;
            }
            _ => return Scan { end: at, sure },
        }
    }
}

/// `const` and `volatile` say nothing that matters here.
pub fn is_qualifier(token: &Token) -> bool {
    token.is_word("const") || token.is_word("volatile")
}

/// The `)` of the `(` at `open`.
fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    if !tokens.get(open)?.is("(") {
        return None;
    }
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.tok {
            Tok::Sym("(") => depth += 1,
            Tok::Sym(")") => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// C's spelling of an arithmetic type, made one: `long unsigned int` is `unsigned long`.
pub fn normalise<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let (mut unsigned, mut signed, mut short, mut longs, mut base) = (false, false, false, 0, None);
    for word in words {
        match word {
            "unsigned" => unsigned = true,
            "signed" => signed = true,
            "short" => short = true,
            "long" => longs += 1,
            "int" => {}
            other => base = Some(other),
        }
    }
    let base = match (base, short, longs) {
        (Some("double"), _, 1..) => "long double",
        (Some(base), ..) => base,
        (None, true, _) => "short",
        (None, _, 0) => "int",
        (None, _, 1) => "long",
        (None, ..) => "long long",
    };
    // Plain `char` is a type of its own beside `signed char`.
    match base {
        "_Bool" => "bool".to_string(),
        _ if unsigned => format!("unsigned {base}"),
        "char" if signed => "signed char".to_string(),
        _ => base.to_string(),
    }
}
