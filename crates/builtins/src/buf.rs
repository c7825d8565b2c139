//! `buf(data, length)`: bytes, with their number.

use btc_abi::{LossKind, Refused};
use btc_diagnostics::{Code, Diagnostic};
use btc_ir::{Cond, Memory, Op, Value, Width};
use btc_types::Type;

use crate::{Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, Source, texts};

/// The definition.
pub static BUF: Function = Function {
    name: "buf",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("data", ParamKind::Bytes), Param::optional("length", ParamKind::Int)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Bytes at an address, or of an array or text, whose length then need not be given. At \
          most `max_strlen` bytes. More bytes than an array has are read from what follows it, unless it is the \
          script's own: what that lacks is told.",
    lower,
};

fn check(c: &mut Check) -> Type {
    let most = c.settings.max_strlen;
    let arg = &c.args[0];
    let ty = arg.ty.clone();
    let own = match &ty {
        Type::Str { .. } | Type::Array { .. } | Type::Record(_) | Type::Mac | Type::Inet => Some(ty.size()),
        Type::Pointer { .. } | Type::Int { .. } => None,
        Type::Unknown => return Type::Buffer { capacity: most },
        _ => {
            c.wrong_argument(Code::WrongType, 0, format!("buf() takes an address, an array or a text, not `{ty}`"));
            return Type::Buffer { capacity: most };
        }
    };
    // What follows the NUL of a text is no part of it.
    let own = own.filter(|n| *n > 0).map(|n| if ty.is_str() && c.args[0].literal.is_some() { n - 1 } else { n });
    let wanted = match (c.args.len(), c.int(1), own) {
        (1, _, Some(own)) => own,
        (1, _, None) => {
            c.error(Code::WrongCount, c.span, "buf() needs a length for an address");
            most
        }
        (_, Some(n), _) if n < 0 => {
            c.wrong_argument(Code::OutOfRange, 1, format!("a length is 0 or more, not {n}"));
            most
        }
        (_, Some(n), own) => {
            let wanted = u32::try_from(n).unwrap_or(u32::MAX);
            match own.filter(|own| *own < wanted) {
                // As in bpftrace: so many bytes from there on, whatever the type says.
                Some(_) if c.args[0].remote => wanted,
                Some(own) => {
                    let message = format!("buf() takes {own} bytes here: the `{ty}` has no more");
                    c.diagnostics.push(Diagnostic::warning(Code::OutOfRange, c.args[1].span, message));
                    own
                }
                None => wanted,
            }
        }
        (_, None, own) => own.filter(|_| !c.args[0].remote).unwrap_or(most),
    };
    Type::Buffer { capacity: wanted.clamp(1, most.max(1)) }
}

/// How many bytes of a struct of the kernel are taken. One that has more room here than `max_strlen` allows is cut there,
/// too; any other must not be larger on the target.
fn kernel_length(l: &mut (dyn Lowering<'_> + '_), size: Value, ty: &Type, capacity: u32) -> Value {
    if ty.size() <= capacity {
        let (fits, large) = (l.b().block(0), l.b().block(0));
        l.b().branch_imm(Cond::UGt, size, i64::from(capacity), large, fits);
        l.b().switch_to(large);
        let none = l.b().iconst(0);
        l.require(none, Refused::Room { record: ty.to_string(), bytes: capacity });
        l.b().jump(fits, &[]);
        l.b().switch_to(fits);
    }
    l.b().push(Op::UMin(size, u64::from(capacity)))
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let Type::Buffer { capacity } = call.ty else { return Lowered::None };
    let whole = call.args.len() == 1;
    let kernel = if whole { l.kernel_size(0) } else { None };
    // What the script's own copy has decides how much of it there is.
    if !whole && !call.args[0].remote {
        l.require_bytes(0);
    }
    let from = texts::address(l, call, 0);
    let known = (whole && kernel.is_none()) || call.int(1).is_some();
    let length = if let Some(size) = kernel {
        kernel_length(l, size, &call.args[0].ty, capacity)
    } else if known {
        let length = call.int(1).map_or(capacity, |n| capacity.min(u32::try_from(n).unwrap_or(capacity)));
        l.b().iconst(i64::from(length))
    } else {
        let length = l.value(1);
        // What follows the script's own value is another one of it: that much is not there. Not so where `max_strlen` cuts.
        if matches!(from, Source::Direct(_)) && call.args[0].ty.size() <= capacity + 1 {
            let loss = l.loss(LossKind::Read, "memory");
            let (beyond, within) = (l.b().block(0), l.b().block(0));
            l.b().branch_imm(Cond::UGt, length, i64::from(capacity), beyond, within);
            l.b().switch_to(beyond);
            l.count_loss(loss);
            l.b().jump(within, &[]);
            l.b().switch_to(within);
        }
        l.b().push(Op::UMin(length, u64::from(capacity)))
    };
    let dest = l.dest();
    l.b().store(Width::B4, dest.base, dest.offset, length);
    let to = Memory { base: dest.base, offset: dest.offset + 4 };
    match from {
        // Behind a smaller struct its copy holds zeros.
        Source::Direct(from) if known || kernel.is_some() => l.b().copy(to, from, capacity),
        Source::Direct(from) => {
            let from = texts::pointer(l, from);
            l.read_sized(to, length, from, btc_types::Space::Kernel);
        }
        Source::Remote(from, space) => l.read_sized(to, length, from, space),
    }
    Lowered::InDest
}
