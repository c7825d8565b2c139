//! Whole-number expressions of `#if`.

use btc_diagnostics::{Diagnostic, Span};

use super::expand::bad_condition;
use crate::ast::{BinaryOp, UnaryOp};
use crate::c_int::{CInt, CType};
use crate::token::{FormKind, Tok, Token};

/// How deep parentheses and signs may nest.
const MAX_DEPTH: usize = 100;

/// Binary operators from the weakest to the strongest.
const LEVELS: &[&[BinaryOp]] = &[
    &[BinaryOp::LogicalOr],
    &[BinaryOp::LogicalAnd],
    &[BinaryOp::Or],
    &[BinaryOp::Xor],
    &[BinaryOp::And],
    &[BinaryOp::Eq, BinaryOp::Ne],
    &[BinaryOp::Lt, BinaryOp::Gt, BinaryOp::Le, BinaryOp::Ge],
    &[BinaryOp::Shl, BinaryOp::Shr],
    &[BinaryOp::Add, BinaryOp::Sub],
    &[BinaryOp::Mul, BinaryOp::Div, BinaryOp::Mod],
];

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// Whether `tokens` hold; unknown names are 0, as in C.
pub fn evaluate(tokens: &[Token], span: Span) -> Result<bool> {
    let mut e = Evaluator { tokens, at: 0, depth: 0, idle: 0, span };
    let value = e.ternary()?;
    match tokens.get(e.at) {
        None => Ok(value.is_true()),
        Some(token) => Err(bad_condition(token.span, &format!("`{}` is not expected here", token.tok.text()))),
    }
}

struct Evaluator<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    /// Operands around this place whose value does not count, such as the right one of `0 && x`.
    idle: usize,
    span: Span,
}

/// A number as conditions know it: all have 64 bits.
fn number(value: i128, signed: bool) -> CInt {
    CInt::new(value, if signed { CType::LONG } else { CType::ULONG })
}

impl Evaluator<'_> {
    fn eat(&mut self, sign: &str) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|t| t.is(sign));
        self.at += usize::from(found);
        found
    }

    /// An operand that counts only if `counts`.
    fn operand(&mut self, counts: bool, read: impl FnOnce(&mut Self) -> Result<CInt>) -> Result<CInt> {
        self.idle += usize::from(!counts);
        let value = read(self);
        self.idle -= usize::from(!counts);
        value
    }

    /// What C does not define counts only where its value does.
    fn defined(&self, value: std::result::Result<CInt, &'static str>, span: Span) -> Result<CInt> {
        match value {
            Ok(value) => Ok(value),
            Err(_) if self.idle > 0 => Ok(number(0, true)),
            Err(message) => Err(bad_condition(span, message)),
        }
    }

    fn ternary(&mut self) -> Result<CInt> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(bad_condition(self.span, "this condition nests too deep"));
        }
        let condition = self.binary(0)?;
        let value = if self.eat("?") {
            let then = self.operand(condition.is_true(), Self::ternary)?;
            if !self.eat(":") {
                return Err(bad_condition(self.span, "`?` without `:`"));
            }
            let otherwise = self.operand(!condition.is_true(), Self::ternary)?;
            if condition.is_true() { then.beside(otherwise) } else { otherwise.beside(then) }
        } else {
            condition
        };
        self.depth -= 1;
        Ok(value)
    }

    fn binary(&mut self, level: usize) -> Result<CInt> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(token) = self.tokens.get(self.at)
            && let Some(op) = operators.iter().find(|op| token.is(op.symbol()))
        {
            self.at += 1;
            let counts = match op {
                BinaryOp::LogicalOr => !left.is_true(),
                BinaryOp::LogicalAnd => left.is_true(),
                _ => true,
            };
            let right = self.operand(counts, |e| e.binary(level + 1))?;
            let value = self.defined(left.binary(*op, right), token.span)?;
            left = if op.tells_truth() { number(value.value(), true) } else { value };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<CInt> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(bad_condition(self.span, "this condition nests too deep"));
        }
        let token = self.tokens.get(self.at);
        self.at += 1;
        let span = token.map_or(self.span, |t| t.span);
        let value = match token.map(|t| &t.tok) {
            Some(Tok::Int(n, form)) => {
                let unsigned = !form.ty.signed && (form.ty.size == 8 || form.kind == FormKind::C);
                number(i128::from(*n), !unsigned)
            }
            Some(Tok::Ident(name)) => {
                // `__has_include(…)` and the like are unknown, and so is what they ask for.
                if self.eat("(") {
                    self.skip_parenthesis();
                }
                number(i128::from(name == "true"), true)
            }
            Some(Tok::Sym("-")) => {
                let value = self.unary()?;
                self.defined(value.unary(UnaryOp::Neg), span)?
            }
            Some(Tok::Sym("+")) => self.unary()?,
            Some(Tok::Sym("!")) => number(i128::from(!self.unary()?.is_true()), true),
            Some(Tok::Sym("~")) => {
                let value = self.unary()?;
                self.defined(value.unary(UnaryOp::BitNot), span)?
            }
            Some(Tok::Sym("(")) => {
                let value = self.ternary()?;
                if !self.eat(")") {
                    return Err(bad_condition(self.span, "`(` without `)`"));
                }
                value
            }
            _ => return Err(bad_condition(span, "a number is missing here")),
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
