//! Splits a command line into words as a shell does: blanks, quotes and backslashes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The words of `line`, which need not be text; `None` when a quote is not closed.
pub(crate) fn split(line: &OsStr) -> Option<Vec<OsString>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut bytes = line.as_bytes().iter().copied();
    while let Some(b) = bytes.next() {
        match b {
            b' ' | b'\t' | b'\n' => words.extend(word.take()),
            b'\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match bytes.next()? {
                        b'\'' => break,
                        b => word.push(b),
                    }
                }
            }
            b'"' => {
                let word = word.get_or_insert_default();
                loop {
                    match bytes.next()? {
                        b'"' => break,
                        b'\\' => match bytes.next()? {
                            b @ (b'"' | b'\\' | b'$' | b'`') => word.push(b),
                            b => word.extend([b'\\', b]),
                        },
                        b => word.push(b),
                    }
                }
            }
            b'\\' => word.get_or_insert_default().push(bytes.next()?),
            b => word.get_or_insert_default().push(b),
        }
    }
    words.extend(word);
    Some(words.into_iter().map(OsString::from_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_like_a_shell_does() {
        let split = |line: &str| split(OsStr::new(line));
        assert_eq!(split("a  b\tc").unwrap(), ["a", "b", "c"]);
        assert_eq!(split(r#"sh -c 'echo "x y"' "" "a\"b\n""#).unwrap(), ["sh", "-c", "echo \"x y\"", "", "a\"b\\n"]);
        assert_eq!(split(r"a\ b'c'd").unwrap(), ["a bcd"]);
        assert!(split("'open").is_none());
        assert!(split("").unwrap().is_empty());
    }

    #[test]
    fn words_keep_their_bytes() {
        let line = OsStr::from_bytes(b"a\xff 'b\xfe c'");
        assert_eq!(split(line).unwrap(), [b"a\xff".to_vec(), b"b\xfe c".to_vec()].map(OsString::from_vec));
    }
}
