//! `printf`: segments and conversions.

use std::io::Write;

use btc_abi::{Conversion, Encoding, Field, FormatSpec, Segment};

use super::{Context, escape, integer, names, part, string, text};

/// Appends a record's segments; the fields' offsets count from the start of `record`.
pub(crate) fn segments(ctx: &Context, segments: &[Segment], fields: &[Field], record: &[u8], out: &mut Vec<u8>) {
    for segment in segments {
        match segment {
            Segment::Text(bytes) => out.extend_from_slice(bytes),
            Segment::Value { field, spec } => {
                if let Some(field) = fields.get(*field as usize) {
                    value(ctx, spec, &field.encoding, part(record, field.offset, &field.encoding), out, |_| {});
                }
            }
        }
    }
}

/// Appends one value; `dress` may change a text before it is padded, unless it is the script's own.
pub(super) fn value(
    ctx: &Context,
    spec: &FormatSpec,
    encoding: &Encoding,
    bytes: &[u8],
    out: &mut Vec<u8>,
    dress: impl FnOnce(&mut Vec<u8>),
) {
    let mut all = Vec::new();
    match (spec.conversion, integer(encoding, bytes)) {
        (Conversion::Text, _) => {
            text(ctx, encoding, bytes, &mut all);
            all.truncate(spec.precision.map_or(all.len(), |p| p as usize));
        }
        (Conversion::Buffer | Conversion::BufferHex | Conversion::BufferDump, _) => {
            buffer(spec.conversion, raw_bytes(encoding, bytes), &mut all);
        }
        (Conversion::Char, Some((n, _))) => {
            all.push(n as u8);
            if ctx.settings.visible {
                escape::controls(&mut all, 0, escape::Keep::Layout);
            }
        }
        (Conversion::GfpFlags, Some((n, _))) => names::gfp(n, &mut all),
        (_, Some((n, _))) => return pad_number(spec, n, out),
        // A conversion that does not fit the value: the value as it is, rather than nothing.
        (_, None) => {
            text(ctx, encoding, bytes, &mut all);
            dress(&mut all);
            return out.extend_from_slice(&all);
        }
    }
    if !matches!(encoding, Encoding::Constant(_)) {
        dress(&mut all);
    }
    pad_text(spec, &all, out);
}

fn raw_bytes<'a>(encoding: &Encoding, bytes: &'a [u8]) -> &'a [u8] {
    match encoding {
        Encoding::Buffer { capacity } => string::buffer_bytes(*capacity, bytes),
        Encoding::Str { .. } => string::until_nul(bytes),
        _ => bytes,
    }
}

fn buffer(conversion: Conversion, bytes: &[u8], out: &mut Vec<u8>) {
    match conversion {
        Conversion::BufferHex => {
            for b in bytes {
                let _ = write!(out, "\\x{b:02x}");
            }
        }
        Conversion::BufferDump => {
            for (i, b) in bytes.iter().enumerate() {
                let _ = write!(out, "{}{b:02x}", if i == 0 { "" } else { " " });
            }
        }
        _ => string::buffer(bytes, out),
    }
}

fn fill(count: usize, byte: u8, out: &mut Vec<u8>) {
    out.resize(out.len() + count, byte);
}

fn pad_text(spec: &FormatSpec, value: &[u8], out: &mut Vec<u8>) {
    let room = (spec.width.unwrap_or(0) as usize).saturating_sub(value.len());
    if !spec.left {
        fill(room, b' ', out);
    }
    out.extend_from_slice(value);
    if spec.left {
        fill(room, b' ', out);
    }
}

/// Sign or prefix, and digits.
fn digits(spec: &FormatSpec, n: u64) -> (&'static str, String) {
    let bits = if spec.size == 0 { 64 } else { u32::from(spec.size.min(8)) * 8 };
    let unsigned = if bits == 64 { n } else { n & ((1 << bits) - 1) };
    let alternate = spec.alternate && unsigned != 0;
    match spec.conversion {
        Conversion::Unsigned => ("", unsigned.to_string()),
        Conversion::HexLower => (if alternate { "0x" } else { "" }, format!("{unsigned:x}")),
        Conversion::HexUpper => (if alternate { "0X" } else { "" }, format!("{unsigned:X}")),
        Conversion::Octal => (if alternate { "0" } else { "" }, format!("{unsigned:o}")),
        Conversion::Pointer => (if n == 0 { "" } else { "0x" }, format!("{n:x}")),
        _ => {
            let signed = ((n << (64 - bits)) as i64) >> (64 - bits);
            let sign = match (signed < 0, spec.plus, spec.space) {
                (true, ..) => "-",
                (_, true, _) => "+",
                (_, _, true) => " ",
                _ => "",
            };
            (sign, signed.unsigned_abs().to_string())
        }
    }
}

fn pad_number(spec: &FormatSpec, n: u64, out: &mut Vec<u8>) {
    let (prefix, mut digits) = digits(spec, n);
    let is_octal = spec.conversion == Conversion::Octal;
    let keeps_zero = spec.conversion == Conversion::Pointer || is_octal && spec.alternate;
    if spec.precision == Some(0) && digits == "0" && !keeps_zero {
        digits.clear();
    }
    let least = spec.precision.map_or(0, |p| p as usize);
    // The zero before an octal number is one of its digits.
    let mut zeros = least.saturating_sub(digits.len() + if is_octal { prefix.len() } else { 0 });
    let used = prefix.len() + zeros + digits.len();
    let mut room = (spec.width.unwrap_or(0) as usize).saturating_sub(used);
    if spec.zero && !spec.left && spec.precision.is_none() {
        zeros += std::mem::take(&mut room);
    }
    if !spec.left {
        fill(room, b' ', out);
    }
    out.extend_from_slice(prefix.as_bytes());
    fill(zeros, b'0', out);
    out.extend_from_slice(digits.as_bytes());
    if spec.left {
        fill(room, b' ', out);
    }
}

#[cfg(test)]
mod tests {
    use btc_abi::Manifest;

    use super::*;
    use crate::Options;
    use crate::options::Settings;

    fn show(encoding: Encoding, bytes: &[u8], spec: FormatSpec) -> String {
        let manifest = Manifest::default();
        let ctx = Context::new(&manifest, Settings::new(&manifest, &Options::default()).unwrap());
        let mut out = Vec::new();
        value(&ctx, &spec, &encoding, bytes, &mut out, |_| {});
        String::from_utf8(out).unwrap()
    }

    fn number(n: i64, spec: FormatSpec) -> String {
        show(Encoding::Int { size: 8, signed: true }, &n.to_le_bytes(), spec)
    }

    fn spec(conversion: Conversion, size: u8) -> FormatSpec {
        FormatSpec { conversion, size, ..FormatSpec::default() }
    }

    #[test]
    fn integers_are_narrowed() {
        assert_eq!(number(0x1_0000_0005, spec(Conversion::Signed, 4)), "5");
        assert_eq!(number(0x1_0000_0005, spec(Conversion::Signed, 8)), "4294967301");
        assert_eq!(number(-42, spec(Conversion::Signed, 4)), "-42");
        assert_eq!(number(0x12345, spec(Conversion::HexLower, 1)), "45");
        assert_eq!(number(0x12345, spec(Conversion::Signed, 2)), "9029");
        assert_eq!(number(-1, spec(Conversion::Unsigned, 4)), "4294967295");
    }

    #[test]
    fn width_flags_and_precision() {
        let base = spec(Conversion::Signed, 4);
        assert_eq!(number(42, FormatSpec { width: Some(5), ..base.clone() }), "   42");
        assert_eq!(number(42, FormatSpec { width: Some(5), left: true, ..base.clone() }), "42   ");
        assert_eq!(number(42, FormatSpec { width: Some(5), zero: true, ..base.clone() }), "00042");
        assert_eq!(number(-42, FormatSpec { width: Some(5), zero: true, ..base.clone() }), "-0042");
        assert_eq!(number(42, FormatSpec { plus: true, ..base.clone() }), "+42");
        assert_eq!(number(42, FormatSpec { precision: Some(4), ..base }), "0042");
        let hex = FormatSpec { alternate: true, ..spec(Conversion::HexLower, 4) };
        assert_eq!(number(255, hex), "0xff");
        let octal = FormatSpec { alternate: true, ..spec(Conversion::Octal, 4) };
        assert_eq!(number(8, octal.clone()), "010");
        for (precision, width, n, shown) in
            [(0, 0, 0, "0"), (1, 0, 8, "010"), (2, 0, 8, "010"), (3, 0, 8, "010"), (4, 0, 8, "0010"), (5, 12, 64, "       00100")]
        {
            let octal = FormatSpec { precision: Some(precision), width: Some(width), ..octal.clone() };
            assert_eq!(number(n, octal), shown, "{precision}");
        }
        let pointer = FormatSpec { width: Some(12), ..spec(Conversion::Pointer, 8) };
        assert_eq!(number(0xdead_beef, pointer), "  0xdeadbeef");
        assert_eq!(number(65, FormatSpec { width: Some(3), ..spec(Conversion::Char, 1) }), "  A");
    }

    #[test]
    fn texts_and_buffers() {
        let text = Encoding::Str { capacity: 8, cut_mark: false };
        let wide = FormatSpec { width: Some(10), precision: Some(2), ..spec(Conversion::Text, 0) };
        assert_eq!(show(text.clone(), b"abcdef\0\0", wide), "        ab");
        assert_eq!(show(text, b"abc\0\0\0\0\0", spec(Conversion::Text, 0)), "abc");
        let buffer = Encoding::Buffer { capacity: 4 };
        let bytes = [4, 0, 0, 0, 0, 0x41, 0xff, 0];
        assert_eq!(show(buffer.clone(), &bytes, spec(Conversion::Buffer, 0)), "\\x00A\\xff\\x00");
        assert_eq!(show(buffer.clone(), &bytes, spec(Conversion::BufferHex, 0)), "\\x00\\x41\\xff\\x00");
        assert_eq!(show(buffer, &bytes, spec(Conversion::BufferDump, 0)), "00 41 ff 00");
        assert_eq!(show(Encoding::Bool, &[1], spec(Conversion::Signed, 4)), "1");
        assert_eq!(show(Encoding::Constant("x".into()), &[], spec(Conversion::Text, 0)), "x");
    }
}
