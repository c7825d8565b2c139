//! Prints a tree as indented lists in parentheses, for `--emit ast` and tests.
//!
//! A list stays on one line where it is short.

use std::fmt::Display;

use super::*;

/// The longest list that stays on one line.
const WIDTH: usize = 90;

/// The whole program; with `spans` every expression and statement shows its bytes.
pub fn print(program: &Program, spans: bool) -> String {
    let p = Printer { spans };
    let mut out = String::new();
    for node in p.program(program) {
        node.write(&mut out, 0);
        out.push('\n');
    }
    out
}

/// A printed tree: a word, or a list that begins with one.
enum Node {
    Word(String),
    List(Vec<Node>),
}

impl Node {
    fn length(&self) -> usize {
        match self {
            Node::Word(w) => w.chars().count(),
            Node::List(items) => 1 + items.iter().map(|i| i.length() + 1).sum::<usize>(),
        }
    }

    fn write(&self, out: &mut String, indent: usize) {
        match self {
            Node::Word(w) => out.push_str(w),
            Node::List(items) => {
                let short = indent + self.length() <= WIDTH;
                out.push('(');
                // The words at the head of a long list stay beside its name.
                let head = items.iter().take_while(|i| matches!(i, Node::Word(_))).count().max(1);
                for (n, item) in items.iter().enumerate() {
                    if n > 0 && (short || n < head) {
                        out.push(' ');
                    } else if n > 0 {
                        out.push('\n');
                        out.push_str(&" ".repeat(indent + 2));
                    }
                    item.write(out, if short { 0 } else { indent + 2 });
                }
                out.push(')');
            }
        }
    }
}

fn word(text: impl Display) -> Node {
    Node::Word(text.to_string())
}

fn list(name: &str, rest: impl IntoIterator<Item = Node>) -> Node {
    Node::List(std::iter::once(word(name)).chain(rest).collect())
}

fn quoted(bytes: &[u8]) -> Node {
    word(format!("\"{}\"", bytes.escape_ascii()))
}

struct Printer {
    spans: bool,
}

impl Printer {
    /// Adds the place behind the name of a list.
    fn at(&self, node: Node, span: Span) -> Node {
        match node {
            Node::List(mut items) if self.spans => {
                items.insert(1, word(format!("{span:?}")));
                Node::List(items)
            }
            Node::Word(w) if self.spans => Node::Word(format!("{w}@{span:?}")),
            node => node,
        }
    }

    fn program(&self, p: &Program) -> Vec<Node> {
        let mut out = Vec::new();
        out.extend(p.includes.iter().map(|i| list("include", [quoted(i.name.as_bytes())])));
        out.extend(p.definitions.iter().map(|d| self.definition(d)));
        for c in &p.config {
            let value = match &c.value {
                ConfigValue::Int(n) => word(n),
                ConfigValue::Str(s) => quoted(s.as_bytes()),
                ConfigValue::Word(w) => word(w),
            };
            out.push(list("config", [word(&c.key.name), value]));
        }
        out.extend(p.imports.iter().map(|i| list("import", [quoted(i.path.as_bytes())])));
        for m in &p.map_declarations {
            let head = [word(&m.map.name), word(&m.kind.name)];
            out.push(list("map", head.into_iter().chain(self.exprs(&m.args))));
        }
        out.extend(p.macros.iter().map(|m| self.macro_(m)));
        out.extend(p.probes.iter().map(|probe| self.probe(probe)));
        out
    }

    fn macro_(&self, m: &Macro) -> Node {
        let params = m.params.iter().map(|p| match &p.ty {
            None => word(&p.name.name),
            Some(ty) => list(":", [word(&p.name.name), self.ty(ty)]),
        });
        let node = list("macro", [word(&m.name.name), list("params", params), self.block(&m.body)]);
        self.at(node, m.span)
    }

    fn probe(&self, p: &Probe) -> Node {
        let mut parts: Vec<Node> = p.name.iter().map(|n| list("name", [word(&n.name)])).collect();
        parts.extend(p.attach_points.iter().map(|a| self.at(list("attach", [word(&a.text)]), a.span)));
        parts.extend(p.predicate.iter().map(|e| list("predicate", [self.expr(e)])));
        parts.push(self.block(&p.action));
        self.at(list("probe", parts), p.span)
    }

    fn definition(&self, d: &CDefinition) -> Node {
        match d {
            CDefinition::Record(r) => {
                let kind = match r.kind {
                    RecordKind::Struct => "struct",
                    RecordKind::Union => "union",
                };
                let attributes = self.attributes(&r.attributes).chain(r.pack.map(|n| list("pack", [word(n)])));
                let fields = r.fields.iter().map(|f| {
                    let name = f.name.as_ref().map_or("-", |n| n.name.as_str());
                    let bits = f.bits.iter().map(|b| list("bits", [self.length(b)]));
                    list("field", [word(name), self.ty(&f.ty)].into_iter().chain(bits).chain(self.attributes(&f.attributes)))
                });
                list(kind, std::iter::once(word(&r.name.name)).chain(attributes).chain(fields))
            }
            CDefinition::Enum(e) => {
                let variants = e.variants.iter().map(|(name, value)| {
                    list("variant", std::iter::once(word(&name.name)).chain(value.iter().map(|v| self.expr(v))))
                });
                let name = if e.name.name.contains('.') { "-" } else { &e.name.name };
                let packed = e.packed.then(|| word("packed"));
                list("enum", std::iter::once(word(name)).chain(packed).chain(variants))
            }
            CDefinition::Typedef(t) => {
                list("typedef", [word(&t.name.name), self.ty(&t.ty)].into_iter().chain(self.attributes(&t.attributes)))
            }
        }
    }

    fn block(&self, b: &Block) -> Node {
        let value = b.value.iter().map(|e| list("value", [self.expr(e)]));
        self.at(list("block", b.stmts.iter().map(|s| self.stmt(s)).chain(value)), b.span)
    }

    fn stmt(&self, s: &Stmt) -> Node {
        let node = match &s.kind {
            StmtKind::Expr(e) => list("do", [self.expr(e)]),
            StmtKind::Assign { target, op, value, .. } => {
                let name = format!("{}=", op.map_or("", BinaryOp::symbol));
                list(&name, [self.expr(target), self.expr(value)])
            }
            StmtKind::Discard(e) => list("discard", [self.expr(e)]),
            StmtKind::Let { var, ty, value } => {
                let ty = ty.iter().map(|t| list(":", [self.ty(t)]));
                let value = value.iter().map(|e| self.expr(e));
                list("let", std::iter::once(word(&var.name)).chain(ty).chain(value))
            }
            StmtKind::If { comptime, condition, then, otherwise } => {
                let name = if *comptime { "if-comptime" } else { "if" };
                let branches = std::iter::once(then).chain(otherwise).map(|b| self.block(b));
                list(name, std::iter::once(self.expr(condition)).chain(branches))
            }
            StmtKind::While { condition, body } => list("while", [self.expr(condition), self.block(body)]),
            StmtKind::ForRange { var, start, end, body } => {
                list("for", [word(&var.name), self.expr(start), self.expr(end), self.block(body)])
            }
            StmtKind::ForMap { var, map, body } => {
                list("for", [word(&var.name), word(&map.name), self.block(body)])
            }
            StmtKind::Unroll { count, body } => list("unroll", [self.expr(count), self.block(body)]),
            StmtKind::Break => list("break", []),
            StmtKind::Continue => list("continue", []),
            StmtKind::Return(value) => list("return", value.iter().map(|e| self.expr(e))),
            StmtKind::Block(b) => self.block(b),
        };
        self.at(node, s.span)
    }

    fn exprs(&self, list: &[Expr]) -> Vec<Node> {
        list.iter().map(|e| self.expr(e)).collect()
    }

    fn expr(&self, e: &Expr) -> Node {
        let node = match &e.kind {
            ExprKind::Int(n) => word(n),
            ExprKind::CInt(n) => word(n.value()),
            ExprKind::Str(s) => quoted(s),
            ExprKind::Bool(b) => word(b),
            ExprKind::Ident(n) | ExprKind::Var(n) | ExprKind::Map(n) => word(n),
            ExprKind::Positional(n) => word(format!("${n}")),
            ExprKind::PositionalCount => word("$#"),
            ExprKind::Index { base, index } => {
                list("index", std::iter::once(self.expr(base)).chain(self.exprs(index)))
            }
            ExprKind::Member { base, field } => list(".", [self.expr(base), word(&field.name)]),
            ExprKind::TupleIndex { base, index, .. } => list(".", [self.expr(base), word(index)]),
            ExprKind::Call { callee, args } => list("call", std::iter::once(word(&callee.name)).chain(self.exprs(args))),
            ExprKind::Unary { op, operand } => {
                let name = match op {
                    UnaryOp::Neg => "neg",
                    UnaryOp::BitNot => "~",
                    UnaryOp::Not => "!",
                    UnaryOp::Deref => "deref",
                    UnaryOp::AddrOf => "addr",
                };
                list(name, [self.expr(operand)])
            }
            ExprKind::Step { delta, prefix, target } => {
                let sign = if *delta > 0 { "++" } else { "--" };
                list(&format!("{}{sign}", if *prefix { "pre" } else { "post" }), [self.expr(target)])
            }
            ExprKind::Binary { op, left, right } => list(op.symbol(), [self.expr(left), self.expr(right)]),
            ExprKind::Ternary { condition, then, otherwise } => {
                list("?:", [self.expr(condition), self.expr(then), self.expr(otherwise)])
            }
            ExprKind::Cast { ty, operand } => list("cast", [self.ty(ty), self.expr(operand)]),
            ExprKind::Tuple(items) => list("tuple", self.exprs(items)),
            ExprKind::Record(fields) => {
                list("record", fields.iter().map(|(name, value)| list(&name.name, [self.expr(value)])))
            }
            ExprKind::Block(b) => self.block(b),
            ExprKind::Comptime(inner) => list("comptime", [self.expr(inner)]),
            ExprKind::Type(ty) => list("type", [self.ty(ty)]),
        };
        self.at(node, e.span)
    }

    /// A length or width: a plain number needs no place.
    fn length(&self, e: &Expr) -> Node {
        match e.kind {
            ExprKind::Int(n) => word(n),
            ExprKind::CInt(n) => word(n.value()),
            _ => self.expr(e),
        }
    }

    fn attributes(&self, a: &CAttributes) -> impl Iterator<Item = Node> {
        let packed = a.packed.map(|_| word("packed"));
        let aligned = a.aligned.iter().map(|align| {
            let to = match align {
                CAlign::Value(e) => self.length(e),
                CAlign::Type(ty) => self.ty(ty),
                CAlign::Most => word("?"),
            };
            list("aligned", [to])
        });
        packed.into_iter().chain(aligned.collect::<Vec<_>>())
    }

    fn ty(&self, ty: &TypeExpr) -> Node {
        match &ty.kind {
            TypeExprKind::Name(name) if name.contains(' ') => word(format!("'{name}'")),
            TypeExprKind::Name(name) => word(name),
            TypeExprKind::Struct(name) => list("struct", [word(name)]),
            TypeExprKind::Union(name) => list("union", [word(name)]),
            TypeExprKind::Enum(name) => list("enum", [word(name)]),
            TypeExprKind::Pointer(to) => list("ptr", [self.ty(to)]),
            TypeExprKind::Array(of, size) => {
                list("array", [self.ty(of), size.as_ref().map_or(word("?"), |n| self.length(n))])
            }
            TypeExprKind::Sized(name, size) => list(name, [word(size)]),
            TypeExprKind::Tuple(items) => list("tuple", items.iter().map(|t| self.ty(t))),
            TypeExprKind::Typeof(e) => list("typeof", [self.expr(e)]),
        }
    }
}
