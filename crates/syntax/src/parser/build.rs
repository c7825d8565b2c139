//! Makes tree nodes for the grammar.

use btc_diagnostics::{Code, Diagnostic, Span};
use lalrpop_util::ParseError;

use crate::ast::*;
use crate::c_int::CInt;
use crate::filter::types::normalise;
use crate::token::{Form, FormKind, Tok};

/// What the parser gives for one item.
#[derive(Debug)]
pub enum Entry {
    /// A probe.
    Probe(Probe),
    /// A macro.
    Macro(Macro),
    /// A config block with the place of its keyword.
    Config(Span, Vec<ConfigEntry>),
    /// An import.
    Import(Import),
    /// A map declaration.
    Map(MapDeclaration),
    /// An expression out of a C definition.
    Expr(Expr),
}

/// A part of a block.
#[derive(Debug)]
pub enum Piece {
    /// A statement.
    Stmt(Stmt),
    /// An expression: the block's value if it comes last and has no `;`.
    Value(Expr),
}

type Failure = ParseError<Span, Tok, Diagnostic>;

fn boxed(kind: ExprKind, span: Span) -> Box<Expr> {
    Box::new(Expr { kind, span })
}

/// A piece that a `;` follows gives no value.
pub fn with_semicolon(piece: Piece) -> Piece {
    match piece {
        Piece::Value(e) => Piece::Stmt(Stmt { span: e.span, kind: StmtKind::Expr(e) }),
        stmt => stmt,
    }
}

/// A block; an inner block with a value that comes last gives its value.
pub fn block(pieces: Vec<Option<Piece>>, last: Option<Piece>, span: Span) -> Block {
    let closed = matches!(pieces.last(), Some(None));
    let mut block = Block { stmts: Vec::new(), value: None, span };
    for piece in pieces.into_iter().flatten().chain(last) {
        match piece {
            Piece::Stmt(s) => block.stmts.push(s),
            Piece::Value(e) => block.value = Some(Box::new(e)),
        }
    }
    let inner = matches!(block.stmts.last().map(|s| &s.kind), Some(StmtKind::Block(b)) if b.value.is_some());
    if inner
        && block.value.is_none()
        && !closed
        && let Some(Stmt { kind: StmtKind::Block(b), span }) = block.stmts.pop()
    {
        block.value = Some(boxed(ExprKind::Block(Box::new(b)), span));
    }
    block
}

/// `for`, over a range or a map.
pub fn for_loop((var, start, end): (Ident, Expr, Option<Expr>), body: Block) -> Result<StmtKind, Failure> {
    match (start.kind, end) {
        (kind, Some(end)) => Ok(StmtKind::ForRange { var, start: Expr { kind, span: start.span }, end, body }),
        (ExprKind::Map(name), None) => Ok(StmtKind::ForMap { var, map: Ident { name, span: start.span }, body }),
        _ => Err(ParseError::User {
            error: Diagnostic::error(Code::Syntax, start.span, "a `for` loop goes over a map or a range")
                .label("neither a map nor a range")
                .help("write `for ($kv : @map) { … }` or `for ($i : 0..10) { … }`"),
        }),
    }
}

/// `if`, `if comptime`.
pub fn if_stmt((condition, then, otherwise): (Expr, Block, Option<Block>), span: Span) -> Stmt {
    let (comptime, condition) = match condition.kind {
        ExprKind::Comptime(inner) => (true, *inner),
        kind => (false, Expr { kind, span: condition.span }),
    };
    Stmt { kind: StmtKind::If { comptime, condition, then, otherwise }, span }
}

/// An `if` used as a value: a block of that one statement.
pub fn if_value(tail: (Expr, Block, Option<Block>), span: Span) -> ExprKind {
    ExprKind::Block(Box::new(Block { stmts: vec![if_stmt(tail, span)], value: None, span }))
}

/// A number.
pub fn int(value: u64, form: Form) -> ExprKind {
    match form.kind {
        FormKind::C => ExprKind::CInt(CInt::new(i128::from(value), form.ty)),
        FormKind::Plain | FormKind::Duration | FormKind::Character => ExprKind::Int(value),
    }
}

/// The number between the brackets of an array's type.
pub fn length(value: u64, span: Span) -> Expr {
    Expr { kind: ExprKind::Int(value), span }
}

/// What C makes of numbers, if one of them says that it is C's. What C does not define is the language's.
fn of_c(operands: &[&Expr], apply: impl FnOnce(&[CInt]) -> Result<CInt, &'static str>) -> Option<ExprKind> {
    if !operands.iter().any(|e| matches!(e.kind, ExprKind::CInt(_))) {
        return None;
    }
    let numbers: Option<Vec<CInt>> = operands.iter().map(|e| c_number(e)).collect();
    apply(&numbers?).ok().map(ExprKind::CInt)
}

/// The number that C takes literals and operations on them for.
fn c_number(e: &Expr) -> Option<CInt> {
    match &e.kind {
        ExprKind::Int(n) => Some(CInt::new(i128::from(*n), Form::plain(*n).ty)),
        ExprKind::Bool(truth) => Some(CInt::truth(*truth)),
        ExprKind::CInt(n) => Some(*n),
        ExprKind::Unary { op, operand } => c_number(operand)?.unary(*op).ok(),
        ExprKind::Binary { op, left, right } => c_number(left)?.binary(*op, c_number(right)?).ok(),
        _ => None,
    }
}

/// `left op right`
pub fn binary(left: Expr, op: BinaryOp, right: Expr) -> Expr {
    let span = left.span.to(right.span);
    // A truth value would not show any more that it is C's.
    if let (false, Some(kind)) = (op.tells_truth(), of_c(&[&left, &right], |n| n[0].binary(op, n[1]))) {
        return Expr { kind, span };
    }
    Expr { kind: ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) }, span }
}

/// `condition ? then : otherwise`
pub fn ternary(condition: Expr, then: Expr, otherwise: Expr) -> Expr {
    let span = condition.span.to(otherwise.span);
    let choice = |n: &[CInt]| Ok(if n[0].is_true() { n[1].beside(n[2]) } else { n[2].beside(n[1]) });
    if let Some(kind) = of_c(&[&condition, &then, &otherwise], choice) {
        return Expr { kind, span };
    }
    let kind = ExprKind::Ternary {
        condition: Box::new(condition),
        then: Box::new(then),
        otherwise: Box::new(otherwise),
    };
    Expr { kind, span }
}

/// `value ?: otherwise`: the value, if it is true. It is evaluated once, so it gets a
/// variable whose name no script can write.
pub fn elvis(value: Expr, otherwise: Expr) -> Expr {
    let span = value.span.to(otherwise.span);
    let var = Ident { name: format!("$?{}", value.span.start), span: value.span };
    let read = || Expr { kind: ExprKind::Var(var.name.clone()), span: var.span };
    let choice = ternary(read(), read(), otherwise);
    let kind = StmtKind::Let { var: var.clone(), ty: None, value: Some(value) };
    let block = Block { stmts: vec![Stmt { kind, span: var.span }], value: Some(Box::new(choice)), span };
    Expr { kind: ExprKind::Block(Box::new(block)), span }
}

/// `op operand`
pub fn unary(op: UnaryOp, operand: Expr, start: Span) -> Expr {
    let span = start.to(operand.span);
    if let (true, Some(kind)) = (op != UnaryOp::Not, of_c(&[&operand], |n| n[0].unary(op))) {
        return Expr { kind, span };
    }
    Expr { kind: ExprKind::Unary { op, operand: Box::new(operand) }, span }
}

/// `++x`, `x++` and the like; `sign` is the place of the operator.
pub fn step(target: Expr, delta: i8, prefix: bool, sign: Span) -> Expr {
    let span = target.span.to(sign);
    Expr { kind: ExprKind::Step { delta, prefix, target: Box::new(target) }, span }
}

/// `(type)operand`
pub fn cast(ty: TypeExpr, operand: Expr, start: Span) -> Expr {
    let span = start.to(operand.span);
    Expr { kind: ExprKind::Cast { ty, operand: Box::new(operand) }, span }
}

/// `base.field`
pub fn member(base: Expr, field: Ident) -> Expr {
    let span = base.span.to(field.span);
    Expr { kind: ExprKind::Member { base: Box::new(base), field }, span }
}

/// `base.0`
pub fn tuple_index(base: Expr, index: u64, index_span: Span) -> Expr {
    let span = base.span.to(index_span);
    Expr { kind: ExprKind::TupleIndex { base: Box::new(base), index, index_span }, span }
}

/// `base[index, …]`
pub fn index(base: Expr, index: Vec<Expr>, end: Span) -> Result<Expr, Failure> {
    if index.is_empty() {
        let error = Diagnostic::error(Code::Syntax, end, "an index is missing between `[` and `]`")
            .label("an expression is wanted before this");
        return Err(ParseError::User { error });
    }
    let span = base.span.to(end);
    Ok(Expr { kind: ExprKind::Index { base: Box::new(base), index }, span })
}

/// A primary expression. Parentheses only widen the place of what they hold.
pub fn primary(kind: ExprKind, span: Span) -> Expr {
    Expr { kind, span }
}

/// `(e)`
pub fn parenthesised(e: Expr) -> ExprKind {
    e.kind
}

/// A name made of a keyword.
pub fn ident(name: &str, span: Span) -> Ident {
    Ident { name: name.to_string(), span }
}

/// A type of one name; C's are made one spelling.
pub fn type_name(name: String) -> TypeExprKind {
    let normal = match name.as_str() {
        "unsigned" | "signed" | "_Bool" => normalise([name.as_str()]),
        _ => name,
    };
    TypeExprKind::Name(normal)
}

/// `T *`
pub fn pointer(ty: TypeExpr, end: Span) -> TypeExpr {
    let span = ty.span.to(end);
    TypeExpr { kind: TypeExprKind::Pointer(Box::new(ty)), span }
}

/// `T[n]`; for `string` and its like the size is a part of the type.
pub fn array(ty: TypeExpr, size: Option<Expr>, end: Span) -> TypeExpr {
    let span = ty.span.to(end);
    let kind = match (ty.kind, size) {
        (TypeExprKind::Name(name), Some(size)) if matches!(name.as_str(), "string" | "buffer" | "inet") => {
            match (&size.kind, of_c(&[&size], |n| Ok(n[0]))) {
                (ExprKind::Int(n), _) => TypeExprKind::Sized(name, *n),
                (_, Some(ExprKind::CInt(n))) => TypeExprKind::Sized(name, n.value() as u64),
                _ => TypeExprKind::Array(Box::new(TypeExpr { kind: TypeExprKind::Name(name), span: ty.span }), Some(Box::new(size))),
            }
        }
        (kind, size) => TypeExprKind::Array(Box::new(TypeExpr { kind, span: ty.span }), size.map(Box::new)),
    };
    TypeExpr { kind, span }
}
