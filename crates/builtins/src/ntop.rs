//! `ntop([family,] address)`: a network address that prints as text.

use btc_diagnostics::Code;
use btc_ir::{Memory, Value, Width};
use btc_types::Type;

use crate::{Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns, texts};

/// Address families (kernel: include/linux/socket.h).
const AF_INET: i64 = 2;
const AF_INET6: i64 = 10;

/// The definition.
pub static NTOP: Function = Function {
    name: "ntop",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("family", ParamKind::Bytes), Param::optional("address", ParamKind::Bytes)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "A network address as text. An integer is an IPv4 address, 4 or 16 bytes are IPv4 or \
          IPv6, unless the family (2 or 10) comes first.",
    lower,
};

fn check(c: &mut Check) -> Type {
    let address = c.args.len() - 1;
    let fits = match &c.args[address].ty {
        Type::Int { .. } | Type::Unknown | Type::Inet => true,
        Type::Array { element, count, .. } => element.size() * count == 4 || element.size() * count == 16,
        Type::Str { capacity, .. } => *capacity == 4 || *capacity == 16,
        Type::Record(r) => r.size == 4 || r.size == 16,
        _ => false,
    };
    if !fits {
        let message = format!("ntop() takes an integer or 4 or 16 bytes, not `{}`", c.args[address].ty);
        c.wrong_argument(Code::WrongType, address, message);
    }
    if address == 1 && !c.args[0].ty.is_numeric() && c.args[0].ty != Type::Unknown {
        c.wrong_argument(Code::WrongType, 0, "the address family is a number");
    }
    Type::Inet
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let address = call.args.len() - 1;
    let ty = call.args[address].ty.clone();
    if ty == Type::Inet {
        return Lowered::At(l.memory(address));
    }
    let family = (address == 1).then(|| l.value(0));
    let size = ty.size();
    if ty.is_scalar() {
        let value = l.value(address);
        let dest = start(l, family, AF_INET);
        l.b().store(Width::B4, dest.base, dest.offset + 4, value);
    } else {
        let dest = start(l, family, if size == 16 { AF_INET6 } else { AF_INET });
        let to = Memory { base: dest.base, offset: dest.offset + 4 };
        texts::copy(l, call, address, to, size.min(16));
    }
    Lowered::InDest
}

/// Clears the destination and writes the family.
fn start(l: &mut (dyn Lowering<'_> + '_), family: Option<Value>, default: i64) -> Memory {
    let dest = l.dest();
    let b = l.b();
    let family = family.unwrap_or_else(|| b.iconst(default));
    b.clear(dest.base, dest.offset, 20);
    b.store(Width::B4, dest.base, dest.offset, family);
    dest
}
