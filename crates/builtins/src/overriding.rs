//! `override(result)`: the probed function returns at once.

use btc_diagnostics::Code;
use btc_types::Type;

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns, helpers};

/// The definition.
pub static OVERRIDE: Function = Function {
    name: "override",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("result", ParamKind::Int)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: true,
    doc: "The probed function is not run and returns `result`. In kprobes on functions that the \
          kernel marks for error injection, on kernels with CONFIG_BPF_KPROBE_OVERRIDE.",
    lower: |l, _| {
        let result = l.value(0);
        let ctx = l.ctx();
        l.b().helper(helpers::OVERRIDE_RETURN, &[ctx, result]);
        Lowered::None
    },
};

fn check(c: &mut Check) -> Type {
    if c.probe.provider != "kprobe" {
        let message = format!("override() works in kprobes, not in {} probes", c.probe.provider);
        c.error(Code::NotInProbe, c.span, message);
    }
    Type::None
}
