//! Expands macros on the tree.
//!
//! A call becomes a block expression: the macro's body with its parameters replaced. The
//! body's own variables get names that no script can write, so they neither see nor hide
//! the caller's.

use std::collections::HashMap;

use btc_diagnostics::{Code, Diagnostic, Diagnostics, Span};
use btc_syntax::ast::visit::{Rewriter, walk_expr, walk_type};
use btc_syntax::ast::{Block, Expr, ExprKind, Ident, Macro, Program, TypeExpr, TypeExprKind};

/// Expansions of a script; more are taken for a macro that doubles itself.
const MAX_EXPANSIONS: u32 = 100_000;

/// Expands all calls of macros in the probes.
pub(crate) fn expand(program: &mut Program, d: &mut Diagnostics) {
    let macros = std::mem::take(&mut program.macros);
    for definition in &macros {
        check_maps(definition, d);
    }
    if macros.is_empty() || d.has_errors() {
        return;
    }
    let mut by_name: HashMap<&str, Vec<&Macro>> = HashMap::new();
    for definition in &macros {
        by_name.entry(&definition.name.name).or_default().push(definition);
    }
    let mut expander = Expander { by_name, active: Vec::new(), count: 0, d };
    for probe in &mut program.probes {
        probe.predicate.iter_mut().for_each(|p| expander.expr(p));
        expander.block(&mut probe.action);
    }
}

/// A macro may only touch the maps that it is given.
fn check_maps(definition: &Macro, d: &mut Diagnostics) {
    struct Maps<'a> {
        definition: &'a Macro,
        d: &'a mut Diagnostics,
    }
    impl Maps<'_> {
        fn check(&mut self, name: &str, span: Span) {
            if !self.definition.params.iter().any(|p| p.name.name == name) {
                let message = format!("the macro uses `{name}`, which is not one of its parameters");
                let help = format!("add it: `macro {}({name})`", self.definition.name.name);
                self.d.push(Diagnostic::error(Code::BadMacro, span, message).help(help));
            }
        }
    }
    impl Rewriter for Maps<'_> {
        fn expr(&mut self, e: &mut Expr) {
            if let ExprKind::Map(name) = &e.kind {
                self.check(&name.clone(), e.span);
            }
            walk_expr(self, e);
        }
        fn map(&mut self, map: &mut Ident) {
            self.check(&map.name.clone(), map.span);
        }
    }
    Maps { definition, d }.block(&mut definition.body.clone());
}

struct Expander<'a> {
    by_name: HashMap<&'a str, Vec<&'a Macro>>,
    /// Macros being expanded, outermost first.
    active: Vec<&'a str>,
    count: u32,
    d: &'a mut Diagnostics,
}

impl Rewriter for Expander<'_> {
    fn expr(&mut self, e: &mut Expr) {
        walk_expr(self, e);
        let span = e.span;
        let (name, args) = match &mut e.kind {
            ExprKind::Call { callee, args } => (callee.name.clone(), std::mem::take(args)),
            ExprKind::Ident(name) => (name.clone(), Vec::new()),
            _ => return,
        };
        let Some(overloads) = self.by_name.get(name.as_str()).cloned() else {
            if let ExprKind::Call { args: place, .. } = &mut e.kind {
                *place = args;
            }
            return;
        };
        let is_call = matches!(e.kind, ExprKind::Call { .. });
        if let Some(block) = self.call(&name, &overloads, args, is_call, span) {
            e.kind = ExprKind::Block(Box::new(block));
        } else {
            e.kind = ExprKind::Tuple(Vec::new());
        }
    }
}

impl<'a> Expander<'a> {
    fn call(
        &mut self,
        name: &str,
        overloads: &[&'a Macro],
        args: Vec<Expr>,
        is_call: bool,
        span: Span,
    ) -> Option<Block> {
        let definition = self.choose(name, overloads, &args, is_call, span)?;
        if self.active.contains(&name) {
            self.error(span, format!("the macro `{name}` calls itself"));
            return None;
        }
        self.count += 1;
        if self.count > MAX_EXPANSIONS {
            self.error(span, format!("more than {MAX_EXPANSIONS} macro calls"));
            return None;
        }
        let mut body = definition.body.clone();
        body.span = span;
        let params = definition.params.iter().map(|p| p.name.name.as_str()).zip(args).collect();
        let mut substitute = Substitute { params, number: self.count };
        substitute.block(&mut body);
        self.active.push(&definition.name.name);
        self.block(&mut body);
        self.active.pop();
        Some(body)
    }

    /// The definition whose parameters the arguments fit.
    fn choose(
        &mut self,
        name: &str,
        overloads: &[&'a Macro],
        args: &[Expr],
        is_call: bool,
        span: Span,
    ) -> Option<&'a Macro> {
        let counted: Vec<&&Macro> = overloads.iter().filter(|m| m.params.len() == args.len()).collect();
        let definition = counted.iter().find(|m| m.params.iter().zip(args).all(|(p, a)| fits(&p.name.name, a)));
        if let Some(definition) = definition {
            return Some(**definition);
        }
        let message = match counted.first() {
            None if !is_call => format!("the macro `{name}` takes arguments"),
            None => {
                let wanted: Vec<String> = overloads.iter().map(|m| m.params.len().to_string()).collect();
                let plural = if wanted == ["1"] { "" } else { "s" };
                format!("the macro `{name}` takes {} argument{plural}, not {}", wanted.join(" or "), args.len())
            }
            Some(one) => {
                let wrong = one.params.iter().zip(args).find(|(p, a)| !fits(&p.name.name, a));
                let param = wrong.map_or("", |(p, _)| p.name.name.as_str());
                let kind = if param.starts_with('$') { "a variable" } else { "a map" };
                format!("the macro `{name}` takes {kind} for `{param}`")
            }
        };
        self.error(span, message);
        None
    }

    fn error(&mut self, span: Span, message: String) {
        self.d.push(Diagnostic::error(Code::BadMacro, span, message));
    }
}

/// Whether an argument may stand for a parameter: `$x` takes variables, `@x` maps.
fn fits(param: &str, arg: &Expr) -> bool {
    match param.as_bytes().first() {
        Some(b'$') => matches!(arg.kind, ExprKind::Var(_)),
        Some(b'@') => matches!(arg.kind, ExprKind::Map(_)),
        _ => true,
    }
}

/// Replaces parameters by arguments and renames the body's own variables.
struct Substitute<'a> {
    params: HashMap<&'a str, Expr>,
    number: u32,
}

impl Substitute<'_> {
    /// The name of a variable after the expansion.
    fn renamed(&self, name: &str) -> String {
        match self.params.get(name).map(|a| &a.kind) {
            Some(ExprKind::Var(outer)) => outer.clone(),
            _ => format!("{name}#{}", self.number),
        }
    }
}

impl Rewriter for Substitute<'_> {
    fn expr(&mut self, e: &mut Expr) {
        match &mut e.kind {
            ExprKind::Var(name) => *name = self.renamed(name),
            ExprKind::Map(name) | ExprKind::Ident(name) => {
                if let Some(arg) = self.params.get(name.as_str()) {
                    *e = arg.clone();
                }
            }
            _ => walk_expr(self, e),
        }
    }

    fn ty(&mut self, ty: &mut TypeExpr) {
        if let TypeExprKind::Name(name) = &ty.kind {
            match self.params.get(name.as_str()).map(|a| &a.kind) {
                Some(ExprKind::Type(given)) => ty.kind = given.kind.clone(),
                // `sizeof(x)` of a value: the name was taken for a type's.
                Some(_) => ty.kind = TypeExprKind::Typeof(Box::new(self.params[name.as_str()].clone())),
                None => {}
            }
            return;
        }
        walk_type(self, ty);
    }

    fn var(&mut self, var: &mut Ident) {
        var.name = self.renamed(&var.name);
    }

    fn map(&mut self, map: &mut Ident) {
        if let Some(ExprKind::Map(outer)) = self.params.get(map.name.as_str()).map(|a| &a.kind) {
            map.name = outer.clone();
        }
    }
}
