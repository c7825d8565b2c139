//! Trees as the text of a script.

use std::fmt::{Display, Formatter, Result, Write};

use crate::tree::{Cmp, Expr, Holds, Kind, LHIST, MapInfo, Op, Piece, Script, Stmt};
use crate::value::Ty;

impl Op {
    /// Its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Op::Add => "+",
            Op::Sub => "-",
            Op::Mul => "*",
            Op::Div => "/",
            Op::Mod => "%",
            Op::And => "&",
            Op::Or => "|",
            Op::Xor => "^",
            Op::Shl => "<<",
            Op::Shr => ">>",
        }
    }
}

impl Cmp {
    /// Its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Cmp::Eq => "==",
            Cmp::Ne => "!=",
            Cmp::Lt => "<",
            Cmp::Le => "<=",
            Cmp::Gt => ">",
            Cmp::Ge => ">=",
        }
    }
}

/// Expressions with commas between.
fn list(all: &[Expr]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A map with its keys.
fn element(name: &str, keys: &[Expr]) -> String {
    if keys.is_empty() { name.to_string() } else { format!("{name}[{}]", list(keys)) }
}

fn step(target: &str, delta: i64, prefix: bool) -> String {
    let sign = if delta > 0 { "++" } else { "--" };
    if prefix { format!("({sign}{target})") } else { format!("({target}{sign})") }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.kind {
            Kind::Known(text, _) | Kind::Side(text) | Kind::Macro(text, _) | Kind::Field(_, text, ..) => f.write_str(text),
            Kind::Var(name) => f.write_str(name),
            Kind::Bin(op, _, a, b) => write!(f, "({a} {} {b})", op.sign()),
            Kind::Cmp(op, _, a, b) => write!(f, "({a} {} {b})", op.sign()),
            Kind::Same(equal, a, b) => write!(f, "({a} {} {b})", if *equal { "==" } else { "!=" }),
            Kind::Logic(and, a, b) => write!(f, "({a} {} {b})", if *and { "&&" } else { "||" }),
            Kind::Neg(a) => write!(f, "(-({a}))"),
            Kind::Invert(a) => write!(f, "(~({a}))"),
            Kind::Not(a) => write!(f, "(!({a}))"),
            Kind::Cast(a) => write!(f, "(({})({a}))", self.ty.name()),
            Kind::Choice(c, a, b) => write!(f, "({c} ? {a} : {b})"),
            Kind::Parts(parts) => match &self.ty {
                Ty::Record(names) => {
                    let fields = names.iter().zip(parts).map(|((name, _), e)| format!("{name}={e}"));
                    write!(f, "({})", fields.collect::<Vec<_>>().join(", "))
                }
                _ => write!(f, "({})", list(parts)),
            },
            Kind::Part(a, _, how) => write!(f, "{a}{how}"),
            Kind::Element(a, i) => write!(f, "{a}[{i}]"),
            Kind::Map(name, keys) => f.write_str(&element(name, keys)),
            Kind::StepVar(name, delta, prefix) => f.write_str(&step(name, *delta, *prefix)),
            Kind::StepMap(name, keys, delta, prefix) => f.write_str(&step(&element(name, keys), *delta, *prefix)),
            Kind::Call(name, args) => write!(f, "{name}({})", list(args)),
            Kind::MapCall(name, map, keys) => match keys.as_slice() {
                [] => write!(f, "{name}({map})"),
                [key] => write!(f, "{name}({map}, {key})"),
                keys => write!(f, "{name}({map}, ({}))", list(keys)),
            },
            Kind::Fault(at, field) => write!(f, "((struct T *)(uint64)({at} & 255))->{field}"),
            Kind::Block(body, value) => {
                f.write_str("{ ")?;
                for stmt in body {
                    let mut text = String::new();
                    statement(stmt, 0, &mut text)?;
                    write!(f, "{} ", text.trim_end())?;
                }
                write!(f, "{value} }}")
            }
        }
    }
}

fn block(body: &[Stmt], depth: usize, out: &mut String) -> Result {
    out.push_str("{\n");
    for stmt in body {
        statement(stmt, depth + 1, out)?;
    }
    write!(out, "{}}}", "  ".repeat(depth))
}

fn statement(stmt: &Stmt, depth: usize, out: &mut String) -> Result {
    out.push_str(&"  ".repeat(depth));
    match stmt {
        Stmt::Set(name, e) => write!(out, "{name} = {e};")?,
        Stmt::Let(name, ty, value, _) => {
            write!(out, "let {name}")?;
            if let Some(ty) = ty {
                write!(out, ": {ty}")?;
            }
            if let Some(value) = value {
                write!(out, " = {value}")?;
            }
            out.push(';');
        }
        Stmt::SetOp(name, op, _, e, _) => write!(out, "{name} {}= {e};", op.sign())?,
        Stmt::SetMap(name, keys, e) => write!(out, "{} = {e};", element(name, keys))?,
        Stmt::SetMapOp(name, keys, op, e) => write!(out, "{} {}= {e};", element(name, keys), op.sign())?,
        Stmt::Aggregate(name, keys, value) => aggregate(name, keys, value.as_ref(), out)?,
        Stmt::Print(e) => write!(out, "print({e});")?,
        Stmt::Printf(pieces, args) => printf(pieces, args, out)?,
        Stmt::If(condition, then, otherwise) => {
            write!(out, "if ({condition}) ")?;
            block(then, depth, out)?;
            if !otherwise.is_empty() {
                out.push_str(" else ");
                block(otherwise, depth, out)?;
            }
        }
        Stmt::For(var, from, to, body) => {
            write!(out, "for ({var} : {from}..{to}) ")?;
            block(body, depth, out)?;
        }
        Stmt::ForMap(var, map, body) => {
            write!(out, "for ({var} : {map}) ")?;
            block(body, depth, out)?;
        }
        Stmt::While(var, condition, body) => {
            let pad = "  ".repeat(depth);
            write!(out, "{var} = 0;\n{pad}while ({condition}) {{\n{pad}  {var}++;\n")?;
            for stmt in body {
                statement(stmt, depth + 1, out)?;
            }
            write!(out, "{pad}}}")?;
        }
        Stmt::Unroll(n, body) => {
            write!(out, "unroll({n}) ")?;
            block(body, depth, out)?;
        }
        Stmt::Comptime(condition, then, otherwise) => {
            write!(out, "if comptime ({condition}) ")?;
            block(then, depth, out)?;
            out.push_str(" else ");
            block(otherwise, depth, out)?;
        }
        Stmt::Block(body) => block(body, depth, out)?,
        Stmt::Jump(word) => write!(out, "{word};")?,
        Stmt::Discard(e) => match e.kind {
            Kind::MapCall("delete", ..) | Kind::StepVar(..) | Kind::StepMap(..) => write!(out, "{e};")?,
            _ => write!(out, "_ = {e};")?,
        },
        Stmt::Side(text) => write!(out, "{text};")?,
    }
    out.push('\n');
    Ok(())
}

/// The aggregation is told by the first letters of the map's name.
fn aggregate(name: &str, keys: &[Expr], value: Option<&Expr>, out: &mut String) -> Result {
    let function = name.trim_start_matches('@').split('_').next().unwrap_or_default();
    write!(out, "{} = {function}(", element(name, keys))?;
    if let Some(value) = value {
        write!(out, "{value}")?;
    }
    if function == "lhist" {
        write!(out, ", {}, {}, {}", LHIST.0, LHIST.1, LHIST.2)?;
    }
    out.push_str(");");
    Ok(())
}

fn printf(pieces: &[Piece], args: &[Expr], out: &mut String) -> Result {
    out.push_str("printf(\"");
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Conversion { flags, width, length, letter } => {
                write!(out, "%{flags}")?;
                if *width > 0 {
                    write!(out, "{width}")?;
                }
                write!(out, "{length}{letter}")?;
            }
        }
    }
    out.push_str("\\n\"");
    for arg in args {
        write!(out, ", {arg}")?;
    }
    out.push_str(");");
    Ok(())
}

impl MapInfo {
    /// The function that assigns it; empty for plain values.
    pub fn function(&self) -> &'static str {
        match self.holds {
            Holds::Plain(_) => "",
            Holds::Aggregate(name, _) => name,
        }
    }
}

impl Display for Script {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.head)?;
        for probe in &self.probes {
            write!(f, "{}", probe.place)?;
            if let Some(predicate) = &probe.predicate {
                write!(f, " /{predicate}/")?;
            }
            let mut text = String::from(" ");
            block(&probe.body, 0, &mut text)?;
            writeln!(f, "{text}")?;
        }
        Ok(())
    }
}
