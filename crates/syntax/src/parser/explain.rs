//! Turns a failure of the parser into words: what was found, what is wanted, and the way out.

use btc_diagnostics::{Code, Diagnostic, Span};
use lalrpop_util::ParseError;

use super::Failure;
use crate::filter::Refined;
use crate::token::{Tok, Token};

/// What the explanation needs to know of the item.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Where the text ends.
    pub end: Span,
    /// Whether it is an expression in a C definition.
    pub definition: bool,
}

/// The diagnostic for `failure`.
pub fn explain(failure: Failure, refined: &Refined, place: Place) -> Diagnostic {
    match failure {
        ParseError::User { error } => error,
        ParseError::UnrecognizedToken { token: (span, tok, _), expected } => {
            // Places are not unique behind macros, but the first one will do there.
            let at = refined.tokens.iter().position(|t| t.span == span && t.tok == tok).unwrap_or(0);
            unexpected(refined, at, &expected)
        }
        ParseError::UnrecognizedEof { expected, .. } => at_end(refined, place, &expected),
        ParseError::ExtraToken { token: (span, tok, _) } => {
            Diagnostic::error(Code::Syntax, span, format!("{} is not expected here", found(&tok)))
        }
        ParseError::InvalidToken { location } => Diagnostic::error(Code::Syntax, location, "no token begins here"),
    }
}

/// A token in words.
fn found(tok: &Tok) -> String {
    match tok {
        Tok::Str(_) => "the string".to_string(),
        Tok::Int(n, _) => format!("the number {n}"),
        Tok::Sym(sign) => match *sign {
            "(cast" | "(type" => "`(`".to_string(),
            "{expr" => "`{`".to_string(),
            "/open" | "/close" => "`/`".to_string(),
            sign => format!("`{sign}`"),
        },
        Tok::Key(key) => format!("`{}`", key.split(' ').next().unwrap_or(key)),
        other => format!("`{}`", other.text()),
    }
}

/// What the grammar wants, in words, from its list of tokens.
fn wanted(expected: &[String], tokens: &[Token], at: usize) -> String {
    let wants = |sign: &str| expected.iter().any(|e| e.trim_matches('"') == sign);
    let any_value = wants("string") && wants("positional");
    let operator = wants("*") && wants("<<") && !any_value;
    let open = innermost(&tokens[..at]).map(|t| &tokens[t]);
    let mut list: Vec<&str> = Vec::new();
    if any_value {
        list.push(if wants("while") { "a statement" } else { "an expression" });
    } else if operator {
        // After a whole expression anything but an operator must end it.
        match open.map(|t| &t.tok) {
            Some(Tok::Sym("(" | "(cast" | "(type")) => list.extend([")", ","].iter().filter(|s| wants(s))),
            Some(Tok::Sym("[")) => list.extend(["]", ","].iter().filter(|s| wants(s))),
            _ => list.extend(["{", ";", "}", "/close", ":", ".."].iter().filter(|s| wants(s))),
        }
        if list.is_empty() {
            list.push("an operator");
        }
    } else {
        if wants("ident") {
            list.push("a name");
        }
        if wants("variable") {
            list.push("a variable");
        }
        if wants("map") {
            list.push("a map");
        }
        if wants("attach") {
            list.push("a probe");
        }
        let signs = ["(", "{", "=", ":", ")", "]", "}", ",", ";", "..", "/open", "/close", "string", "int", "else"];
        list.extend(signs.iter().filter(|s| wants(s)));
    }
    list.truncate(4);
    let words: Vec<String> = list.iter().map(|w| in_words(w)).collect();
    match words.split_last() {
        None => String::new(),
        Some((one, [])) => one.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

fn in_words(item: &str) -> String {
    match item {
        "/open" => "a predicate".to_string(),
        "/close" => "`/`".to_string(),
        "string" => "a string".to_string(),
        "int" => "a number".to_string(),
        words if words.contains(' ') => words.to_string(),
        sign => format!("`{sign}`"),
    }
}

/// The innermost bracket that is open after `tokens`.
fn innermost(tokens: &[Token]) -> Option<usize> {
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.tok {
            Tok::Sym("(" | "(cast" | "(type" | "[" | "{" | "{expr") => open.push(at),
            Tok::Sym(")" | "]" | "}") => {
                open.pop();
            }
            _ => {}
        }
    }
    open.last().copied()
}

/// A token that the grammar does not want at `at`.
fn unexpected(refined: &Refined, at: usize, expected: &[String]) -> Diagnostic {
    let tokens = &refined.tokens;
    let token = &tokens[at];
    if let Some(error) = probe_inside(refined, at) {
        return error;
    }
    let wanted = wanted(expected, tokens, at);
    let message = if wanted.is_empty() {
        format!("{} is not expected here", found(&token.tok))
    } else {
        format!("{} found where {wanted} is wanted", found(&token.tok))
    };
    let label = if wanted.is_empty() { "not expected".to_string() } else { format!("{wanted} is wanted here") };
    let mut error = Diagnostic::error(Code::Syntax, token.span, message).label(label);
    let open = innermost(&tokens[..at]).map(|t| &tokens[t]);
    if let Some(open) = open
        && (wanted.starts_with("`)`") || wanted.starts_with("`]`"))
    {
        error = error.also(open.span, "opened here");
    }
    match hint(tokens, at, &wanted) {
        Some(help) => error.help(help),
        None => error,
    }
}

/// The way out of common slips.
fn hint(tokens: &[Token], at: usize, wanted: &str) -> Option<String> {
    let token = &tokens[at];
    let before = at.checked_sub(1).map(|n| &tokens[n]);
    let help = match &token.tok {
        Tok::Ident(word) => match word.as_str() {
            "and" => "the operator is `&&`",
            "or" => "the operator is `||`",
            "elif" | "elsif" | "elseif" => "write `else if`",
            "then" | "do" => "the block stands in braces, without a word before it",
            "in" => "write `:`, as in `for ($i : 0..10)`",
            _ => general(wanted)?,
        },
        Tok::Sym("=") if wanted.contains("`)`") || wanted.contains("`/`") || wanted.contains("`{`") => {
            "`==` compares; `=` assigns, which is a statement"
        }
        Tok::Sym("}") if before.is_some_and(|t| t.is("}")) => "one brace too many?",
        Tok::Key("else") => "`else` follows the `}` of its `if`, without a `;` between them",
        Tok::Sym("}") if before.is_none() => "no block is open here",
        Tok::Sym("..") => "a range stands in a `for` loop: `for ($i : 0..10)`",
        Tok::Sym(";") if wanted.contains("expression") => "an operand is missing before the `;`",
        Tok::Sym(")") if wanted.contains("expression") => "an operand is missing before the `)`",
        Tok::Sym(";") if wanted.contains("`)`") => "close the parenthesis before the `;`",
        Tok::Key("sizeof" | "typeof" | "offsetof") | Tok::Sym("(cast") => general(wanted)?,
        Tok::Key(_) if wanted.contains("name") => "this word is a keyword and cannot be a name",
        _ => general(wanted)?,
    };
    Some(help.to_string())
}

fn general(wanted: &str) -> Option<&'static str> {
    Some(match wanted {
        w if w.contains("`;` or `}`") => "end the statement before with `;`",
        w if w.contains("`{`") && w.contains("probe") => "the action stands in braces: `kprobe:vfs_read { … }`",
        w if w.contains("`/`") => "a predicate stands between `/` and `/`, the action in braces after it",
        w if w.contains("`{`") => "blocks always stand in braces",
        _ => return None,
    })
}

/// A probe that begins inside of a block: the `}` before it is missing.
fn probe_inside(refined: &Refined, at: usize) -> Option<Diagnostic> {
    let tokens = &refined.tokens;
    let open = refined.open.iter().find(|t| t.is("{"))?;
    let name = tokens.get(at.checked_sub(1)?)?;
    let word = name.word()?;
    let starts_statement = at >= 2 && matches!(tokens[at - 2].tok, Tok::Sym(";" | "}" | "{"));
    let probe = tokens[at].is(":") || matches!(word, "BEGIN" | "END" | "begin" | "end") && tokens[at].is("{");
    (starts_statement && probe).then(|| {
        Diagnostic::error(Code::MissingBrace, name.span, "a probe begins here, but a block is still open")
            .label("`}` is missing before this")
            .also(open.span, "this block is never closed")
            .help("close the block with `}`")
    })
}

/// The text ends too early.
fn at_end(refined: &Refined, place: Place, expected: &[String]) -> Diagnostic {
    if place.definition {
        return Diagnostic::error(Code::CDefinition, place.end, "this expression is not complete");
    }
    let at = refined.tokens.len();
    match refined.open.last() {
        Some(open) if matches!(open.tok, Tok::Sym("{" | "{expr")) => {
            Diagnostic::error(Code::MissingBrace, place.end, "the text ends inside of a block; `}` is missing")
                .label("`}` is wanted here")
                .also(open.span, "this block is never closed")
                .help("close the block with `}`")
        }
        Some(open) => {
            let close = if open.is("[") { "]" } else { ")" };
            Diagnostic::error(Code::Syntax, place.end, format!("the text ends before `{close}`"))
                .label(format!("`{close}` is wanted here"))
                .also(open.span, "opened here")
        }
        None => {
            let wanted = wanted(expected, &refined.tokens, at);
            let last = refined.tokens.last().map_or(place.end, |t| t.span);
            let probe = refined.tokens.iter().any(|t| matches!(t.tok, Tok::Attach(_)));
            let error = Diagnostic::error(Code::Syntax, place.end, format!("the text ends where {wanted} is wanted"))
                .label(format!("{wanted} is wanted here"))
                .also(last, "after this");
            if probe {
                error.help("the action of a probe stands in braces: `kprobe:vfs_read { … }`")
            } else {
                error
            }
        }
    }
}
