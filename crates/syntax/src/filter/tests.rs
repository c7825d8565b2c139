//! One test for each rule of the filter.

use btc_diagnostics::FileId;

use super::*;
use crate::lexer::{Lexeme, next};

fn tokens(text: &str) -> Vec<Token> {
    let (mut out, mut at) = (Vec::new(), 0);
    loop {
        let step = next(text, FileId(0), at);
        at = step.end;
        match step.lexeme {
            Lexeme::Token(tok) => out.push(Token { tok, span: Span::new(FileId(0), step.start, step.end) }),
            Lexeme::End => return out,
            Lexeme::Newline | Lexeme::Comment => {}
        }
    }
}

fn refined(text: &str) -> String {
    let types = Types { typedefs: ["mine".to_string()].into() };
    match refine(&tokens(text), &types, true) {
        Ok(refined) => refined.tokens.iter().map(|t| t.tok.text()).collect::<Vec<_>>().join(" "),
        Err(error) => error.message.clone(),
    }
}

/// Whether the first `(` begins a cast.
fn casts(text: &str) -> bool {
    refined(&format!("{{ $v = {text}; }}")).starts_with("{ $v = (cast")
}

#[test]
fn sure_types_cast() {
    for text in [
        "(struct x *)y",
        "(struct x)y",
        "(uint8)-1",
        "(int32*[4])x",
        "(enum c)6",
        "(bool[2])x",
        "(uint8[])x",
        "(uint64_t)x",
        "(mine)x",
        "(mine *)&$x",
        "(unsigned long)x",
        "(const char *)arg0",
        "(typeof($a))70000",
        "(string[64])arg0",
        "((int8, int8))$x",
    ] {
        assert!(casts(text), "{text}");
    }
}

#[test]
fn bare_names_cast_before_values() {
    for text in ["(name)$x", "(name)1", "(name)(y)", "(name)*$a", "(name *)$a", "(name **)$a", "(name[2])$a", "(t)v"] {
        assert!(casts(text), "{text}");
    }
    for text in ["(name)", "(pid)*tid", "(name) + 1", "(name) - 1", "(name) & 1", "(a * b)", "(a[0])", "(a[0]) + 1", "(a, b)"] {
        assert!(!casts(text), "{text}");
    }
}

#[test]
fn a_condition_is_no_cast() {
    assert_eq!(refined("{ if (x) print(1); }"), "{ if ( x ) print ( 1 ) ; }");
    assert_eq!(refined("{ f(uint8) }"), "{ f ( uint8 ) }");
    assert_eq!(refined("{ (int8)(int8)1 }"), "{ (cast int8 ) (cast int8 ) 1 }");
}

#[test]
fn arguments_of_sizeof() {
    assert_eq!(refined("{ sizeof(struct x) }"), "{ sizeof (type struct x ) }");
    assert_eq!(refined("{ sizeof(x[1]) }"), "{ sizeof (type x [ 1 ] ) }");
    assert_eq!(refined("{ sizeof((x)[1]) }"), "{ sizeof ( ( x ) [ 1 ] ) }");
    assert_eq!(refined("{ sizeof(x()) }"), "{ sizeof ( x ( ) ) }");
    assert_eq!(refined("{ sizeof(true) }"), "{ sizeof ( true ) }");
    assert_eq!(refined("{ sizeof({ 1 }) }"), "{ sizeof ( {expr 1 } ) }");
    assert_eq!(refined("{ offsetof(struct x, a.b) }"), "{ offsetof (type struct x , a . b ) }");
    assert_eq!(refined("{ offsetof(*$p, a) }"), "{ offsetof ( * $p , a ) }");
}

#[test]
fn blocks_and_values() {
    assert_eq!(refined("{ { 1 } $x = { 2 }; }"), "{ { 1 } $x = {expr 2 } ; }");
    assert_eq!(refined("{ if f() { g({ 1 }) } else { } }"), "{ if f ( ) { g ( {expr 1 } ) } else { } }");
    assert_eq!(refined("{ $x = if 1 { 2 } else { 3 }; }"), "{ $x = if value 1 { 2 } else { 3 } ; }");
    assert_eq!(refined("{ 1 && { 2 } }"), "{ 1 && {expr 2 } }");
    assert_eq!(refined("{ if $x++ { } }"), "{ if $x ++ { } }");
}

#[test]
fn words_are_keywords_where_they_can_be() {
    let keys = |text: &str| {
        let types = Types::default();
        let refined = refine(&tokens(text), &types, true).expect("no error");
        refined.tokens.iter().filter(|t| matches!(t.tok, Tok::Key(_))).count()
    };
    assert_eq!(keys("{ $x.if->for.sizeof; struct + enum; sizeof; config.a; _ + import }"), 0);
    assert_eq!(keys("config = { a = error; return = if }"), 1);
    assert_eq!(keys("{ _ = 1; return sizeof(struct x); }"), 4);
}

#[test]
fn types_of_c() {
    assert_eq!(refined("{ sizeof(long unsigned int *) }"), "{ sizeof (type unsigned long * ) }");
    assert_eq!(refined("{ (const struct x *)volatile }"), "{ (cast struct x * ) volatile }");
}

#[test]
fn misread_text() {
    assert_eq!(refined("{ greet!(1); !f(2); a != (b) }"), "{ greet ( 1 ) ; ! f ( 2 ) ; a != ( b ) }");
    assert_eq!(refined("{ args-->x }"), "`-->` is no operator");
    assert_eq!(refined("{ $n-->0 }"), "{ $n -- > 0 }");
    assert_eq!(refined("{ 1.5 }"), "there are no floating-point numbers");
    assert_eq!(refined("{ $t.1.5; 0..5 }"), "{ $t . 1 . 5 ; 0 .. 5 }");
}
