//! `str(address, length)`: text from memory.

use btc_types::{Space, Type};

use crate::{Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns};

/// The definition.
pub static STR: Function = Function {
    name: "str",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("address", ParamKind::Any), Param::optional("length", ParamKind::Int)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The text at an address, up to its NUL or `max_strlen` bytes. With a length, at most \
          `length - 1` bytes. Of a literal or a parameter of the script it is the first `length` bytes, and \
          a number is written out.",
    lower,
};

fn check(c: &mut Check) -> Type {
    use btc_diagnostics::Code;
    let arg = &c.args[0];
    let fits = arg.ty.is_pointer()
        || arg.ty.is_int()
        || arg.ty.is_str()
        || matches!(arg.ty, Type::Array { .. } | Type::Unknown);
    if !fits {
        let message = format!("str() takes an address or text, not `{}`", arg.ty);
        c.wrong_argument(Code::WrongType, 0, message);
    }
    let most = c.settings.max_strlen;
    match c.int(1) {
        Some(n) if n < 0 => {
            c.wrong_argument(Code::OutOfRange, 1, format!("str() takes a length of 0 or more, not {n}"));
            Type::Unknown
        }
        Some(n) if n <= i64::from(most) => Type::Str { capacity: (n as u32 + 1).min(most.max(1)), cut: false },
        _ => Type::Str { capacity: most + 1, cut: true },
    }
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let Type::Str { capacity, .. } = call.ty else { return Lowered::None };
    let (from, space) = match &call.args[0].ty {
        Type::Pointer { space, .. } => (l.value(0), *space),
        ty if ty.is_scalar() => (l.value(0), Space::Unknown),
        _ => {
            let memory = l.memory(0);
            let b = l.b();
            (b.add_imm(memory.base, i64::from(memory.offset)), Space::Kernel)
        }
    };
    // The room is for `length` bytes and a NUL, as bpftrace counts it, though a NUL is read among them.
    let (most, limit) = match call.args.get(1) {
        Some(_) => match call.int(1) {
            Some(n) => (u32::try_from(n).unwrap_or(capacity).clamp(1, capacity), None),
            None => (capacity, Some(l.value(1))),
        },
        None => (capacity, None),
    };
    let dest = l.dest();
    l.read_str(dest, capacity, most, limit, from, space);
    Lowered::InDest
}
