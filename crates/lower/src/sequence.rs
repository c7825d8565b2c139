//! Effects out of operands: what changes variables or maps becomes a statement before the one it stands in.
//!
//! The rest of this crate may then look at an operand twice, late, or not at all: that changes nothing. `f($x, $i++, $y)`
//! becomes `$1 = $x; $2 = $i++; f($1, $2, $y)`: operands are evaluated from left to right, and what stands before an
//! effect has the value from before it. Branches of `&&`, `||` and `?:` keep their effects, in blocks of their own.
//!
//! **Invariant** of what it yields: an expression with effects stands only where one statement evaluates it once, as its
//! value, its condition or its call, or in a branch or block of such a one.

use btc_builtins::{Function, ParamKind};
use btc_hir::{Block, Expr, ExprKind, Map, Probe, Program, Stmt, StmtKind, Var, VarId};
use btc_types::Type;

/// Takes the effects out of the operands of all probes.
pub(crate) fn sequence(program: &Program) -> Program {
    let mut program = program.clone();
    let maps = &program.maps;
    program.probes.iter_mut().for_each(|p| probe(p, maps));
    program
}

fn probe(probe: &mut Probe, maps: &[Map]) {
    let mut s = Sequencer { vars: &mut probe.vars, maps, map_loops: 0 };
    let known = s.vars.len();
    probe.predicate = probe.predicate.take().map(|predicate| s.alone(predicate));
    probe.predicate_vars |= s.vars.len() > known;
    s.block(&mut probe.body);
}

/// Whether a call changes what a script can see: a map, a variable, or memory of the traced process.
fn changes(function: &Function) -> bool {
    let changed = |kind: ParamKind| matches!(kind, ParamKind::Map | ParamKind::Out);
    function.is_unsafe || function.params.iter().any(|p| changed(p.kind))
}

fn has_effects(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::StepVar { .. } | ExprKind::StepMap { .. } => true,
        ExprKind::Block { block, .. } if !block.stmts.is_empty() => true,
        ExprKind::Call { function, .. } if changes(function) => true,
        _ => e.children().into_iter().any(has_effects),
    }
}

/// Whether no statement can change the value. A map or a type as an argument has none.
fn is_constant(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Int(_)
        | ExprKind::Str(_)
        | ExprKind::MapRef(_)
        | ExprKind::Param(_)
        | ExprKind::ParamCount(_)
        | ExprKind::Argument { .. }
        | ExprKind::Context
        | ExprKind::KernelEnum { .. }
        | ExprKind::KernelSize(_)
        | ExprKind::SizeOf { .. }
        | ExprKind::KernelOffset { .. } => true,
        ExprKind::AddressOf(inner) => matches!(inner.kind, ExprKind::Var(_)),
        ExprKind::Cast(inner) => is_constant(inner),
        _ => e.ty == Type::None,
    }
}

struct Sequencer<'p> {
    vars: &'p mut Vec<Var>,
    maps: &'p [Map],
    /// Loops over maps around the place: their bodies are functions of their own.
    map_loops: usize,
}

impl Sequencer<'_> {
    fn block(&mut self, block: &mut Block) {
        for stmt in std::mem::take(&mut block.stmts) {
            self.stmt(stmt, &mut block.stmts);
        }
    }

    /// Appends a statement to `out`, behind what it must be preceded by.
    fn stmt(&mut self, mut stmt: Stmt, out: &mut Vec<Stmt>) {
        match &mut stmt.kind {
            StmtKind::Expr(e)
            | StmtKind::SetVar { value: e, .. }
            | StmtKind::If { condition: e, .. }
            | StmtKind::Return(Some(e)) => self.top(e, out),
            // As bpftrace does it: in assignments the value comes first, then the key.
            StmtKind::SetMap { key, value, .. } => self.operands(std::iter::once(value).chain(key).collect(), out),
            StmtKind::UpdateMap { map, value, .. } if value.writes(*map) => self.assign_update(&mut stmt.kind, out),
            StmtKind::UpdateMap { key, value, .. } => self.operands(key.iter_mut().chain([value]).collect(), out),
            StmtKind::Aggregate { key, call, .. } => {
                let is_before = matches!(&call.kind, ExprKind::Call { function, .. } if btc_builtins::is_before_key(function));
                let (mut operands, mut key): (Vec<_>, Vec<_>) = (call.children_mut(), key.iter_mut().collect());
                if is_before { operands.append(&mut key) } else { operands.splice(0..0, key); }
                self.operands(operands, out);
            }
            StmtKind::ForRange { start, end, .. } => self.operands(vec![start, end], out),
            StmtKind::While { condition, .. } => {
                let inner = std::mem::replace(condition, nothing(condition));
                *condition = self.alone(inner);
            }
            StmtKind::ZeroVar { .. }
            | StmtKind::ForMap { .. }
            | StmtKind::Unroll { .. }
            | StmtKind::Break
            | StmtKind::Continue
            | StmtKind::Return(None)
            | StmtKind::Block(_) => {}
        }
        match &mut stmt.kind {
            StmtKind::If { then, otherwise, .. } => [then, otherwise].into_iter().for_each(|b| self.block(b)),
            StmtKind::While { body, .. }
            | StmtKind::ForRange { body, .. }
            | StmtKind::Unroll { body, .. }
            | StmtKind::Block(body) => self.block(body),
            StmtKind::ForMap { body, .. } => {
                self.map_loops += 1;
                self.block(body);
                self.map_loops -= 1;
            }
            StmtKind::Expr(_)
            | StmtKind::SetVar { .. }
            | StmtKind::ZeroVar { .. }
            | StmtKind::SetMap { .. }
            | StmtKind::UpdateMap { .. }
            | StmtKind::Aggregate { .. }
            | StmtKind::Break
            | StmtKind::Continue
            | StmtKind::Return(_) => {}
        }
        out.push(stmt);
    }

    /// `@m[k] op= e` where `e` changes the map: `@m[k] = @m[k] op e`, whose left operand is read before `e`.
    fn assign_update(&mut self, stmt: &mut StmtKind, out: &mut Vec<Stmt>) {
        let StmtKind::UpdateMap { map, mut key, op, value } = std::mem::replace(stmt, StmtKind::Break) else {
            unreachable!("called for updates");
        };
        if let Some(key) = &mut key {
            self.top(key, out);
            self.keep(key, out);
        }
        let (ty, span) = (value.ty.clone(), value.span);
        let old_ty = self.maps[map.0 as usize].value.clone();
        let old = Expr { kind: ExprKind::Map { map, key: key.clone().map(Box::new) }, ty: old_ty, span };
        let kind = ExprKind::Binary { op, left: Box::new(old), right: Box::new(value) };
        let mut value = Expr { kind, ty, span };
        self.top(&mut value, out);
        *stmt = StmtKind::SetMap { map, key, value };
    }

    /// An expression for a place where no statement can stand before it: what must precede it goes into a block.
    fn alone(&mut self, mut e: Expr) -> Expr {
        let mut stmts = Vec::new();
        self.top(&mut e, &mut stmts);
        if stmts.is_empty() {
            return e;
        }
        let (ty, span) = (e.ty.clone(), e.span);
        Expr { kind: ExprKind::Block { block: Block { stmts }, value: Some(Box::new(e)) }, ty, span }
    }

    /// Takes the effects out of an expression's operands; its own stay, for a statement that evaluates it once.
    fn top(&mut self, e: &mut Expr, out: &mut Vec<Stmt>) {
        if !has_effects(e) {
            return;
        }
        match &mut e.kind {
            ExprKind::Logical { left, right, .. } => {
                self.top(left, out);
                self.branch(right);
            }
            ExprKind::Ternary { condition, then, otherwise } => {
                self.top(condition, out);
                self.branch(then);
                self.branch(otherwise);
            }
            ExprKind::Block { block, value } => {
                for stmt in std::mem::take(&mut block.stmts) {
                    self.stmt(stmt, out);
                }
                if let Some(value) = value.take() {
                    *e = *value;
                    self.top(e, out);
                }
            }
            _ => self.operands(e.children_mut(), out),
        }
    }

    fn branch(&mut self, e: &mut Expr) {
        let inner = std::mem::replace(e, nothing(e));
        *e = self.alone(inner);
    }

    /// Takes the effects out of expressions that are evaluated one after the other.
    fn operands(&mut self, all: Vec<&mut Expr>, out: &mut Vec<Stmt>) {
        let Some(last) = all.iter().rposition(|e| has_effects(e)) else { return };
        for (n, e) in all.into_iter().enumerate().take(last + 1) {
            self.top(e, out);
            if has_effects(e) || n < last {
                self.keep(e, out);
            }
        }
    }

    /// Gives a value a variable, which later statements do not change. The parts of a tuple get one each, and of a place
    /// in memory the way to it: what lies there is read where it is used.
    fn keep(&mut self, e: &mut Expr, out: &mut Vec<Stmt>) {
        if is_constant(e) {
            return;
        }
        let place = matches!(e.ty, Type::Record(_) | Type::Array { .. });
        match &mut e.kind {
            ExprKind::Tuple(parts) => parts.iter_mut().for_each(|part| self.keep(part, out)),
            ExprKind::Field { .. } | ExprKind::Deref(_) | ExprKind::Element { .. } | ExprKind::Part { .. } if place => {
                e.children_mut().into_iter().for_each(|child| self.keep(child, out));
            }
            _ => {
                let value = std::mem::replace(e, nothing(e));
                self.assign(e, value, out);
            }
        }
    }

    /// `$n = value`, and `$n` in its stead.
    fn assign(&mut self, e: &mut Expr, value: Expr, out: &mut Vec<Stmt>) {
        let var = VarId(self.vars.len() as u32);
        let name = format!("$.{}", var.0);
        let shared = self.map_loops > 0;
        self.vars.push(Var { name, ty: value.ty.clone(), addressed: false, shared, declared: false });
        let span = value.span;
        e.kind = ExprKind::Var(var);
        out.push(Stmt { kind: StmtKind::SetVar { var, value }, span });
    }
}

/// What stands in a place for the moment in which its expression is elsewhere.
fn nothing(e: &Expr) -> Expr {
    Expr { kind: ExprKind::Int(0), ty: e.ty.clone(), span: e.span }
}
