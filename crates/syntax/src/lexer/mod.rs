//! The lexer: one token at a time from any place of a text.
//!
//! It is asked token by token because the text of attach points is not made of
//! tokens; `filter::items` knows where those stand.

mod literal;

use btc_diagnostics::{Code, Diagnostic, FileId, Span};
use logos::Logos;

use crate::token::{SYMBOLS, Tok};

/// What logos tells apart; the rest is done by hand below.
#[derive(Logos, Clone, Copy, Debug, PartialEq)]
#[logos(skip r"[ \t\r\x0b\x0c]+")]
#[logos(skip r"\\\r?\n")]
enum Raw {
    #[token("\n")]
    Newline,
    #[regex(r"//[^\n]*", allow_greedy = true)]
    LineComment,
    #[token("/*")]
    BlockComment,
    #[regex(r"[A-Za-z_][A-Za-z0-9_]*")]
    Ident,
    #[regex(r"[0-9][0-9A-Za-z_]*")]
    Number,
    #[regex(r"\$[A-Za-z_][A-Za-z0-9_]*")]
    Var,
    #[regex(r"\$[0-9]+")]
    Positional,
    #[token("$#")]
    PositionalCount,
    #[regex(r"@([A-Za-z_][A-Za-z0-9_]*)?")]
    Map,
    #[token("\"")]
    Quote,
    #[regex(r"[(){}\[\],;.=:?+\-*/%&|\^~!<>#]")]
    #[regex(r"->|<<|>>|<=|>=|==|!=|&&|\|\||\+=|-=|\*=|/=|%=|&=|\|=|\^=|<<=|>>=|\+\+|--|\.\.|\.\.\.|##")]
    Sign,
}

/// What stands at a place of the text.
#[derive(Debug)]
pub enum Lexeme {
    /// A token.
    Token(Tok),
    /// The end of a line.
    Newline,
    /// A comment.
    Comment,
    /// The end of the text.
    End,
}

/// One step of the lexer.
#[derive(Debug)]
pub struct Step {
    /// What was found. After an error it is what was probably meant.
    pub lexeme: Lexeme,
    /// Its first byte.
    pub start: usize,
    /// The byte after it; reading goes on there.
    pub end: usize,
    /// What is wrong with it.
    pub error: Option<Diagnostic>,
}

/// The lexeme at or after byte `at` of `text`, which must be a character bound.
pub fn next(text: &str, file: FileId, at: usize) -> Step {
    let rest = text.get(at..).unwrap_or("");
    let mut lexer = Raw::lexer(rest);
    let Some(raw) = lexer.next() else {
        return Step { lexeme: Lexeme::End, start: text.len(), end: text.len(), error: None };
    };
    let start = at + lexer.span().start;
    let mut step = Step { lexeme: Lexeme::Newline, start, end: at + lexer.span().end, error: None };
    let slice = lexer.slice();
    let span = Span::new(file, start, step.end);
    step.lexeme = match raw {
        Err(()) => return literal::odd_character(text, file, start),
        Ok(Raw::Newline) => Lexeme::Newline,
        Ok(Raw::LineComment) => Lexeme::Comment,
        Ok(Raw::BlockComment) => return block_comment(text, file, start),
        Ok(Raw::Quote) => return literal::string(text, file, start),
        Ok(Raw::Ident) => Lexeme::Token(Tok::Ident(slice.to_string())),
        Ok(Raw::Var) => Lexeme::Token(Tok::Var(slice.to_string())),
        Ok(Raw::Map) => Lexeme::Token(Tok::Map(slice.to_string())),
        Ok(Raw::PositionalCount) => Lexeme::Token(Tok::PositionalCount),
        Ok(Raw::Positional) => {
            let number = slice.trim_start_matches('$').parse();
            if number.is_err() {
                step.error = Some(Diagnostic::error(Code::BadNumber, span, "no script has that many parameters"));
            }
            Lexeme::Token(Tok::Positional(number.unwrap_or(1)))
        }
        Ok(Raw::Number) => {
            let ((value, form), error) = literal::number_token(slice, span);
            step.error = error;
            Lexeme::Token(Tok::Int(value, form))
        }
        Ok(Raw::Sign) => match SYMBOLS.iter().find(|s| **s == slice) {
            Some(sign) => Lexeme::Token(Tok::Sym(sign)),
            None => return literal::odd_character(text, file, start),
        },
    };
    step
}

/// `/* … */`; they do not nest.
fn block_comment(text: &str, file: FileId, start: usize) -> Step {
    let close = text.get(start + 2..).and_then(|t| t.find("*/"));
    let end = close.map_or(text.len(), |n| start + 2 + n + 2);
    let error = close.is_none().then(|| {
        Diagnostic::error(Code::UnterminatedComment, Span::new(file, start, start + 2), "this comment has no end")
            .label("opened here")
            .help("close it with `*/`")
    });
    Step { lexeme: Lexeme::Comment, start, end, error }
}

/// The first significant character at or after `at`, beyond white space and comments.
pub fn peek(text: &str, file: FileId, mut at: usize) -> (char, usize) {
    loop {
        let rest = text.get(at..).unwrap_or("");
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        if !(trimmed.starts_with("//") || trimmed.starts_with("/*")) {
            return (trimmed.chars().next().unwrap_or('\0'), at);
        }
        at = next(text, file, at).end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(text: &str) -> (Vec<String>, Vec<String>) {
        let (mut tokens, mut errors, mut at) = (Vec::new(), Vec::new(), 0);
        loop {
            let step = next(text, FileId(0), at);
            assert!(step.end > at || matches!(step.lexeme, Lexeme::End), "no progress in {text:?}");
            at = step.end;
            errors.extend(step.error.map(|e| format!("{:?} {}", e.span, e.code.name())));
            match step.lexeme {
                Lexeme::Token(tok) => tokens.push(tok.text()),
                Lexeme::End => return (tokens, errors),
                Lexeme::Newline | Lexeme::Comment => {}
            }
        }
    }

    #[test]
    fn longest_sign_wins() {
        assert_eq!(lex("a<<=b>>c->d..e").0.join(" "), "a <<= b >> c -> d .. e");
        assert_eq!(lex("$kv.0.1").0.join(" "), "$kv . 0 . 1");
        assert_eq!(lex("@[$1]=$#;").0.join(" "), "@ [ $1 ] = $# ;");
    }

    #[test]
    fn numbers() {
        let (tokens, errors) = lex("052 0x2A 1_000 2e3 5ms 1d 7ULL 18446744073709551615");
        assert_eq!(tokens.join(" "), "42 42 1000 2000 5000000 86400000000000 7UL 18446744073709551615");
        assert!(errors.is_empty());
        for bad in ["089", "12abc", "18446744073709551616", "1e30", "0x", "300000000d", "1e", "99999999999e99999999999"] {
            assert_eq!(lex(bad).1.len(), 1, "{bad}");
        }
        assert_eq!(lex("12abc").1, ["2..5 bad-number"]);
    }

    #[test]
    fn strings() {
        assert_eq!(lex(r#""\x41\102\n\"""#).0, [r#""AB\n\"""#]);
        assert_eq!(lex(r#""a\qb""#).1, ["3..4 bad-escape"]);
        assert_eq!(lex("\"open\nx").1, ["0..5 unterminated-string"]);
        assert_eq!(lex("f(“hi”)").1, ["2..10 bad-character"]);
        assert_eq!(lex("“").1.len(), 1);
        assert_eq!(lex("/* x").1, ["0..2 unterminated-comment"]);
    }
}
