//! `probetype`: the kind of the probe.

use btc_ir::Width;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Probes, Returns};

/// The definition.
pub static PROBETYPE: Function = Function {
    name: "probetype",
    aliases: &[],
    kind: Kind::Variable,
    params: &[],
    returns: Returns::Infer(|c| Type::str(word(c.probe.provider).len() as u32 + 1)),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The kind of the probe, such as `kprobe`; BEGIN and END are `special`.",
    lower: |l, _| {
        let text = word(l.provider());
        let dest = l.dest();
        let b = l.b();
        for (i, byte) in text.bytes().chain([0]).enumerate() {
            let byte = b.iconst(i64::from(byte));
            b.store(Width::B1, dest.base, dest.offset + i as i32, byte);
        }
        Lowered::InDest
    },
};

fn word(provider: &'static str) -> &'static str {
    match provider {
        "begin" | "end" => "special",
        other => other,
    }
}
