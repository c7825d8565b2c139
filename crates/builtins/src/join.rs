//! `join(array, separator)`: prints an array of text pointers, such as a command line.

use btc_abi::Action;
use btc_ir::{Memory, Width};
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
    let fields: Vec<Extra> = (0..ELEMENTS)
        .map(|n| Extra::Text(l.b().load(Width::B8, base, 8 * n as i32), space))
        .collect();
    l.send(Action::Join(separator), &fields);
    Lowered::None
}
