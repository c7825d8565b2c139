//! Numbers, strings and characters that begin no token.

use btc_abi::number::{self, Literal, Suffix, Wrong};
use btc_diagnostics::{Code, Diagnostic, FileId, Span};

use super::{Lexeme, Step};
use crate::c_int::CType;
use crate::token::{Form, FormKind, Tok};

/// The value of a number, and what is wrong with it.
pub fn number_token(text: &str, span: Span) -> ((u64, Form), Option<Diagnostic>) {
    match read_number(text, span) {
        Ok(value) => (value, None),
        Err(error) => ((0, Form::plain(0)), Some(*error)),
    }
}

fn read_number(text: &str, span: Span) -> Result<(u64, Form), Box<Diagnostic>> {
    let bad = |at: usize, message: String| {
        let span = Span { start: span.start + at as u32, ..span };
        Diagnostic::error(Code::BadNumber, span, message)
    };
    let Literal { value, decimal, suffix } = number::literal(text).map_err(|wrong| match wrong {
        Wrong::NoDigits => bad(0, format!("`{text}` has no digits")),
        Wrong::Octal => bad(0, format!("`{text}` is no octal number")).label("8 and 9 are no octal digits").help(format!(
            "a leading 0 makes a number octal; write `{}` for the decimal number",
            text.trim_start_matches('0')
        )),
        Wrong::TooLarge => {
            bad(0, format!("`{text}` does not fit in 64 bits")).help(format!("the largest number is {}", u64::MAX))
        }
        Wrong::Exponent => bad(0, format!("`{text}` has no whole exponent")).help("`2e3` is 2000; there are no fractions"),
        Wrong::Suffix(at) => bad(at, format!("`{}` is no suffix of a number", &text[at..]))
            .label("unknown suffix")
            .help("durations end in `ns`, `us`, `ms`, `s`, `m`, `h` or `d`; a name cannot begin with a digit"),
    })?;
    let (kind, unsigned, long) = match suffix {
        Suffix::None => (FormKind::Plain, false, false),
        Suffix::Size { unsigned, long } => (FormKind::C, unsigned, long),
        Suffix::Duration => (FormKind::Duration, false, false),
    };
    Ok((value, Form { ty: CType::of_literal(value, unsigned, long, decimal), kind }))
}

/// A string from its opening quote at `start`.
pub fn string(text: &str, file: FileId, start: usize) -> Step {
    let bytes = text.as_bytes();
    let (mut value, mut error, mut at) = (Vec::new(), None, start + 1);
    loop {
        match bytes.get(at) {
            None | Some(b'\n') => {
                let end = if at > start + 1 && bytes.get(at - 1) == Some(&b'\r') { at - 1 } else { at };
                let span = Span::new(file, start, end);
                error = Some(
                    Diagnostic::error(Code::UnterminatedString, span, "this string has no closing quote")
                        .label("opened here")
                        .help("close it with `\"`; a line break inside is written `\\n`"),
                );
                break;
            }
            Some(b'"') => {
                at += 1;
                break;
            }
            Some(b'\\') => {
                let (byte, length) = escape(&bytes[at + 1..]);
                match byte {
                    Some(byte) => value.push(byte),
                    None => {
                        // The whole character belongs to the escape, however many bytes it has.
                        let shown: String = text[at + 1..].chars().take_while(|c| *c != '\n').take(1).collect();
                        let span = Span::new(file, at + 1, at + 1 + shown.len());
                        error.get_or_insert_with(|| {
                            Diagnostic::error(Code::BadEscape, span, format!("`\\{shown}` is no escape sequence"))
                                .label("unknown escape")
                                .help("a backslash itself is written `\\\\`")
                        });
                    }
                }
                at += 1 + length;
            }
            Some(byte) => {
                value.push(*byte);
                at += 1;
            }
        }
    }
    Step { lexeme: Lexeme::Token(Tok::Str(value)), start, end: at, error }
}

/// The byte that an escape means and the number of bytes after the backslash.
fn escape(rest: &[u8]) -> (Option<u8>, usize) {
    let simple = match rest.first() {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'a') => 0x07,
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(b'v') => 0x0b,
        Some(b'e') => 0x1b,
        Some(c @ (b'\\' | b'"' | b'\'')) => *c,
        Some(b'x') => {
            let digits = rest[1..].iter().take(2).take_while(|b| b.is_ascii_hexdigit()).count();
            let value = fold(&rest[1..1 + digits], 16);
            return (value.filter(|_| digits > 0), 1 + digits);
        }
        Some(b'0'..=b'7') => {
            let digits = rest.iter().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
            return (fold(&rest[..digits], 8), digits);
        }
        // The unknown character itself is then read as text.
        _ => return (None, 0),
    };
    (Some(simple), 1)
}

fn fold(digits: &[u8], radix: u32) -> Option<u8> {
    digits
        .iter()
        .try_fold(0u32, |n, b| Some(n * radix + (*b as char).to_digit(radix)?))
        .and_then(|n| u8::try_from(n).ok())
}

/// C's `'x'` of one byte at the start of a text: its value and length.
fn character(text: &[u8]) -> Option<(u64, usize)> {
    let (byte, end) = match text {
        [b'\'', b'\\', rest @ ..] => {
            let (byte, length) = escape(rest);
            (byte?, 2 + length)
        }
        // Others than these are of no single value, and values above are those of a signed `char`.
        [b'\'', byte @ b' '..=b'~', ..] if *byte != b'\'' => (*byte, 2),
        _ => return None,
    };
    (byte < 0x80 && text.get(end) == Some(&b'\'')).then_some((u64::from(byte), end + 1))
}

/// A character that begins no token. A quoted text in odd quotes is taken as the string it was meant to be.
pub fn odd_character(text: &str, file: FileId, start: usize) -> Step {
    let rest = text.get(start..).unwrap_or("");
    let Some(first) = rest.chars().next() else {
        return Step { lexeme: Lexeme::End, start, end: start, error: None };
    };
    if let Some((value, end)) = character(rest.as_bytes()) {
        let form = Form { ty: CType::INT, kind: FormKind::Character };
        return Step { lexeme: Lexeme::Token(Tok::Int(value, form)), start, end: start + end, error: None };
    }
    let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
    let odd_quote = |c: char| matches!(c, '\u{201c}'..='\u{201f}' | '\u{2018}'..='\u{201b}' | '«' | '»' | '″' | '\'' | '`');
    if odd_quote(first) {
        let after = first.len_utf8();
        let close = line[after..].char_indices().find(|(_, c)| odd_quote(*c) || *c == '"');
        let length = close.map_or(after, |(n, c)| after + n + c.len_utf8());
        let span = Span::new(file, start, start + length);
        let message = match first {
            '\'' => "strings stand in double quotes".to_string(),
            '`' => "a backquote has no meaning here".to_string(),
            _ => format!("`{first}` is a typographic quote"),
        };
        let error = Diagnostic::error(Code::BadCharacter, span, message)
            .label("not a quote of the language")
            .help("use the plain quote `\"`");
        let lexeme = Lexeme::Token(Tok::Str(Vec::new()));
        return Step { lexeme, start, end: start + length, error: Some(error) };
    }
    let (message, help) = match first {
        '–' | '—' | '−' => (format!("`{first}` is a typographic dash"), "use the plain minus `-`"),
        '\u{a0}' | '\u{2000}'..='\u{200b}' | '\u{feff}' | '\u{3000}' => {
            ("an odd white space character".to_string(), "use a plain space; it often comes from copying text")
        }
        '…' => ("`…` has no meaning here".to_string(), "it often stands for text that was left out"),
        '\\' => ("a backslash has no meaning here".to_string(), "escapes stand inside strings"),
        '$' => ("`$` needs a name or a number after it".to_string(), "variables are `$x`, parameters `$1`"),
        c if c.is_control() => (format!("the control character {:#04x}", c as u32), "remove it"),
        _ => (format!("`{first}` begins no token"), "names hold letters of ASCII, digits and `_`"),
    };
    let span = Span::new(file, start, start + first.len_utf8());
    // Dashes are replaced, so that the parser sees what was meant; the rest is left out.
    let lexeme = if help.contains("minus") { Lexeme::Token(Tok::Sym("-")) } else { Lexeme::Comment };
    let error = Diagnostic::error(Code::BadCharacter, span, message).label("not a token").help(help);
    Step { lexeme, start, end: start + first.len_utf8(), error: Some(error) }
}
