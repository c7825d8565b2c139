//! Operators.

use btc_diagnostics::{Code, Diagnostic, Span};
use btc_hir::{self as hir, BinaryOp, CompareKind, ExprKind, Logic, UnaryOp};
use btc_syntax::ast;
use btc_types::{Space, Type};

use super::call::size_of;
use super::{Checker, broken};
use crate::constant;

impl Checker<'_, '_> {
    pub(super) fn unary(&mut self, op: ast::UnaryOp, operand: &ast::Expr, span: Span) -> hir::Expr {
        // A size is as good as a literal: less than 0 it has a sign.
        let size = matches!(&operand.kind, ast::ExprKind::Call { callee, .. } if matches!(callee.name.as_str(), "sizeof" | "offsetof"));
        let operand = self.expr(operand);
        match op {
            ast::UnaryOp::Deref => return self.deref(operand, span),
            ast::UnaryOp::AddrOf => return self.address_of(operand, span),
            ast::UnaryOp::Not if operand.ty.is_str() => {
                let message = format!("`!` takes a number or truth value, not `{}`", operand.ty);
                let help = "compare it with the empty text: `== \"\"`";
                self.d.push(Diagnostic::error(Code::WrongType, span, message).help(help));
                return broken(span);
            }
            ast::UnaryOp::Not => {
                let operand = self.truth(operand);
                let kind = ExprKind::Unary { op: UnaryOp::Not, operand: Box::new(operand) };
                return hir::Expr { kind, ty: Type::Bool, span };
            }
            ast::UnaryOp::Neg | ast::UnaryOp::BitNot => {}
        }
        if operand.ty == Type::Unknown {
            return broken(span);
        }
        if !operand.ty.is_numeric() || operand.ty == Type::Bool {
            let message = format!("a value of type `{}` is no integer", operand.ty);
            self.error(Code::WrongType, span, message);
            return broken(span);
        }
        let (op, ty) = match op {
            ast::UnaryOp::Neg if operand.ty == Type::UINT64 && !size => (UnaryOp::Neg, Type::UINT64),
            // As in C: narrower ones become an `int` first.
            ast::UnaryOp::Neg if operand.ty == Type::UINT32 => {
                let negative = hir::Expr { kind: ExprKind::Unary { op: UnaryOp::Neg, operand: Box::new(operand) }, ty: Type::INT64, span };
                return hir::Expr { kind: ExprKind::Cast(Box::new(negative)), ty: Type::UINT32, span };
            }
            ast::UnaryOp::Neg => (UnaryOp::Neg, Type::INT64),
            // An enumerator is as good as a literal.
            ast::UnaryOp::BitNot if matches!((&operand.ty, &operand.kind), (Type::Enum(_), ExprKind::Int(_) | ExprKind::KernelEnum { .. })) => {
                (UnaryOp::BitNot, Type::UINT64)
            }
            _ => {
                // As bpftrace has it: only the widest numbers are shown with a sign; see `kept_sign`.
                // One of a parameter is shown as that of a literal, and is right for one below 0 as well.
                let signed = operand.ty == Type::INT64 && !matches!(operand.kind, ExprKind::Param(_));
                (UnaryOp::BitNot, Type::int(operand.ty.size() as u8, signed))
            }
        };
        hir::Expr { kind: ExprKind::Unary { op, operand: Box::new(operand) }, ty, span }
    }

    pub(super) fn binary(
        &mut self,
        op: ast::BinaryOp,
        left: hir::Expr,
        right: hir::Expr,
        span: Span,
    ) -> hir::Expr {
        use ast::BinaryOp as B;
        let (left, right) = (kept_sign(left), kept_sign(right));
        match op {
            B::LogicalAnd | B::LogicalOr => {
                let (left, right) = (self.truth(left), self.truth(right));
                let kind = ExprKind::Logical {
                    and: op == B::LogicalAnd,
                    left: Box::new(left),
                    right: Box::new(right),
                };
                hir::Expr { kind, ty: Type::Bool, span }
            }
            B::Eq => self.compare(Logic::Eq, left, right, span),
            B::Ne => self.compare(Logic::Ne, left, right, span),
            B::Lt => self.compare(Logic::Lt, left, right, span),
            B::Le => self.compare(Logic::Le, left, right, span),
            B::Gt => self.compare(Logic::Gt, left, right, span),
            B::Ge => self.compare(Logic::Ge, left, right, span),
            _ => self.arithmetic(op, left, right, span),
        }
    }

    /// `$1 + n` of a text is what is left of it behind `n` bytes, as of a literal.
    fn rest_of_parameter(&mut self, text: hir::Expr, from: hir::Expr, span: Span) -> hir::Expr {
        let (ty, capacity) = (text.ty.clone(), i64::from(text.ty.size()));
        if let ExprKind::Int(n) = from.kind
            && !(0..capacity).contains(&n) {
                self.error(Code::OutOfRange, from.span, format!("a parameter has at most {} bytes", capacity - 1));
                return broken(span);
            }
        let at = text.span;
        let bytes = Type::pointer(Type::int(1, true), Space::Kernel);
        let address = hir::Expr { kind: ExprKind::AddressOf(Box::new(text)), ty: bytes, span: at };
        let address = self.pointer_add(address, from, false, span);
        let (address, fact) = self.plain(address, None);
        let Some(function) = btc_builtins::find("str") else { unreachable!("there is no str()") };
        hir::Expr { kind: ExprKind::Call { function, facts: vec![fact], args: vec![address] }, ty, span }
    }

    fn arithmetic(
        &mut self,
        op: ast::BinaryOp,
        left: hir::Expr,
        right: hir::Expr,
        span: Span,
    ) -> hir::Expr {
        use ast::BinaryOp as B;
        if left.ty == Type::Unknown || right.ty == Type::Unknown {
            return broken(span);
        }
        let is_text = |e: &hir::Expr| matches!(e.kind, ExprKind::Param(_)) && e.ty.is_str();
        if op == B::Add && is_text(&left) && right.ty.is_numeric() {
            return self.rest_of_parameter(left, right, span);
        }
        if op == B::Add && is_text(&right) && left.ty.is_numeric() {
            return self.rest_of_parameter(right, left, span);
        }
        match (op, left.ty.is_pointer(), right.ty.is_pointer()) {
            (B::Add, true, false) if right.ty.is_numeric() => {
                return self.pointer_add(left, right, false, span);
            }
            (B::Sub, true, false) if right.ty.is_numeric() => {
                return self.pointer_add(left, right, true, span);
            }
            (B::Add, false, true) if left.ty.is_numeric() => {
                return self.pointer_add(right, left, false, span);
            }
            (B::Sub, true, true) => return self.pointer_difference(left, right, span),
            _ => {}
        }
        let usable = |ty: &Type| ty.is_numeric() || ty.is_pointer() || matches!(ty, Type::Timestamp { .. });
        if !usable(&left.ty) || !usable(&right.ty) {
            let message = format!(
                "`{}` takes integers, not `{}` and `{}`",
                op.symbol(),
                left.ty,
                right.ty
            );
            let help = left.ty.is_str() || right.ty.is_str();
            let help = help.then(|| "texts are joined with str_concat(a, b)".to_string());
            self.d.push(Diagnostic::error(Code::WrongType, span, message).help_opt(help));
            return broken(span);
        }
        if let (B::Div | B::Mod, ExprKind::Int(0)) = (op, &right.kind) {
            self.error(Code::OutOfRange, span, "this divides by zero");
            return broken(span);
        }
        let signed = self.result_signed(op, &left, &right);
        // As in C: what meets a `uint64` is divided without a sign.
        let divides = signed && ![&left, &right].iter().any(|e| e.ty == Type::UINT64);
        if matches!(op, B::Div | B::Mod) && signed != divides {
            let message = format!("`{}` of a `{}` and a `{}` takes both without a sign", op.symbol(), left.ty, right.ty);
            let help = "a number below 0 becomes a large one; a cast of the `uint64` to `int64` keeps the sign";
            self.d.push(Diagnostic::warning(Code::WrongType, span, message).help(help));
        }
        let is_truth = !constant::counts(op) && [&left, &right].iter().all(|e| e.ty == Type::Bool);
        let op = match op {
            B::Add => BinaryOp::Add,
            B::Sub => BinaryOp::Sub,
            B::Mul => BinaryOp::Mul,
            B::Div => BinaryOp::Div { signed: divides },
            B::Mod => BinaryOp::Mod { signed: divides },
            B::And => BinaryOp::And,
            B::Or => BinaryOp::Or,
            B::Xor => BinaryOp::Xor,
            B::Shl => BinaryOp::Shl,
            _ => BinaryOp::Shr { signed },
        };
        let ty = Type::int(8, signed);
        let kind = ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) };
        let value = hir::Expr { kind, ty, span };
        if is_truth { self.truth(value) } else { value }
    }

    /// `p + n` and `p - n`, in units of what `p` points at.
    pub(super) fn pointer_add(
        &mut self,
        pointer: hir::Expr,
        number: hir::Expr,
        subtract: bool,
        span: Span,
    ) -> hir::Expr {
        let ty = pointer.ty.clone();
        let scale = unit(&ty, 1, number.span);
        let bytes = match number.kind {
            ExprKind::Int(n) => unit(&ty, n, number.span),
            _ if matches!(scale.kind, ExprKind::Int(1)) => number,
            _ => {
                let at = number.span;
                let kind = ExprKind::Binary {
                    op: BinaryOp::Mul,
                    left: Box::new(number),
                    right: Box::new(scale),
                };
                hir::Expr { kind, ty: Type::INT64, span: at }
            }
        };
        let op = if subtract { BinaryOp::Sub } else { BinaryOp::Add };
        let kind = ExprKind::Binary { op, left: Box::new(pointer), right: Box::new(bytes) };
        hir::Expr { kind, ty, span }
    }

    /// `p - q`, in units of what both point at; in bytes where one points at bytes, or at nothing known.
    fn pointer_difference(&mut self, left: hir::Expr, right: hir::Expr, span: Span) -> hir::Expr {
        let [scale, other] = [&left, &right].map(|pointer| unit(&pointer.ty, 1, pointer.span));
        let is_byte = |scale: &hir::Expr| matches!(scale.kind, ExprKind::Int(1));
        let same = match (&left.ty, &right.ty) {
            (Type::Pointer { to: a, .. }, Type::Pointer { to: b, .. }) => a == b,
            _ => false,
        };
        if !same && !is_byte(&scale) && !is_byte(&other) {
            let message = format!("there is no difference of a `{}` and a `{}`", left.ty, right.ty);
            let help = "of one type it is counted in elements; cast both to `uint64` for bytes";
            self.d.push(Diagnostic::error(Code::WrongType, span, message).help(help));
            return broken(span);
        }
        let bytes = ExprKind::Binary { op: BinaryOp::Sub, left: Box::new(left), right: Box::new(right) };
        let bytes = hir::Expr { kind: bytes, ty: Type::INT64, span };
        if !same || is_byte(&scale) {
            return bytes;
        }
        let kind = ExprKind::Binary { op: BinaryOp::Div { signed: true }, left: Box::new(bytes), right: Box::new(scale) };
        hir::Expr { kind, ty: Type::INT64, span }
    }

    /// Whether a value takes the sign of what it meets: it comes of literals that are not negative, or of truth values. So
    /// does a parameter beside a `uint64`: what is given there is rarely below 0, and addresses are rarely below 2^63.
    fn takes_sign(&self, e: &hir::Expr, other: &hir::Expr) -> bool {
        let is_parameter = matches!(e.kind, ExprKind::Param(_)) && other.ty == Type::UINT64;
        counts_truths(e) || e.ty.is_int() && e.ty.is_signed() && (is_parameter || self.soft(e).is_all())
    }

    fn take_signs(&self, left: &hir::Expr, right: &hir::Expr) -> [bool; 2] {
        [self.takes_sign(left, right), self.takes_sign(right, left)]
    }

    /// The sign of a result: subtraction is signed, shifts keep the left operand's sign, the rest is unsigned only if both
    /// operands are.
    fn result_signed(&self, op: ast::BinaryOp, left: &hir::Expr, right: &hir::Expr) -> bool {
        use ast::BinaryOp as B;
        let flexible = self.take_signs(left, right);
        match op {
            B::Sub => true,
            B::Shl | B::Shr => left.ty.is_signed() || left.ty == Type::Bool,
            _ if flexible == [true; 2] => true,
            _ => left.ty.is_signed() && !flexible[0] || right.ty.is_signed() && !flexible[1],
        }
    }

    fn compare(&mut self, op: Logic, left: hir::Expr, right: hir::Expr, span: Span) -> hir::Expr {
        let equality = matches!(op, Logic::Eq | Logic::Ne);
        let (left, right) = match (left.ty.is_str(), right.ty.is_str()) {
            (true, false) => (left, self.spell_probe(right)),
            (false, true) => (self.spell_probe(left), right),
            _ => (left, right),
        };
        let scalar = |ty: &Type| ty.is_scalar();
        let kind = match (&left.ty, &right.ty) {
            (Type::Unknown, _) | (_, Type::Unknown) => return broken(span),
            (Type::Str { .. }, Type::Str { .. }) if equality => CompareKind::Text,
            (a, b) if scalar(a) && scalar(b) => {
                let flexible = self.take_signs(&left, &right);
                let either = left.ty.is_signed() && !flexible[0] || right.ty.is_signed() && !flexible[1];
                if !equality && either && [&left, &right].iter().any(|e| e.ty == Type::UINT64) {
                    let message = format!("a `{}` is compared with a `{}`: both as `int64`", left.ty, right.ty);
                    let help = "a `uint64` from 2^63 on counts as less than 0; a cast says which comparison is meant";
                    self.d.push(Diagnostic::warning(Code::WrongType, span, message).help(help));
                }
                CompareKind::Scalar { signed: either || flexible == [true; 2] }
            }
            (a, b) if equality && !scalar(a) && btc_types::join(a, b).is_some() => CompareKind::Parts,
            (a, b) => {
                let message = format!("a value of type `{a}` cannot be compared with one of type `{b}`");
                self.error(Code::WrongType, span, message);
                return broken(span);
            }
        };
        let kind = ExprKind::Compare { op, kind, left: Box::new(left), right: Box::new(right) };
        hir::Expr { kind, ty: Type::Bool, span }
    }
}

/// Whether it is a truth value or a sum of such, which is no more below 0 than a literal.
fn counts_truths(e: &hir::Expr) -> bool {
    match &e.kind {
        ExprKind::Binary { op: BinaryOp::Add, left, right } => counts_truths(left) && counts_truths(right),
        _ => e.ty == Type::Bool,
    }
}

/// How far a pointer moves by `count` steps, in bytes.
pub(super) fn unit(pointer: &Type, count: i64, span: Span) -> hir::Expr {
    match pointer {
        Type::Pointer { to, .. } if to.size() > 0 || matches!(**to, Type::Record(_)) => size_of(to, count, span),
        _ => size_of(&Type::int(1, false), count, span),
    }
}

/// An operand of an operator or a cast. `~$x` of a narrow number with a sign is shown without one, but is the same number
/// as in C where it becomes a wider one: `$mode & ~$mask` keeps the bits above the mask. So does one of an enum, whose numbers are
/// `int` in C.
pub(super) fn kept_sign(e: hir::Expr) -> hir::Expr {
    let ty = match &e.kind {
        ExprKind::Unary { op: UnaryOp::BitNot, operand }
            if e.ty != Type::UINT64
                && (operand.ty.is_signed() || matches!(operand.ty, Type::Enum(_)))
                && !matches!(operand.kind, ExprKind::Param(_)) =>
        {
            Type::int(operand.ty.size() as u8, true)
        }
        _ => return e,
    };
    hir::Expr { ty, ..e }
}
