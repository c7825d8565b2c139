//! What a script names and may not read: it gives others their types all the same.

use btc_abi::{NamedArgument, Read};
use btc_hir::{self as hir, ExprKind};
use btc_providers::{Location, described};
use btc_types::Type;

use crate::function::FnLower;
use crate::place::CorePlace;
use crate::shared::Shared;

/// Has the runtime see to it that types of the kernel that the script names are what they are here.
pub(crate) fn note_types(shared: &mut Shared<'_>) {
    for named in &shared.program.kernel_types {
        let ty = described(&named.ty);
        let is_record = matches!(named.ty, Type::Record(_));
        if is_record || ty.is_empty() || named.by_value && !shared.manifest.exact {
            continue;
        }
        let path = if named.enumerator.is_empty() { String::new() } else { format!("{{{}}}", named.enumerator) };
        let place = shared.place(named.span);
        shared.manifest.reads.push(Read { record: named.name.clone(), path, ty, place });
    }
}

impl FnLower<'_, '_, '_> {
    /// Has the runtime see to it that there are no other arguments than these, where all are shown.
    pub fn note_all_arguments(&mut self) {
        let named = self.probe.named.iter().filter_map(|e| match &e.kind {
            ExprKind::Argument { location: Location::Named { of, name, shape, .. }, .. } if !name.is_empty() => Some((of, name, shape)),
            _ => None,
        });
        let all = named.clone().map(|(_, name, _)| name.as_str()).collect::<Vec<_>>().join(",");
        if let Some((of, name, shape)) = named.clone().next().filter(|_| self.probe.takes_all_arguments) {
            let program = self.b.function_name().to_string();
            let (of, name, shape) = (of.clone(), name.clone(), shape.clone());
            self.shared.manifest.named.push(NamedArgument { program, of, name, shape, all });
        }
    }

    /// Has the runtime see to it that a field of the kernel that is taken for a value, or an argument, has the type that it has
    /// here.
    pub fn note_named(&mut self, e: &hir::Expr) {
        if let ExprKind::Argument { location: Location::Named { of, name, shape, .. }, .. } = &e.kind {
            let program = self.b.function_name().to_string();
            let (of, name, shape) = (of.clone(), name.clone(), shape.clone());
            return self.shared.manifest.named.push(NamedArgument { program, of, name, shape, all: String::new() });
        }
        if let Some(layout) = self.nameless(&e.ty) {
            if let Some(field) = self.core_path(e) {
                self.note_read(&CorePlace { described: layout, ..field });
            }
            return;
        }
        let is_asked = match &e.ty {
            Type::Int { .. } | Type::Bool | Type::Enum(_) => true,
            // Their length is looked at where they are read; what only values are asked of may be read with another one.
            Type::Array { .. } | Type::Str { .. } => self.shared.manifest.exact,
            _ => false,
        };
        if let Some(field) = self.core_path(e).filter(|_| is_asked) {
            self.note_read(&field);
        }
    }

    /// All that is in a record of the kernel that has no name, or in an array of them: no other description tells it from another.
    fn nameless(&self, ty: &Type) -> Option<String> {
        match ty {
            Type::Array { element, count, .. } => Some(format!("[{count}]{}", self.nameless(element)?)),
            Type::Record(r) if r.is_kernel() && r.name.starts_with('.') => {
                let field = |f: &hir::RecordField| {
                    let bits = f.step.bits.map(|bits| format!("/{bits}")).unwrap_or_default();
                    let ty = self.nameless(&f.ty).unwrap_or_else(|| described(&f.ty));
                    format!("{}@{}{bits}:{ty}", f.step.name, f.step.bit_offset)
                };
                let fields: Vec<String> = self.shared.fields_of(r).iter().map(field).collect();
                Some(format!("{{{}}}", fields.join(";")))
            }
            _ => None,
        }
    }
}
