//! Integers, bit fields, booleans, pointers and enumerators.

use std::io::Write;

use btc_abi::Encoding;

use super::{Context, kernel_enums, le};

fn extend(value: u64, bits: u32, signed: bool) -> u64 {
    if bits == 0 || bits >= 64 {
        return value;
    }
    let shift = 64 - bits;
    if signed { ((value << shift) as i64 >> shift) as u64 } else { value << shift >> shift }
}

/// The value as 64 bits and whether it is signed; `None` for what is no number.
pub(crate) fn integer(encoding: &Encoding, bytes: &[u8]) -> Option<(u64, bool)> {
    Some(match encoding {
        Encoding::Int { size, signed } | Encoding::Enum { size, signed, .. } => {
            (extend(le(bytes, 0), u32::from(*size) * 8, *signed), *signed)
        }
        Encoding::Bits { size, signed, bits } => {
            // A packed field may lie in nine bytes.
            let all = bytes.iter().take(usize::from(*size)).rev().fold(0u128, |n, b| n << 8 | u128::from(*b));
            (extend((all >> bits.start) as u64, u32::from(bits.width), *signed), *signed)
        }
        Encoding::Bool => (u64::from(bytes.first().is_some_and(|b| *b != 0)), false),
        Encoding::Pointer
        | Encoding::KernelSymbol
        | Encoding::UserSymbol
        | Encoding::Timestamp { .. }
        | Encoding::KernelStack { .. }
        | Encoding::UserStack { .. }
        | Encoding::Username
        | Encoding::CgroupPath { .. }
        | Encoding::ErrorText
        | Encoding::SignalName
        | Encoding::SyscallName => (le(bytes, 0), false),
        _ => return None,
    })
}

/// Appends a decimal number.
pub(crate) fn decimal(value: u64, signed: bool, out: &mut Vec<u8>) {
    let _ = if signed { write!(out, "{}", value as i64) } else { write!(out, "{value}") };
}

/// Appends a decimal number as JSON.
pub(crate) fn decimal_json(value: u64, signed: bool, out: &mut Vec<u8>) {
    number_json(if signed { i128::from(value as i64) } else { i128::from(value) }, out);
}

/// The same of any width. Readers of JSON have 64-bit floating point: what that would round is quoted, as in bpftrace.
pub(crate) fn number_json(value: i128, out: &mut Vec<u8>) {
    let _ = match value as f64 as i128 == value {
        true => write!(out, "{value}"),
        false => write!(out, "\"{value}\""),
    };
}

fn boolean(value: u64) -> &'static [u8] {
    if value != 0 { b"true" } else { b"false" }
}

pub(super) fn text(encoding: &Encoding, bytes: &[u8], out: &mut Vec<u8>) {
    let (value, signed) = integer(encoding, bytes).unwrap_or_default();
    match encoding {
        Encoding::Bool => out.extend_from_slice(boolean(value)),
        Encoding::Pointer => {
            let _ = write!(out, "{value:#x}");
        }
        _ => decimal(value, signed, out),
    }
}

pub(super) fn json(encoding: &Encoding, bytes: &[u8], out: &mut Vec<u8>) {
    let (value, signed) = integer(encoding, bytes).unwrap_or_default();
    match encoding {
        Encoding::Bool => out.extend_from_slice(boolean(value)),
        _ => decimal_json(value, signed, out),
    }
}

pub(super) fn enumerator(ctx: &Context, encoding: &Encoding, names: u32, bytes: &[u8], out: &mut Vec<u8>) {
    let (value, signed) = integer(encoding, bytes).unwrap_or_default();
    let of_kernel = ctx.kernel_records.borrow();
    let known = ctx.manifest.enums.get(names as usize).or_else(|| of_kernel.names(names));
    let mut running = ctx.kernel_enums.borrow_mut();
    let size = encoding.size() as u8;
    let name = known.and_then(|e| match e.kernel {
        true => running.name(names, e, value, size, ctx.settings.no_warnings),
        false => kernel_enums::enum_name(&e.variants, value, size),
    });
    match name {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => decimal(value, signed, out),
    }
}

#[cfg(test)]
mod tests {
    use btc_abi::{BitRange, EnumNames, Manifest};

    use super::super::testing::both;
    use super::*;

    fn show(encoding: Encoding, bytes: &[u8]) -> (String, String) {
        let names = EnumNames { name: "colour".into(), variants: vec![(0, "RED".into()), (-1, "NONE".into())], kernel: false };
        both(&Manifest { enums: vec![names], ..Manifest::default() }, &encoding, bytes)
    }

    fn same(text: &str) -> (String, String) {
        (text.into(), text.into())
    }

    #[test]
    fn integers_follow_their_type() {
        assert_eq!(show(Encoding::Int { size: 1, signed: true }, &[0xff]), same("-1"));
        assert_eq!(show(Encoding::Int { size: 1, signed: false }, &[0xff]), same("255"));
        assert_eq!(show(Encoding::Int { size: 2, signed: true }, &[0, 0x80]), same("-32768"));
        // As bpftrace 0.27.1: what 64-bit floating point does not hold is quoted.
        for (number, is_quoted) in [
            ((1 << 53) - 1, false), (1 << 53, false), ((1 << 53) + 1, true), (1 << 62, false), ((1 << 62) + 1, true),
            ((1 << 63) - 1, true), ((1 << 63) - 1024, false), ((1 << 63) - 512, true), (1 << 63, false), ((1 << 63) + 2048, false),
            (u64::MAX, true), (u64::MAX - 2047, false), (10_000_000_000_000_000_001, true), (10_000_000_000_000_000_000, false),
        ] {
            let (text, json) = show(Encoding::Int { size: 8, signed: false }, &number.to_le_bytes());
            assert_eq!(json, if is_quoted { format!("\"{text}\"") } else { text });
        }
        let (_, json) = show(Encoding::Int { size: 8, signed: true }, &(-9_007_199_254_740_993i64).to_le_bytes());
        assert_eq!(json, "\"-9007199254740993\"");
        let (text, json) = show(Encoding::Int { size: 8, signed: false }, &[0xff; 8]);
        assert_eq!((text.as_str(), json.as_str()), ("18446744073709551615", "\"18446744073709551615\""));
    }

    #[test]
    fn bit_fields_extend_their_sign() {
        let bits = |start, width, signed| Encoding::Bits { size: 4, signed, bits: BitRange { start, width } };
        let raw = 0xffff_001fu32.to_le_bytes();
        assert_eq!(show(bits(0, 4, true), &raw), same("-1"));
        assert_eq!(show(bits(4, 12, true), &raw), same("1"));
        assert_eq!(show(bits(16, 16, false), &raw), same("65535"));
        let packed = Encoding::Bits { size: 9, signed: true, bits: BitRange { start: 7, width: 62 } };
        let mut raw = (1u128 << 68 | 5 << 7 | 127).to_le_bytes()[..9].to_vec();
        let wide = "-2305843009213693947".to_string();
        assert_eq!(show(packed.clone(), &raw), (wide.clone(), format!("\"{wide}\"")));
        raw[8] = 0;
        assert_eq!(show(packed, &raw), same("5"));
    }

    #[test]
    fn others() {
        assert_eq!(show(Encoding::Bool, &[1]), same("true"));
        assert_eq!(show(Encoding::Pointer, &0x1234u64.to_le_bytes()), ("0x1234".into(), "4660".into()));
        let e = Encoding::Enum { size: 4, signed: true, names: 0 };
        assert_eq!(show(e.clone(), &[0; 4]), ("RED".into(), "0".into()));
        assert_eq!(show(e.clone(), &[0xff; 4]), ("NONE".into(), "-1".into()));
        assert_eq!(show(e, &[7, 0, 0, 0]), same("7"));
    }
}
