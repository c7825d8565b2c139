//! Expands macros on the tree.
//!
//! A call becomes a block expression: the macro's body with its parameters replaced. The
//! body's own variables get names that no script can write, so they neither see nor hide
//! the caller's.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use btc_diagnostics::{Code, Diagnostic, Diagnostics, Span};
use btc_syntax::ast::visit::{Rewriter, walk_block, walk_expr, walk_stmt, walk_type};
use btc_syntax::ast::{Block, Expr, ExprKind, Ident, Macro, Program, Stmt, TypeExpr, TypeExprKind};

/// Parts of the tree that macros make; more are taken for macros that double themselves or their arguments.
const MAX_PARTS: usize = 500_000;
/// How deep the tree may get by them. That of the text itself is less (`btc_syntax`), and all phases walk this one.
const MAX_DEPTH: usize = 1_000;

/// Expands all calls of macros in the probes.
pub(crate) fn expand(program: &mut Program, d: &mut Diagnostics) {
    let macros = std::mem::take(&mut program.macros);
    for definition in &macros {
        check_maps(definition, d);
    }
    if macros.is_empty() || d.has_errors() {
        return;
    }
    let mut by_name: HashMap<&str, Rc<Vec<&Macro>>> = HashMap::new();
    let mut seen = HashSet::new();
    for definition in &macros {
        // Of several that take the same, the first is called.
        let takes: Vec<Option<u8>> = definition.params.iter().map(|p| sigil(&p.name.name)).collect();
        let overloads = by_name.entry(&definition.name.name).or_default();
        if seen.insert((&definition.name.name, takes)) {
            Rc::make_mut(overloads).push(definition);
        }
    }
    let sizes = macros.iter().map(|m| (std::ptr::from_ref(m), Size::of(|s| s.block(&mut m.body.clone())))).collect();
    let mut expander = Expander { by_name, sizes, active: Vec::new(), count: 0, left: Some(MAX_PARTS), depth: 0, d };
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
    by_name: HashMap<&'a str, Rc<Vec<&'a Macro>>>,
    /// Parts of the bodies.
    sizes: HashMap<*const Macro, usize>,
    /// Macros being expanded, outermost first.
    active: Vec<&'a str>,
    count: u32,
    /// Parts that macros may still make; `None` after it was told that they make too many, or nest too deep.
    left: Option<usize>,
    /// How deep the part in hand lies in the tree.
    depth: usize,
    d: &'a mut Diagnostics,
}

impl Rewriter for Expander<'_> {
    fn block(&mut self, block: &mut Block) {
        let span = block.span;
        self.deeper(span, |this| walk_block(this, block));
    }

    fn ty(&mut self, ty: &mut TypeExpr) {
        let span = ty.span;
        self.deeper(span, |this| walk_type(this, ty));
    }

    fn expr(&mut self, e: &mut Expr) {
        let span = e.span;
        self.deeper(span, |this| this.expand(e));
    }
}

impl<'a> Expander<'a> {
    /// Goes on one level deeper, if the tree may be that deep.
    fn deeper(&mut self, span: Span, f: impl FnOnce(&mut Self)) {
        if self.depth >= MAX_DEPTH {
            let deep = Diagnostic::error(Code::TooDeep, span, format!("macros nest the script too deep: over {MAX_DEPTH} levels"));
            return self.stop(deep.help("use fewer macros within each other, or variables for parts of an expression"));
        }
        if self.left.is_some() {
            self.depth += 1;
            f(self);
            self.depth -= 1;
        }
    }

    /// Ends all expansion with one error.
    fn stop(&mut self, error: Diagnostic) {
        if self.left.take().is_some() {
            self.d.push(error);
        }
    }

    /// Takes room for so many parts that a macro makes.
    fn take(&mut self, parts: usize, span: Span) -> Option<()> {
        let left = self.left?;
        if parts > left {
            let message = format!("macros make more than {MAX_PARTS} parts of this script");
            let help = "a macro puts its whole argument wherever it names it: keep that in a variable, `let $x = x;`, and use this";
            self.stop(Diagnostic::error(Code::TooLarge, span, message).help(help));
            return None;
        }
        self.left = Some(left - parts);
        Some(())
    }

    fn expand(&mut self, e: &mut Expr) {
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

    fn call(
        &mut self,
        name: &str,
        overloads: &[&'a Macro],
        mut args: Vec<Expr>,
        is_call: bool,
        span: Span,
    ) -> Option<Block> {
        let definition = self.choose(name, overloads, &args, is_call, span)?;
        if self.active.contains(&name) {
            self.error(span, format!("the macro `{name}` calls itself"));
            return None;
        }
        self.count += 1;
        self.take(self.sizes[&std::ptr::from_ref(definition)], span)?;
        let mut body = definition.body.clone();
        body.span = span;
        let sizes: Vec<usize> = args.iter_mut().map(|arg| Size::of(|s| s.expr(arg))).collect();
        let names = definition.params.iter().map(|p| p.name.name.as_str());
        let params = names.zip(args.into_iter().zip(sizes)).collect();
        let mut substitute = Substitute { params, number: self.count, left: self.left?, used: 0 };
        substitute.block(&mut body);
        let used = substitute.used;
        self.take(used, span)?;
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

/// The sign that a parameter begins with, where it takes a variable or a map only.
fn sigil(param: &str) -> Option<u8> {
    param.bytes().next().filter(|c| matches!(c, b'$' | b'@'))
}

/// Whether an argument may stand for a parameter: `$x` takes variables, `@x` maps.
fn fits(param: &str, arg: &Expr) -> bool {
    match sigil(param) {
        Some(b'$') => matches!(arg.kind, ExprKind::Var(_)),
        Some(b'@') => matches!(arg.kind, ExprKind::Map(_)),
        _ => true,
    }
}

/// Counts the parts of a tree.
struct Size(usize);

impl Size {
    fn of(walk: impl FnOnce(&mut Size)) -> usize {
        let mut size = Size(0);
        walk(&mut size);
        size.0
    }
}

impl Rewriter for Size {
    fn stmt(&mut self, stmt: &mut Stmt) {
        self.0 += 1;
        walk_stmt(self, stmt);
    }

    fn expr(&mut self, e: &mut Expr) {
        self.0 += 1;
        walk_expr(self, e);
    }
}

/// Replaces parameters by arguments and renames the body's own variables.
struct Substitute<'a> {
    /// Arguments with their size.
    params: HashMap<&'a str, (Expr, usize)>,
    number: u32,
    /// Parts of arguments that there is room for, and that were put in or wanted.
    left: usize,
    used: usize,
}

impl Substitute<'_> {
    /// The name of a variable after the expansion.
    fn renamed(&self, name: &str) -> String {
        match self.params.get(name).map(|(a, _)| &a.kind) {
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
                if let Some((arg, size)) = self.params.get(name.as_str()) {
                    self.used += size;
                    // The caller tells that there are too many.
                    if self.used <= self.left {
                        *e = arg.clone();
                    }
                }
            }
            _ => walk_expr(self, e),
        }
    }

    fn ty(&mut self, ty: &mut TypeExpr) {
        if let TypeExprKind::Name(name) = &ty.kind {
            let Some((arg, size)) = self.params.get(name.as_str()) else { return };
            self.used += size;
            if self.used > self.left {
                return;
            }
            ty.kind = match &arg.kind {
                ExprKind::Type(given) => given.kind.clone(),
                // `sizeof(x)` of a value: the name was taken for a type's.
                _ => TypeExprKind::Typeof(Box::new(arg.clone())),
            };
            return;
        }
        walk_type(self, ty);
    }

    fn var(&mut self, var: &mut Ident) {
        var.name = self.renamed(&var.name);
    }

    fn map(&mut self, map: &mut Ident) {
        if let Some(ExprKind::Map(outer)) = self.params.get(map.name.as_str()).map(|(a, _)| &a.kind) {
            map.name = outer.clone();
        }
    }
}
