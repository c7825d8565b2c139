//! Prints a program for `--emit hir` and snapshots: one node a line, with its type.

use std::fmt::Write;

use crate::{Block, Expr, ExprKind, Program, Stmt, StmtKind};

/// The program as text.
pub fn print(program: &Program) -> String {
    let mut out = String::new();
    for map in &program.maps {
        let key = map.key.as_ref().map_or(String::new(), |k| format!("[{k}]"));
        let _ = writeln!(out, "map {}{key}: {}", map.name, map.value);
    }
    for probe in &program.probes {
        let _ = writeln!(out, "probe {}", probe.name);
        for var in &probe.vars {
            let _ = writeln!(out, "  var {}: {}", var.name, var.ty);
        }
        if let Some(predicate) = &probe.predicate {
            let _ = writeln!(out, "  predicate");
            expr(&mut out, predicate, 2);
        }
        block(&mut out, &probe.body, 1);
    }
    out
}

fn line(out: &mut String, depth: usize, text: &str) {
    let _ = writeln!(out, "{}{text}", "  ".repeat(depth));
}

fn block(out: &mut String, block: &Block, depth: usize) {
    for s in &block.stmts {
        stmt(out, s, depth);
    }
}

fn stmt(out: &mut String, stmt: &Stmt, depth: usize) {
    match &stmt.kind {
        StmtKind::Expr(e) => expr(out, e, depth),
        StmtKind::SetVar { var, value } => {
            line(out, depth, &format!("set var{}", var.0));
            expr(out, value, depth + 1);
        }
        StmtKind::ZeroVar { var } => line(out, depth, &format!("zero var{}", var.0)),
        StmtKind::SetMap { map, key, value } => {
            line(out, depth, &format!("set map{}", map.0));
            key.iter().for_each(|k| expr(out, k, depth + 1));
            expr(out, value, depth + 1);
        }
        StmtKind::UpdateMap { map, key, op, value } => {
            line(out, depth, &format!("update map{} {op:?}", map.0));
            key.iter().for_each(|k| expr(out, k, depth + 1));
            expr(out, value, depth + 1);
        }
        StmtKind::Aggregate { map, key, call } => {
            line(out, depth, &format!("aggregate map{}", map.0));
            key.iter().for_each(|k| expr(out, k, depth + 1));
            expr(out, call, depth + 1);
        }
        StmtKind::If { condition, then, otherwise } => {
            line(out, depth, "if");
            expr(out, condition, depth + 1);
            line(out, depth, "then");
            block(out, then, depth + 1);
            line(out, depth, "else");
            block(out, otherwise, depth + 1);
        }
        StmtKind::While { condition, body } => {
            line(out, depth, "while");
            expr(out, condition, depth + 1);
            block(out, body, depth + 1);
        }
        StmtKind::ForRange { var, start, end, body } => {
            line(out, depth, &format!("for var{}", var.0));
            expr(out, start, depth + 1);
            expr(out, end, depth + 1);
            block(out, body, depth + 1);
        }
        StmtKind::ForMap { var, map, body } => {
            line(out, depth, &format!("for var{} in map{}", var.0, map.0));
            block(out, body, depth + 1);
        }
        StmtKind::Unroll { count, body } => {
            line(out, depth, &format!("unroll {count}"));
            block(out, body, depth + 1);
        }
        StmtKind::Break => line(out, depth, "break"),
        StmtKind::Continue => line(out, depth, "continue"),
        StmtKind::Return(value) => {
            line(out, depth, "return");
            value.iter().for_each(|v| expr(out, v, depth + 1));
        }
        StmtKind::Block(inner) => {
            line(out, depth, "block");
            block(out, inner, depth + 1);
        }
    }
}

fn expr(out: &mut String, e: &Expr, depth: usize) {
    let head = |text: String| format!("{text}: {}", e.ty);
    let (text, parts): (String, Vec<&Expr>) = match &e.kind {
        ExprKind::Int(n) => (format!("{n}"), vec![]),
        ExprKind::Str(s) => (format!("{:?}", String::from_utf8_lossy(s)), vec![]),
        ExprKind::Var(v) => (format!("var{}", v.0), vec![]),
        ExprKind::Map { map, key } => (format!("map{}", map.0), key.iter().map(|k| &**k).collect()),
        ExprKind::MapRef(map) => (format!("&map{}", map.0), vec![]),
        ExprKind::Param(p) => (format!("param{}", p.0), vec![]),
        ExprKind::Context => ("ctx".to_string(), vec![]),
        ExprKind::ParamCount(_) => ("param count".to_string(), vec![]),
        ExprKind::Call { function, args, .. } => (format!("call {}", function.name), args.iter().collect()),
        ExprKind::Argument { location, .. } => (format!("argument {location:?}"), vec![]),
        ExprKind::Unary { op, operand } => (format!("{op:?}"), vec![&**operand]),
        ExprKind::Binary { op, left, right } => (format!("{op:?}"), vec![&**left, &**right]),
        ExprKind::Compare { op, kind, left, right } => (format!("{op:?} {kind:?}"), vec![&**left, &**right]),
        ExprKind::Logical { and, left, right } => {
            (if *and { "and" } else { "or" }.to_string(), vec![&**left, &**right])
        }
        ExprKind::Ternary { condition, then, otherwise } => {
            ("ternary".to_string(), vec![&**condition, &**then, &**otherwise])
        }
        ExprKind::Cast(inner) => ("cast".to_string(), vec![&**inner]),
        ExprKind::Field { base, field } => (format!("field {}", field.name), vec![&**base]),
        ExprKind::Deref(inner) => ("deref".to_string(), vec![&**inner]),
        ExprKind::AddressOf(inner) => ("address of".to_string(), vec![&**inner]),
        ExprKind::Element { base, index } => ("element".to_string(), vec![&**base, &**index]),
        ExprKind::Part { base, index } => (format!("part {index}"), vec![&**base]),
        ExprKind::Tuple(parts) => ("tuple".to_string(), parts.iter().collect()),
        ExprKind::StepVar { var, delta, prefix } => {
            (format!("step var{}{} by", var.0, if *prefix { ", then," } else { "" }), vec![&**delta])
        }
        ExprKind::StepMap { map, key, delta, .. } => {
            (format!("step map{} by {delta}", map.0), key.iter().map(|k| &**k).collect())
        }
        ExprKind::KernelEnum { variant, .. } => (format!("enum {variant}"), vec![]),
        ExprKind::KernelSize(record) => (format!("sizeof {}", record.name), vec![]),
        ExprKind::SizeOf { of, .. } => ("sizeof".to_string(), vec![&**of]),
        ExprKind::KernelOffset { record, path, value } if path.is_empty() => (format!("{value} in {}", record.name), vec![]),
        ExprKind::KernelOffset { record, path, .. } => {
            let path: Vec<&str> = path.iter().map(|(step, _)| step.name.as_str()).collect();
            (format!("offsetof {}.{}", record.name, path.join(".")), vec![])
        }
        ExprKind::Block { block: b, value } => {
            line(out, depth, &head("block".to_string()));
            block(out, b, depth + 1);
            value.iter().for_each(|v| expr(out, v, depth + 1));
            return;
        }
    };
    line(out, depth, &head(text));
    parts.into_iter().for_each(|p| expr(out, p, depth + 1));
}
