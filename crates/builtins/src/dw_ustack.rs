//! `dw_ustack`: the user stack by unwind tables.

use btc_diagnostics::{Code, Diagnostic, Severity};
use btc_ir::{BinOp, Width};
use btc_types::Type;

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns, ids, kstack};

/// The definition.
pub static DW_USTACK: Function = Function {
    name: "dw_ustack",
    aliases: &[],
    kind: Kind::Variable,
    params: &[
        Param::optional("mode", ParamKind::Any),
        Param::optional("limit", ParamKind::LiteralInt),
    ],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "As `ustack`, of code without frame pointers too: by the unwind tables (`.eh_frame`) of what the \
          processes of `-p`, `-c` and `--dwarf-pid` have mapped. On x86-64; elsewhere it is `ustack`.",
    lower: |l, call| {
        let Type::UserStack(shape) = call.ty else { return Lowered::None };
        let both = ids::own(l);
        let pid = l.b().bin_imm(BinOp::LShr, both, 32);
        let id = l.unwound_stack(pid, shape);
        let dest = l.dest();
        let b = l.b();
        b.store(Width::B8, dest.base, dest.offset, id);
        b.store(Width::B8, dest.base, dest.offset + 8, pid);
        Lowered::InDest
    },
};

fn check(c: &mut Check) -> Type {
    let message = "dw_ustack is an unstable feature of bpftrace";
    let help = "`config = { unstable_dw_ustack = enable }` allows it";
    let diagnostic = match c.settings.dw_ustack {
        Some(Severity::Error) => Some(Diagnostic::error(Code::Unsupported, c.span, message)),
        Some(_) => Some(Diagnostic::warning(Code::Unsupported, c.span, message)),
        None => None,
    };
    if let Some(diagnostic) = diagnostic {
        c.diagnostics.push(diagnostic.help(help));
    }
    Type::UserStack(kstack::shape(c))
}
