//! `kstack`, `kstack(mode, limit)`: the kernel stack.

use btc_types::{StackShape, Type};

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
    returns: Returns::Infer(|c| Type::KernelStack(shape(c))),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The kernel stack, at most `limit` frames, shown in a form: bpftrace, perf or raw.",
    lower: |l, call| {
        let Type::KernelStack(shape) = call.ty else { return Lowered::None };
        Lowered::Value(l.stack(false, shape))
    },
};

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
                c.error(Code::OutOfRange, span, format!("a stack has 1 to {most} frames, not {limit}"));
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
fn mode_named(word: &str) -> Option<btc_types::StackMode> {
    use btc_types::StackMode;
    Some(match word {
        "bpftrace" => StackMode::Bpftrace,
        "perf" => StackMode::Perf,
        "raw" => StackMode::Raw,
        "build_id" => StackMode::BuildId,
        _ => return None,
    })
}
