//! Constant expressions of C in the script: what is made of constants alone, one of which has C's suffix, is what C makes of it. The
//! parser does that for literals; here casts, enumerators of the script, sizes and truth values take part.

use btc_diagnostics::Diagnostics;
use btc_syntax::ast::visit::{Rewriter, walk_expr};
use btc_syntax::ast::{Expr, ExprKind, Program, UnaryOp};

use crate::c_constant::c_type;
use crate::records::Records;

/// Puts numbers in the place of all constant expressions of C.
pub(crate) fn fold(program: &mut Program, records: &Records) {
    let mut folder = Folder { records };
    for probe in &mut program.probes {
        probe.predicate.iter_mut().for_each(|p| folder.expr(p));
        folder.block(&mut probe.action);
    }
}

/// What an expression is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Made {
    /// Of constants, of which none is C's own.
    OfConstants,
    /// Of constants, of which one is.
    OfC,
    /// Of other things, too; what in it is C's is folded.
    OfOthers,
}

struct Folder<'a> {
    records: &'a Records<'a>,
}

impl Rewriter for Folder<'_> {
    fn expr(&mut self, e: &mut Expr) {
        if self.made(e) == Made::OfC {
            self.settle(e);
        }
    }
}

impl Folder<'_> {
    /// Tells what an expression is made of. In one of other things the parts that are C's are settled.
    fn made(&mut self, e: &mut Expr) -> Made {
        if self.is_size(e) {
            return Made::OfConstants;
        }
        match &mut e.kind {
            ExprKind::Int(_) | ExprKind::Bool(_) => Made::OfConstants,
            ExprKind::CInt(_) => Made::OfC,
            ExprKind::Ident(name) if self.records.enumerator(name).is_some() => Made::OfConstants,
            ExprKind::Unary { op: UnaryOp::Neg | UnaryOp::BitNot | UnaryOp::Not, operand } => self.made(operand),
            ExprKind::Binary { left, right, .. } => self.all(&mut [left, right]),
            ExprKind::Ternary { condition, then, otherwise } => self.all(&mut [condition, then, otherwise]),
            ExprKind::Cast { ty, operand } if c_type(&self.records.resolve(ty, None, &mut Diagnostics::new())).is_some() => {
                self.made(operand)
            }
            _ => {
                walk_expr(self, e);
                Made::OfOthers
            }
        }
    }

    fn all(&mut self, parts: &mut [&mut Box<Expr>]) -> Made {
        let made: Vec<Made> = parts.iter_mut().map(|part| self.made(part)).collect();
        let whole = made.iter().copied().max().unwrap_or(Made::OfOthers);
        if whole == Made::OfOthers {
            let of_c = parts.iter_mut().zip(made).filter(|(_, made)| *made == Made::OfC);
            of_c.for_each(|(part, _)| self.settle(part));
        }
        whole
    }

    /// Whether it is a size that is known here.
    fn is_size(&self, e: &Expr) -> bool {
        matches!(&e.kind, ExprKind::Call { callee, args } if callee.name == "sizeof" && args.len() == 1) && self.value(e).is_some()
    }

    fn value(&self, e: &Expr) -> Option<btc_syntax::c_int::CInt> {
        self.records.c_value(e, &|_| None, &mut Diagnostics::new())
    }

    /// Puts the number in the place of one that is C's. A cast is the language's own, of what C makes of its operand.
    fn settle(&mut self, e: &mut Expr) {
        match &mut e.kind {
            ExprKind::Cast { operand, .. } => self.settle(operand),
            ExprKind::Unary { .. } | ExprKind::Binary { .. } | ExprKind::Ternary { .. } => {
                let tells_truth = match &e.kind {
                    ExprKind::Unary { op, .. } => *op == UnaryOp::Not,
                    ExprKind::Binary { op, .. } => op.tells_truth(),
                    _ => false,
                };
                match self.value(e) {
                    Some(value) if tells_truth => e.kind = ExprKind::Bool(value.is_true()),
                    Some(value) => e.kind = ExprKind::CInt(value),
                    // What C does not define is the language's, and so is what the kernel numbers.
                    None => {}
                }
            }
            _ => {}
        }
    }
}
