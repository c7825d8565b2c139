//! `strlen(text)`: length of a text in bytes.

use btc_diagnostics::Code;
use btc_ir::{Cond, Value};
use btc_types::Type;

use crate::{
    Bytes, Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, helpers, texts,
};

/// The definition.
pub static STRLEN: Function = Function {
    name: "strlen",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("text", ParamKind::Any)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Length of a text in bytes. A text at an address counts at most 1024.",
    lower,
};

pub(crate) fn check(c: &mut Check) -> Type {
    if !texts::is_text(&c.args[0].ty) {
        let message = format!("{}() takes a text, not `{}`", c.function.name, c.args[0].ty);
        c.wrong_argument(Code::WrongType, 0, message);
    }
    Type::UINT64
}

pub(crate) fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    if let Some(text) = texts::literal(call, 0) {
        let length = text.iter().position(|b| *b == 0).unwrap_or(text.len());
        return Lowered::Value(l.b().iconst(length as i64));
    }
    let copied = match &call.args[0].ty {
        Type::Pointer { space, .. } => {
            let from = l.value(0);
            let to = l.alloc(texts::UNBOUNDED + 1);
            l.read_str(to, texts::UNBOUNDED + 1, texts::UNBOUNDED + 1, None, from, *space)
        }
        _ => measure(l, call),
    };
    Lowered::Value(without_nul(l, copied))
}

/// The helper that copies text tells its length. A loop would end with a counter whose
/// every value the verifier follows through the rest of the program.
fn measure(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Value {
    let Bytes { at, capacity, terminated } = texts::text(l, call, 0);
    let from = texts::pointer(l, at);
    let room = capacity + u32::from(!terminated);
    let to = l.alloc(room);
    let to = texts::pointer(l, to);
    let b = l.b();
    let size = b.iconst(i64::from(room));
    b.helper(helpers::PROBE_READ_KERNEL_STR, &[to, size, from])
}

/// The result of the helper without the NUL; 0 for an error.
pub(crate) fn without_nul(l: &mut (dyn Lowering<'_> + '_), copied: Value) -> Value {
    let b = l.b();
    let (some, none, done) = (b.block(0), b.block(0), b.block(1));
    b.branch_imm(Cond::SGt, copied, 0, some, none);
    b.switch_to(some);
    let length = b.add_imm(copied, -1);
    b.jump(done, &[length]);
    b.switch_to(none);
    let zero = b.iconst(0);
    b.jump(done, &[zero]);
    b.switch_to(done);
    b.block_param(done, 0)
}
