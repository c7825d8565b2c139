//! Constant expressions of C definitions: lengths, widths, alignments, values of enumerators.
//!
//! What has no value is an error at its place; nothing is taken for 0.

use btc_diagnostics::{Code, Diagnostic, Diagnostics, Span};
use btc_syntax::ast::{BinaryOp, Expr, ExprKind};
use btc_syntax::c_int::{CInt, CType};
use btc_types::Type;

use crate::records::Records;

/// An enumerator by its name, if the enum that is being read has it already.
pub(crate) type Earlier<'a> = &'a dyn Fn(&str) -> Option<CInt>;

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

impl Records<'_> {
    /// The value of a constant expression.
    pub fn c_value(&self, e: &Expr, earlier: Earlier, d: &mut Diagnostics) -> Option<CInt> {
        let mut evaluator = Evaluator { records: self, earlier, idle: 0, d };
        match evaluator.value(e) {
            Ok(value) => Some(value),
            Err(error) => {
                d.push(*error);
                None
            }
        }
    }

    /// A constant expression that must be from 0 to `most`.
    pub fn c_count(&self, e: &Expr, most: u32, what: &str, d: &mut Diagnostics) -> Option<u32> {
        let value = self.c_value(e, &|_| None, d)?.value();
        let count = u32::try_from(value).ok().filter(|n| *n <= most);
        if count.is_none() {
            d.push(Diagnostic::error(Code::CDefinition, e.span, format!("{what} is from 0 to {most}, not {value}")));
        }
        count
    }

    /// The length of an array; 0 where none is written.
    pub fn length(&self, count: Option<&Expr>, d: &mut Diagnostics) -> Option<u32> {
        count.map_or(Some(0), |e| self.c_count(e, u32::MAX, "the length of an array", d))
    }
}

/// How a whole number of a type is one of C.
pub(crate) fn c_type(ty: &Type) -> Option<CType> {
    match ty {
        Type::Int { size, signed } => Some(CType { size: *size, signed: *signed }),
        Type::Enum(e) => Some(CType { size: e.size, signed: e.signed }),
        _ => None,
    }
}

struct Evaluator<'a> {
    records: &'a Records<'a>,
    earlier: Earlier<'a>,
    /// Operands around this place whose value does not count, such as the right one of `0 && x`.
    idle: usize,
    d: &'a mut Diagnostics,
}

fn wrong<T>(span: Span, message: impl Into<String>) -> Result<T> {
    let error = Diagnostic::error(Code::CDefinition, span, message)
        .help("lengths, widths, alignments and enumerators are constants of C, known here");
    Err(Box::new(error))
}

impl Evaluator<'_> {
    fn operand(&mut self, e: &Expr, counts: bool) -> Result<CInt> {
        self.idle += usize::from(!counts);
        let value = self.value(e);
        self.idle -= usize::from(!counts);
        value
    }

    /// What C does not define counts only where its value does.
    fn defined(&self, value: std::result::Result<CInt, &'static str>, span: Span) -> Result<CInt> {
        match value {
            Ok(value) => Ok(value),
            Err(_) if self.idle > 0 => Ok(CInt::truth(false)),
            Err(message) => wrong(span, message),
        }
    }

    fn value(&mut self, e: &Expr) -> Result<CInt> {
        match &e.kind {
            ExprKind::Int(n) => Ok(CInt::new(i128::from(*n), CType::of_literal(*n, false, false, true))),
            ExprKind::CInt(n) => Ok(*n),
            ExprKind::Bool(truth) => Ok(CInt::truth(*truth)),
            ExprKind::Ident(name) => self.name(name, e.span),
            ExprKind::Unary { op, operand } => {
                let value = self.value(operand)?;
                self.defined(value.unary(*op), e.span)
            }
            ExprKind::Binary { op, left, right } => {
                let left = self.value(left)?;
                let counts = match op {
                    BinaryOp::LogicalAnd => left.is_true(),
                    BinaryOp::LogicalOr => !left.is_true(),
                    _ => true,
                };
                let right = self.operand(right, counts)?;
                self.defined(left.binary(*op, right), e.span)
            }
            ExprKind::Ternary { condition, then, otherwise } => {
                let truth = self.value(condition)?.is_true();
                let then = self.operand(then, truth)?;
                let otherwise = self.operand(otherwise, !truth)?;
                Ok(if truth { then.beside(otherwise) } else { otherwise.beside(then) })
            }
            ExprKind::Cast { ty, operand } => {
                let value = self.value(operand)?;
                let to = self.records.resolve(ty, None, self.d);
                match c_type(&to) {
                    _ if to == Type::Bool => Ok(CInt::truth(value.is_true())),
                    Some(ty) => Ok(value.cast(ty)),
                    None => wrong(ty.span, format!("a constant cannot be of type `{to}`")),
                }
            }
            ExprKind::Call { callee, args } => match (callee.name.as_str(), args.as_slice()) {
                ("sizeof", [of]) => self.size(of),
                _ => wrong(e.span, format!("`{}` has no value that is known here", callee.name)),
            },
            _ => wrong(e.span, "this is no constant"),
        }
    }

    fn name(&self, name: &str, span: Span) -> Result<CInt> {
        if let Some(value) = (self.earlier)(name).or_else(|| self.records.enumerator(name)) {
            return Ok(value);
        }
        match self.records.constant(name, span) {
            Some(_) => wrong(span, format!("`{name}` is an enumerator of the kernel, which may number it otherwise elsewhere")),
            None => wrong(span, format!("`{name}` is not defined")),
        }
    }

    /// `sizeof(type)`
    fn size(&mut self, of: &Expr) -> Result<CInt> {
        let size = match &of.kind {
            ExprKind::Type(ty) => match self.records.resolve(ty, None, self.d) {
                ty if is_kernels(&ty) => return wrong(of.span, format!("`{ty}` is the kernel's, and may have another size elsewhere")),
                Type::None => return wrong(of.span, "`void` has no size"),
                ty => ty.size(),
            },
            // An enumerator or a number.
            _ => u32::from(self.operand(of, false)?.size()),
        };
        Ok(CInt::new(i128::from(size), CType::ULONG))
    }
}

/// Whether a type's size is the kernel's affair.
fn is_kernels(ty: &Type) -> bool {
    match ty {
        Type::Record(r) => r.is_kernel(),
        Type::Array { element, .. } => is_kernels(element),
        _ => false,
    }
}
