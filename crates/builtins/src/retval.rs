//! `retval`: what the probed function returned.

use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns};

/// The definition.
pub static RETVAL: Function = Function {
    name: "retval",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Infer(|c| c.probe.result.clone().unwrap_or(Type::UINT64)),
    probes: Probes::Result,
    is_unsafe: false,
    doc: "What the probed function returned; in kretprobes and uretprobes the whole register.",
    lower: |l, _| Lowered::Value(l.result()),
};
