//! What must not reach its reader as it is: control characters and those that reorder text on a terminal, and what JSON
//! strings may not hold.

use std::io::Write;

/// Which characters stay that are not seen as they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All but control characters that are no ends of lines or tabs, and those that reorder what stands beside them: what
    /// is shown may have several lines, and letters that are put together of several.
    Layout,
    /// Neither control characters nor those without a width of their own or that reorder what stands beside them: names
    /// have none, and what is shown is to be judged by what is seen.
    Seen,
}

/// Whether it changes the direction of what stands beside it, or ends a line without being an end of lines.
fn reorders(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether it has no width, or reorders.
fn is_unseen(c: char) -> bool {
    reorders(c) || matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

fn is_kept(c: char, keep: Keep) -> bool {
    match keep {
        Keep::Layout => !(c.is_control() || reorders(c)) || matches!(c, '\n' | '\t'),
        Keep::Seen => !c.is_control() && !is_unseen(c),
    }
}

/// Makes control characters visible in what was appended to `out` from `from` on: `\x1b`, as in buffers. A terminal obeys
/// those of one byte, those of Unicode (U+009B), and single bytes that are no UTF-8.
pub(crate) fn controls(out: &mut Vec<u8>, from: usize, keep: Keep) {
    let is_plain = |b: &u8| (0x20..0x7f).contains(b) || keep == Keep::Layout && matches!(b, b'\n' | b'\t');
    if out[from..].iter().all(is_plain) {
        return;
    }
    let text = out.split_off(from);
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).as_bytes();
            if is_kept(c, keep) { out.extend_from_slice(bytes) } else { visible(bytes, out) }
        }
        visible(chunk.invalid(), out);
    }
}

fn visible(bytes: &[u8], out: &mut Vec<u8>) {
    for b in bytes {
        let _ = write!(out, "\\x{b:02x}");
    }
}

/// A text with the characters that do not stay replaced by one each: what stands below it still does.
pub(crate) fn replaced(text: &str, keep: Keep) -> String {
    text.chars().map(|c| if is_kept(c, keep) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// A text with the characters that do not stay made visible by their bytes.
pub fn shown(text: &str, keep: Keep) -> String {
    if text.chars().all(|c| is_kept(c, keep)) {
        return text.to_string();
    }
    let mut out = text.as_bytes().to_vec();
    controls(&mut out, 0, keep);
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends `text` as a JSON string; what is not UTF-8 becomes U+FFFD, and what a terminal would obey is escaped: whoever
/// reads JSON has it back, and whoever looks at it is not deceived.
pub(crate) fn quoted(text: &[u8], out: &mut Vec<u8>) {
    string(text, out, |_, _| {});
}

/// The same for a key. Keys that differ stay different: behind U+FFFD stand the bytes that it replaces, or `00` where the
/// text itself has that character.
pub(crate) fn quoted_key(text: &[u8], out: &mut Vec<u8>) {
    string(text, out, |replaced, out| match replaced {
        [] => out.extend_from_slice(b"00"),
        bytes => bytes.iter().for_each(|b| drop(write!(out, "{b:02x}"))),
    });
}

/// `behind` is called behind each U+FFFD, with what it replaces.
fn string(text: &[u8], out: &mut Vec<u8>, behind: impl Fn(&[u8], &mut Vec<u8>)) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                '\u{8}' => out.extend_from_slice(b"\\b"),
                '\u{c}' => out.extend_from_slice(b"\\f"),
                c if c.is_control() || reorders(c) => {
                    let _ = write!(out, "\\u{:04x}", c as u32);
                }
                c => {
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    if c == char::REPLACEMENT_CHARACTER {
                        behind(&[], out);
                    }
                }
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
            behind(chunk.invalid(), out);
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        let mut out = Vec::new();
        quoted(b"a\"b\\c\nd\te\x01\xff\xc3\xa9\xc2\x9b\xe2\x80\xae", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\\"b\\\\c\\nd\\te\\u0001\u{fffd}é\\u009b\\u202e\"");
    }

    /// All texts of up to four of these pieces: no two are one key.
    #[test]
    fn keys_that_differ_stay_different() {
        let pieces: [&[u8]; 10] = [b"", b"\x80", b"\xff", b"\xc3", b"\xe2\x82", "\u{fffd}".as_bytes(), b"80", b"00", b"\xef\xbf", b"\xbd"];
        let mut texts = std::collections::HashSet::new();
        for n in 0..10_000 {
            let digits = [n % 10, n / 10 % 10, n / 100 % 10, n / 1000];
            texts.insert(digits.map(|d| pieces[d]).concat());
        }
        let mut keys = std::collections::HashSet::new();
        for text in &texts {
            let mut key = Vec::new();
            quoted_key(text, &mut key);
            assert!(std::str::from_utf8(&key).is_ok());
            assert!(keys.insert(key), "{text:?}");
        }
        let mut plain = Vec::new();
        quoted_key(b"1,a\"b", &mut plain);
        assert_eq!(plain, b"\"1,a\\\"b\"");
    }

    /// Every character and every byte: nothing that a terminal obeys is left, and what is printable stays.
    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let shown = |bytes: &[u8], keep| {
            let mut out = bytes.to_vec();
            controls(&mut out, 0, keep);
            String::from_utf8(out).unwrap()
        };
        for keep in [Keep::Layout, Keep::Seen] {
            for c in '\0'..=char::from_u32(0x2fff).unwrap() {
                let text = shown(c.to_string().as_bytes(), keep);
                assert_eq!(text == c.to_string(), is_kept(c, keep));
                assert!(text.chars().all(|c| is_kept(c, keep)));
            }
            for b in 0..=255u8 {
                assert!(shown(&[b, b'[', b'm'], keep).chars().all(|c| is_kept(c, keep)));
            }
        }
        assert_eq!(shown(b"\x1b]0;t\x07 \xc2\x9b1m\x9b\r\n\ta\xc3\xa9", Keep::Layout), "\\x1b]0;t\\x07 \\xc2\\x9b1m\\x9b\\x0d\n\taé");
        assert_eq!(shown(b"a\nb\tc", Keep::Seen), "a\\x0ab\\x09c");
        let hidden = "a\u{202e}b\u{200b}c\u{feff}";
        assert_eq!(shown(hidden.as_bytes(), Keep::Layout), "a\\xe2\\x80\\xaeb\u{200b}c\u{feff}");
        assert_eq!(shown(hidden.as_bytes(), Keep::Seen), "a\\xe2\\x80\\xaeb\\xe2\\x80\\x8bc\\xef\\xbb\\xbf");
        assert_eq!(replaced("a\x1bb\n", Keep::Layout), "a\u{fffd}b\n");
        let mut behind = b"\x1b".to_vec();
        controls(&mut behind, 1, Keep::Seen);
        assert_eq!(behind, b"\x1b", "what stood there before is not touched");
    }
}
