//! `strstr(haystack, needle)`: where a text begins in another.

use btc_diagnostics::Code;
use btc_types::Type;

use crate::{Check, Function, Kind, Lowered, Param, ParamKind, Probes, Returns, texts};

/// The definition.
pub static STRSTR: Function = Function {
    name: "strstr",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("haystack", ParamKind::Any), Param::new("needle", ParamKind::Any)],
    returns: Returns::Infer(|c| {
        check(c);
        Type::INT64
    }),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Where a text begins in another, in bytes from 0; -1 when it does not. Before Linux 6.4 a long search \
          may end early, which is told at the end.",
    lower: |l, call| Lowered::Value(texts::search(l, call)),
};

/// Both are texts.
pub(crate) fn check(c: &mut Check) {
    let name = c.function.name;
    for n in 0..2 {
        if !texts::is_text(&c.args[n].ty) {
            let message = format!("{name}() takes texts, not `{}`", c.args[n].ty);
            c.wrong_argument(Code::WrongType, n, message);
        }
    }
}
