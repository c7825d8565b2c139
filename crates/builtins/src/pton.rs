//! `pton(text)`: the bytes of a network address.

use std::net::IpAddr;

use btc_diagnostics::Code;
use btc_ir::Width;
use btc_types::Type;

use crate::{Call, Check, Function, Kind, Lowered, Lowering, Param, ParamKind, Probes, Returns};

/// The definition.
pub static PTON: Function = Function {
    name: "pton",
    aliases: &[],
    kind: Kind::Call,
    params: &[Param::new("text", ParamKind::LiteralStr)],
    returns: Returns::Infer(check),
    probes: Probes::Any,
    is_unsafe: false,
    doc: "The 4 bytes of an IPv4 address or the 16 of an IPv6 address, in network order.",
    lower,
};

fn check(c: &mut Check) -> Type {
    let text = c.text(0).unwrap_or_default();
    let Some(bytes) = parse(&text) else {
        c.wrong_argument(Code::BadLiteral, 0, format!("`{text}` is no network address"));
        return Type::Unknown;
    };
    Type::Array { element: Box::new(Type::int(1, false)), count: bytes.len() as u32, text: false }
}

fn parse(text: &str) -> Option<Vec<u8>> {
    Some(match text.parse().ok()? {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    })
}

fn lower(l: &mut (dyn Lowering<'_> + '_), call: &Call) -> Lowered {
    let dest = l.dest();
    let bytes = call.text(0).and_then(|t| parse(&t)).unwrap_or_default();
    let b = l.b();
    for (i, word) in bytes.chunks_exact(4).enumerate() {
        let word = i64::from(u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        let word = b.iconst(word);
        b.store(Width::B4, dest.base, dest.offset + 4 * i as i32, word);
    }
    Lowered::InDest
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn families() {
        assert_eq!(parse("10.0.0.1"), Some(vec![10, 0, 0, 1]));
        assert_eq!(parse("::1").map(|b| (b.len(), b[15])), Some((16, 1)));
        assert_eq!(parse("10.0.0"), None);
    }
}
