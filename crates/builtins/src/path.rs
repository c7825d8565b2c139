//! `path(pointer, size)`: the full path of a file.

use btc_diagnostics::Code;
use btc_ir::Cond;
use btc_types::Type;

use crate::{Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, Source, helpers, texts};

/// The definition.
pub static PATH: Function = Function {
    name: "path",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("path", ParamKind::Any), Param::optional("size", ParamKind::LiteralInt)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The full path that a `struct path` stands for. In fentry, fexit and iterator probes on \
          the functions that the kernel allows it in (its list `btf_allowlist_d_path`).",
    lower,
};

/// Addresses below this are of no object.
const FIRST_PAGE: i64 = 4096;

fn check(c: &mut Check) -> Type {
    let ty = c.args[0].ty.clone();
    let is_path = |ty: &Type| matches!(ty, Type::Record(r) if r.name == "path");
    let fits = match &ty {
        Type::Pointer { to, .. } => is_path(to),
        other => is_path(other) || *other == Type::Unknown,
    };
    if !fits {
        c.wrong_argument(Code::WrongType, 0, format!("path() takes a `struct path`, not `{ty}`"));
    }
    if !matches!(c.probe.provider, "fentry" | "fexit" | "iter") {
        let message = format!("path() works in fentry, fexit and iter probes, not in {} probes", c.probe.provider);
        c.error(Code::NotInProbe, c.span, message);
    }
    let most = c.settings.max_strlen;
    match c.int(1) {
        Some(n) if n < 1 => {
            c.wrong_argument(Code::OutOfRange, 1, format!("a size is 1 or more, not {n}"));
            Type::str(1)
        }
        Some(n) => Type::str(most.min(u32::try_from(n).unwrap_or(most))),
        None => Type::str(most),
    }
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let from = match texts::address(l, call, 0) {
        Source::Remote(address, _) => address,
        Source::Direct(at) => texts::pointer(l, at),
    };
    let dest = l.dest();
    let to = texts::pointer(l, dest);
    let size = call.ty.size();
    // On failure the helper writes nothing.
    l.b().clear(dest.base, dest.offset, size.min(64));
    let b = l.b();
    // What an iterator hands over may be null; the verifier wants that looked at.
    let (known, done) = (b.block(0), b.block(0));
    b.branch_imm(Cond::UGe, from, FIRST_PAGE, known, done);
    b.switch_to(known);
    let size = b.iconst(i64::from(size));
    b.helper(helpers::D_PATH, &[from, to, size]);
    b.jump(done, &[]);
    b.switch_to(done);
    Lowered::InDest
}
