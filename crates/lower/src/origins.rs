//! What variables and maps are given: their types are those of fields of the kernel, where fields are all that they hold.

use std::collections::{HashMap, HashSet};

use btc_hir::{self as hir, ExprKind, StmtKind};

/// What can be given a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    /// A variable of a probe.
    Var(usize, hir::VarId),
    Map(hir::MapId),
}

/// The values of a program's variables and maps that are of their type before they are converted to it.
pub(crate) struct Origins<'p>(HashMap<Holder, Vec<&'p hir::Expr>>);

impl<'p> Origins<'p> {
    pub fn of(program: &'p hir::Program) -> Self {
        let mut values: HashMap<Holder, Vec<&'p hir::Expr>> = HashMap::new();
        for (index, probe) in program.probes.iter().enumerate() {
            probe.body.each_stmt(&mut |stmt| {
                let (holder, ty, value) = match &stmt.kind {
                    StmtKind::SetVar { var, value } => (Holder::Var(index, *var), &probe.vars[var.0 as usize].ty, value),
                    StmtKind::SetMap { map, value, .. } => (Holder::Map(*map), &program.maps[map.0 as usize].value, value),
                    _ => return,
                };
                if value.ty == *ty && (holder_of(index, value).is_some() || is_field(value)) {
                    values.entry(holder).or_default().push(value);
                }
            });
        }
        Origins(values)
    }

    /// The fields whose type a value in a probe has, itself among them.
    pub fn fields<'e>(&self, probe: usize, value: &'e hir::Expr) -> Vec<&'e hir::Expr>
    where
        'p: 'e,
    {
        let (mut fields, mut seen, mut next) = (Vec::new(), HashSet::new(), vec![value]);
        while let Some(value) = next.pop() {
            match (&value.kind, holder_of(probe, value)) {
                (_, Some(holder)) => {
                    if seen.insert(holder) {
                        next.extend(self.0.get(&holder).into_iter().flatten().copied());
                    }
                }
                (ExprKind::Ternary { then, otherwise, .. }, _) => next.extend([&**then, &**otherwise]),
                _ if is_field(value) => fields.push(value),
                _ => {}
            }
        }
        fields
    }
}

fn holder_of(probe: usize, value: &hir::Expr) -> Option<Holder> {
    match &value.kind {
        ExprKind::Var(var) => Some(Holder::Var(probe, *var)),
        ExprKind::Map { map, .. } => Some(Holder::Map(*map)),
        _ => None,
    }
}

/// Whether it is a field, or something that has the type of one.
fn is_field(value: &hir::Expr) -> bool {
    matches!(value.kind, ExprKind::Field { .. } | ExprKind::Element { .. } | ExprKind::Argument { .. } | ExprKind::Ternary { .. })
}
