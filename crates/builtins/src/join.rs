//! `join(array, separator)`: prints an array of text pointers, such as a command line.

use btc_abi::Action;
use btc_ir::{BinOp, Cond, Memory, Width};
use btc_types::{Space, Type};

use crate::{Call, Check, Extra, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns};

/// Elements that are read at most (bpftrace's limit).
const ELEMENTS: u32 = 16;

/// The definition.
pub static JOIN: Function = Function {
    name: "join",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("array", ParamKind::Address), Param::optional("separator", ParamKind::LiteralStr)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "Prints the texts that an array of pointers names, up to its NULL or 16 elements, with \
          a separator (a space) between.",
    lower,
};

fn check(_: &mut Check) -> Type {
    Type::None
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let separator = call.text(1).unwrap_or_else(|| " ".to_string());
    let space = match &call.args[0].ty {
        Type::Pointer { space, .. } => *space,
        _ => Space::Unknown,
    };
    let array = l.value(0);
    let slot = l.b().slot(8 * ELEMENTS);
    let base = l.b().slot_addr(slot);
    l.read(Memory { base, offset: 0 }, 8 * ELEMENTS, array, space);
    let mut fields = Vec::new();
    let mut mask = l.b().iconst(-1);
    for n in 0..ELEMENTS {
        let b = l.b();
        let element = b.load(Width::B8, base, 8 * n as i32);
        let zero = b.iconst(0);
        let present = b.cmp(Cond::Ne, element, zero);
        // All ones up to the NULL that ends the array, then 0: what follows is not its.
        let ones = b.bin(BinOp::Sub, zero, present);
        mask = b.bin(BinOp::And, mask, ones);
        fields.push(Extra::Text(b.bin(BinOp::And, element, mask), space));
    }
    l.send(Action::Join(separator), &fields);
    Lowered::None
}
