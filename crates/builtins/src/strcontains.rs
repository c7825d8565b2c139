//! `strcontains(haystack, needle)`: whether a text holds another.

use btc_ir::Cond;
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns, strstr, texts};

/// The definition.
pub static STRCONTAINS: Function = Function {
    name: "strcontains",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("haystack", ParamKind::Any), Param::new("needle", ParamKind::Any)],
    returns: Returns::Infer(|c| {
        strstr::check(c);
        Type::Bool
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Whether a text holds another; the limits are those of strstr().",
    lower: |l, call| {
        let at = texts::search(l, call);
        let b = l.b();
        let zero = b.iconst(0);
        Lowered::Value(b.cmp(Cond::SGe, at, zero))
    },
};
