//! What a script names and may not read: it gives others their types all the same.

use btc_abi::{NamedArgument, Read};
use btc_hir::{self as hir, ExprKind};
use btc_providers::{Location, described};
use btc_types::Type;

use crate::function::FnLower;
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
    /// Has the runtime see to it that a field of the kernel that is taken for a value, or an argument, has the type that it has
    /// here.
    pub fn note_named(&mut self, e: &hir::Expr) {
        if let ExprKind::Argument { location: Location::Named { of, name, shape, .. }, .. } = &e.kind {
            let program = self.b.function_name().to_string();
            let (of, name, shape) = (of.clone(), name.clone(), shape.clone());
            return self.shared.manifest.named.push(NamedArgument { program, of, name, shape });
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
}
