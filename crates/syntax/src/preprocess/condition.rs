//! Whole-number expressions of `#if`, also used for array sizes in C definitions.

use btc_diagnostics::{Diagnostic, Span};

use super::expand::bad_condition;
use crate::token::{Tok, Token};

/// How deep parentheses and signs may nest.
const MAX_DEPTH: usize = 100;

/// Binary operators from the weakest to the strongest.
const LEVELS: &[&[&str]] = &[
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<", ">", "<=", ">="],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

/// The value of `tokens`; unknown names are 0, as in C.
pub fn evaluate(tokens: &[Token], span: Span) -> Result<i64, Box<Diagnostic>> {
    let mut e = Evaluator { tokens, at: 0, depth: 0, span };
    let value = e.ternary()?;
    match tokens.get(e.at) {
        None => Ok(value),
        Some(token) => Err(bad_condition(token.span, &format!("`{}` is not expected here", token.tok.text()))),
    }
}

struct Evaluator<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    span: Span,
}

impl Evaluator<'_> {
    fn eat(&mut self, sign: &str) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|t| t.is(sign));
        self.at += usize::from(found);
        found
    }

    fn ternary(&mut self) -> Result<i64, Box<Diagnostic>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(bad_condition(self.span, "this condition nests too deep"));
        }
        let condition = self.binary(0)?;
        let value = if self.eat("?") {
            let then = self.ternary()?;
            if !self.eat(":") {
                return Err(bad_condition(self.span, "`?` without `:`"));
            }
            let otherwise = self.ternary()?;
            if condition != 0 { then } else { otherwise }
        } else {
            condition
        };
        self.depth -= 1;
        Ok(value)
    }

    fn binary(&mut self, level: usize) -> Result<i64, Box<Diagnostic>> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(Tok::Sym(op)) = self.tokens.get(self.at).map(|t| &t.tok)
            && operators.contains(op)
        {
            self.at += 1;
            let right = self.binary(level + 1)?;
            left = apply(op, left, right);
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<i64, Box<Diagnostic>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(bad_condition(self.span, "this condition nests too deep"));
        }
        let token = self.tokens.get(self.at);
        self.at += 1;
        let value = match token.map(|t| &t.tok) {
            Some(Tok::Int(n)) => *n as i64,
            Some(Tok::Ident(name)) => {
                // `__has_include(…)` and the like are unknown, and so is what they ask for.
                if self.eat("(") {
                    self.skip_parenthesis();
                }
                i64::from(name == "true")
            }
            Some(Tok::Sym("-")) => self.unary()?.wrapping_neg(),
            Some(Tok::Sym("+")) => self.unary()?,
            Some(Tok::Sym("!")) => i64::from(self.unary()? == 0),
            Some(Tok::Sym("~")) => !self.unary()?,
            Some(Tok::Sym("(")) => {
                let value = self.ternary()?;
                if !self.eat(")") {
                    return Err(bad_condition(self.span, "`(` without `)`"));
                }
                value
            }
            _ => return Err(bad_condition(token.map_or(self.span, |t| t.span), "a number is missing here")),
        };
        self.depth -= 1;
        Ok(value)
    }

    fn skip_parenthesis(&mut self) {
        let mut depth = 1;
        while let Some(token) = self.tokens.get(self.at)
            && depth > 0
        {
            self.at += 1;
            depth += i32::from(token.is("(")) - i32::from(token.is(")"));
        }
    }
}

/// C's arithmetic; a division by zero gives 0, since only a branch not taken may hold one.
fn apply(op: &str, l: i64, r: i64) -> i64 {
    match op {
        "||" => i64::from(l != 0 || r != 0),
        "&&" => i64::from(l != 0 && r != 0),
        "|" => l | r,
        "^" => l ^ r,
        "&" => l & r,
        "==" => i64::from(l == r),
        "!=" => i64::from(l != r),
        "<" => i64::from(l < r),
        ">" => i64::from(l > r),
        "<=" => i64::from(l <= r),
        ">=" => i64::from(l >= r),
        "<<" => l.wrapping_shl(r as u32),
        ">>" => l.wrapping_shr(r as u32),
        "+" => l.wrapping_add(r),
        "-" => l.wrapping_sub(r),
        "*" => l.wrapping_mul(r),
        "/" => l.checked_div(r).unwrap_or(0),
        _ => l.checked_rem(r).unwrap_or(0),
    }
}
