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
    doc: "Where a text begins in another, in bytes from 0; -1 when it does not. A literal may be \
          64 bytes long in a text of 1024; a search for another text gives up after two \
          comparisons for each byte and 1024 more.",
    lower: |l, call| Lowered::Value(texts::search(l, call)),
};

/// Both are texts, and the search fits the verifier's budget.
pub(crate) fn check(c: &mut Check) {
    let name = c.function.name;
    for n in 0..2 {
        if !texts::is_text(&c.args[n].ty) {
            let message = format!("{name}() takes texts, not `{}`", c.args[n].ty);
            c.error(Code::WrongType, c.args[n].span, message);
        }
    }
    let haystack = match &c.args[0].ty {
        Type::Pointer { .. } => texts::UNBOUNDED,
        ty => ty.size().max(1),
    };
    let needle = c.text(1).map_or(0, |t| t.len() as u32);
    if haystack.saturating_mul(needle) > texts::SEARCH {
        let most = texts::SEARCH / haystack;
        let message = format!("{name}() can look for at most {most} bytes in a text of {haystack}, not {needle}");
        c.error(Code::TooLarge, c.args[1].span, message);
    }
}
