//! `kstack`, `kstack(mode, limit)`: the kernel stack.

use btc_types::{StackMode, StackShape, Type};

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns};

/// Forms in which stacks are shown.
pub(crate) const MODES: &[&str] = &["bpftrace", "perf", "raw", "build_id"];

/// The definition.
pub static KSTACK: Function = Function {
    name: "kstack",
    aliases: &["stack"],
    kind: Kind::Variable,
    params: &[
        Param::optional("mode", ParamKind::Any),
        Param::optional("limit", ParamKind::LiteralInt),
    ],
    returns: Returns::Infer(|c| Type::KernelStack(kernel_shape(c))),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The kernel stack, at most `limit` frames, shown in a form: bpftrace, perf or raw.",
    lower: |l, call| {
        let Type::KernelStack(shape) = call.ty else { return Lowered::None };
        Lowered::Value(l.stack(false, shape))
    },
};

/// Kernel stacks have no build ids. One that the call asks for is an error; where the script
/// sets it for all stacks, it is meant for those of users.
fn kernel_shape(c: &mut Check) -> StackShape {
    use btc_diagnostics::{Code, Diagnostic};
    let mut shape = shape(c);
    if shape.mode != StackMode::BuildId {
        return shape;
    }
    let message = "kernel stacks have no build ids";
    if c.settings.stack_mode == StackMode::BuildId {
        let warning = Diagnostic::warning(Code::BadLiteral, c.span, message);
        c.diagnostics.push(warning.help("addresses are shown, as in the mode `raw`"));
    } else {
        let error = Diagnostic::error(Code::BadLiteral, c.span, message);
        c.diagnostics.push(error.help("`build_id` is for ustack; `raw` shows addresses"));
    }
    shape.mode = StackMode::Raw;
    shape
}

/// The stack's shape from the arguments: a mode, a limit, or both.
pub(crate) fn shape(c: &mut Check) -> StackShape {
    use btc_diagnostics::Code;
    let mut shape =
        StackShape { mode: c.settings.stack_mode, frames: btc_target::MAX_STACK_FRAMES };
    for n in 0..c.args.len() {
        let span = c.args[n].span;
        if let Some(limit) = c.int(n) {
            if (1..=i64::from(btc_target::MAX_STACK_FRAMES)).contains(&limit) {
                shape.frames = limit as u32;
            } else {
                let most = btc_target::MAX_STACK_FRAMES;
                c.wrong_argument(Code::OutOfRange, n, format!("a stack has 1 to {most} frames, not {limit}"));
            }
        } else if let Some(mode) = c.text(n).and_then(|w| mode_named(&w)) {
            shape.mode = mode;
        } else {
            let modes = MODES.join(", ");
            c.error(Code::BadLiteral, span, format!("a stack takes a form ({modes}) and a number of frames"));
        }
    }
    shape
}

/// The mode of that name.
fn mode_named(word: &str) -> Option<StackMode> {
    Some(match word {
        "bpftrace" => StackMode::Bpftrace,
        "perf" => StackMode::Perf,
        "raw" => StackMode::Raw,
        "build_id" => StackMode::BuildId,
        _ => return None,
    })
}
