//! `usym(address)`: an address of the current process that prints as a symbol.

use btc_ir::{BinOp, Width};
use btc_types::Type;

use crate::{Function, Kind, Lowered, Param, ParamKind, Probes, Returns, ids};

/// The definition.
pub static USYM: Function = Function {
    name: "usym",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("address", ParamKind::Address)],
    returns: Returns::Fixed(Type::UserSymbol),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The name of the current process's symbol at an address, looked up when it is printed.",
    lower: |l, _| {
        let address = l.value(0);
        let dest = l.dest();
        let both = ids::own(l);
        let b = l.b();
        let pid = b.bin_imm(BinOp::LShr, both, 32);
        b.store(Width::B8, dest.base, dest.offset, address);
        b.store(Width::B8, dest.base, dest.offset + 8, pid);
        Lowered::InDest
    },
};
