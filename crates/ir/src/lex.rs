//! Tokens of the text form.

use crate::parse::ParseError;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'t> {
    /// Letters, digits, `_` and `.`, not beginning with a digit.
    Word(&'t str),
    /// A decimal number.
    Number(u64),
    /// Text in quotation marks.
    Text(String),
    /// Any other character; `.` when it stands alone.
    Mark(char),
}

/// The tokens of a text, each with its line.
pub fn lex(text: &str) -> Result<Vec<(Token<'_>, u32)>, ParseError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(c) = rest.chars().next() {
        if c == '\n' {
            line += 1;
        }
        if c.is_whitespace() {
            rest = &rest[c.len_utf8()..];
        } else if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else {
            let (token, len) = token(rest, c).map_err(|message| ParseError { line, message })?;
            line += rest[..len].matches('\n').count() as u32;
            tokens.push((token, line));
            rest = &rest[len..];
        }
    }
    Ok(tokens)
}

/// The token that `rest` begins with, and its length.
fn token(rest: &str, c: char) -> Result<(Token<'_>, usize), String> {
    let span = |more: fn(char) -> bool| rest.find(|c| !more(c)).unwrap_or(rest.len());
    if c == '"' {
        return quoted(rest);
    }
    if c.is_ascii_digit() {
        let len = span(|c| c.is_ascii_alphanumeric());
        let n = rest[..len].parse().map_err(|_| format!("`{}` is no number", &rest[..len]))?;
        return Ok((Token::Number(n), len));
    }
    if c.is_ascii_alphabetic() || c == '_' {
        let len = span(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        return Ok((Token::Word(&rest[..len]), len));
    }
    if "=,(){}:.[]+-".contains(c) {
        return Ok((Token::Mark(c), 1));
    }
    Err(format!("unexpected `{}`", c.escape_debug()))
}

fn quoted(rest: &str) -> Result<(Token<'_>, usize), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Text(text), at + 1)),
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, c @ ('"' | '\\'))) => text.push(c),
                Some((_, 'u')) => {
                    let code: String = chars.by_ref().map(|c| c.1).take_while(|c| *c != '}').collect();
                    let code = code.strip_prefix('{').and_then(|c| u32::from_str_radix(c, 16).ok());
                    text.push(code.and_then(char::from_u32).ok_or("no such character")?);
                }
                _ => return Err("unknown escape".to_string()),
            },
            c => text.push(c),
        }
    }
    Err("text without end".to_string())
}
