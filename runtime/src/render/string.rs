//! Texts and buffers.

use std::io::Write;

use super::{Context, le32};

/// The bytes before the first NUL.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    &bytes[..end]
}

pub(super) fn text(ctx: &Context, capacity: u32, cut_mark: bool, bytes: &[u8], out: &mut Vec<u8>) {
    let shown = until_nul(bytes);
    out.extend_from_slice(shown);
    if cut_mark && capacity > 0 && shown.len() + 1 >= capacity as usize {
        out.extend_from_slice(ctx.settings.trailer.as_bytes());
    }
}

/// What a buffer holds: its length comes first.
pub(super) fn buffer_bytes(capacity: u32, bytes: &[u8]) -> &[u8] {
    let length = le32(bytes, 0).min(capacity) as usize;
    let rest = bytes.get(4..).unwrap_or_default();
    &rest[..length.min(rest.len())]
}

/// Appends bytes with the unprintable ones as `\xff`.
pub(super) fn buffer(bytes: &[u8], out: &mut Vec<u8>) {
    for b in bytes {
        if (0x20..0x7f).contains(b) {
            out.push(*b);
        } else {
            let _ = write!(out, "\\x{b:02x}");
        }
    }
}

pub(super) fn buffer_json(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'[');
    for (i, b) in bytes.iter().enumerate() {
        let _ = write!(out, "{}{b}", if i == 0 { "" } else { "," });
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use btc_abi::{Encoding, Manifest};

    use super::super::testing::both;

    #[test]
    fn texts_end_at_nul_and_show_that_they_were_cut() {
        let m = Manifest::default();
        let plain = Encoding::Str { capacity: 4, cut_mark: false };
        let marked = Encoding::Str { capacity: 4, cut_mark: true };
        assert_eq!(both(&m, &plain, b"ab\0x"), ("ab".into(), "\"ab\"".into()));
        assert_eq!(both(&m, &plain, b"abc\0").0, "abc");
        assert_eq!(both(&m, &marked, b"abc\0").0, "abc..");
        assert_eq!(both(&m, &marked, b"ab\0\0").0, "ab");
    }

    #[test]
    fn buffers_escape() {
        let bytes = [4, 0, 0, 0, 0x20, 0x7f, 0, b'~', 9, 9];
        let e = Encoding::Buffer { capacity: 6 };
        assert_eq!(both(&Manifest::default(), &e, &bytes), (" \\x7f\\x00~".into(), "[32,127,0,126]".into()));
    }
}
