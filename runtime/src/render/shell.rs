//! Commands of `system()`: what a process has put into its name or memory is no part of the command's syntax.

use btc_abi::{Field, Segment};

use super::{Context, part, printf};

/// Where in the syntax of the shell a text ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Quotes {
    #[default]
    None,
    Single,
    Double,
    /// Within an expansion, a substitution, a document, a comment, or text that another shell will read: what holds there is
    /// not followed.
    Deep,
}

/// What a script's own text does to the quotes.
#[derive(Clone, Copy, Debug, Default)]
struct Syntax {
    quotes: Quotes,
    /// The byte before, where it counts: one that takes the next its meaning, or begins something with it.
    before: u8,
}

impl Syntax {
    fn read(&mut self, text: &[u8]) {
        for b in text {
            let before = std::mem::replace(&mut self.before, *b);
            self.quotes = match (self.quotes, before, b) {
                (Quotes::Deep, ..) => Quotes::Deep,
                (Quotes::Single, _, b'\'') => Quotes::None,
                (Quotes::Single, ..) => Quotes::Single,
                (quotes, b'\\', _) => {
                    self.before = 0;
                    quotes
                }
                (_, _, b'`') | (_, b'$', b'(' | b'{' | b'\'') => Quotes::Deep,
                (Quotes::None, b'<', b'<') => Quotes::Deep,
                // A line's end in a value would end the comment.
                (Quotes::None, 0 | b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>', b'#') => Quotes::Deep,
                (Quotes::None, _, b'\'') => Quotes::Single,
                (Quotes::None, _, b'"') => Quotes::Double,
                (Quotes::Double, _, b'"') => Quotes::None,
                (quotes, ..) => quotes,
            };
        }
    }
}

/// What the shell takes as it is, wherever it stands.
fn is_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_./:@%+,=-".contains(&b)
}

/// A value as one piece of a word; `None` where nobody knows how to write it.
fn quoted(quotes: Quotes, value: &[u8]) -> Option<Vec<u8>> {
    if value.iter().all(|b| is_plain(*b)) {
        return Some(value.to_vec());
    }
    let mut out = Vec::with_capacity(value.len() + 2);
    let end = if quotes == Quotes::None { b"'".as_slice() } else { b"" };
    out.extend_from_slice(end);
    for b in value {
        match (quotes, b) {
            (Quotes::Deep, _) => return None,
            (Quotes::None | Quotes::Single, b'\'') => out.extend_from_slice(b"'\\''"),
            (Quotes::Double, b'"' | b'$' | b'`' | b'\\') => out.extend_from_slice(&[b'\\', *b]),
            _ => out.push(*b),
        }
    }
    out.extend_from_slice(end);
    Some(out)
}

/// Commands that read their arguments as commands again.
const READERS: [&str; 12] = ["eval", "sh", "bash", "dash", "ash", "ksh", "zsh", "su", "ssh", "source", "watch", "env"];

/// Whether another shell may read what this one has understood: its quotes are not followed.
fn is_read_again(texts: &[u8]) -> bool {
    let words = texts.split(|b| !(b.is_ascii_alphanumeric() || *b == b'_' || *b == b'-' || *b == b'.'));
    words.into_iter().any(|word| READERS.iter().any(|reader| reader.as_bytes() == word))
}

/// A command for `sh`, with values that are quoted; `None` where one cannot be.
pub(crate) fn command(ctx: &Context, segments: &[Segment], fields: &[Field], record: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut syntax) = (Vec::new(), Syntax::default());
    let texts = segments.iter().filter_map(|s| if let Segment::Text(bytes) = s { Some(bytes.as_slice()) } else { None });
    if is_read_again(&texts.collect::<Vec<_>>().join(&0)) {
        syntax.quotes = Quotes::Deep;
    }
    for segment in segments {
        match segment {
            Segment::Text(bytes) => {
                syntax.read(bytes);
                out.extend_from_slice(bytes);
            }
            Segment::Value { field, spec } => {
                let Some(field) = fields.get(*field as usize) else { continue };
                // `\\%s` and `$%s` would give the value's first byte another meaning.
                let quotes = if matches!(syntax.before, b'\\' | b'$') && syntax.quotes != Quotes::Single { Quotes::Deep } else { syntax.quotes };
                let bytes = part(record, field.offset, &field.encoding);
                let mut is_known = true;
                printf::value(ctx, spec, &field.encoding, bytes, &mut out, |value| match quoted(quotes, value) {
                    Some(quoted) => *value = quoted,
                    None => is_known = false,
                });
                if !is_known {
                    return None;
                }
                syntax.before = 0;
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    use super::*;

    const NASTY: [&str; 14] = [
        "a b", "; touch pwned", "$(touch pwned)", "`touch pwned`", "' ; touch pwned; '", "\"; touch pwned; \"", "\\", "\\' x", "a\nb", "&& x",
        "*", "#x", "> pwned", "'\"$\\`",
    ];

    fn written(before: &str, value: &str, after: &str) -> Option<Vec<u8>> {
        let mut syntax = Syntax::default();
        syntax.read(before.as_bytes());
        Some([before.as_bytes(), &quoted(syntax.quotes, value.as_bytes())?, after.as_bytes()].concat())
    }

    /// The shell itself says what it has understood.
    #[test]
    fn the_shell_gets_values_as_they_are() {
        let places = [
            ("printf %s ", ""), ("printf %s '", "'"), ("printf %s \"", "\""), ("printf '%s' \"", "\" # it's"), ("printf \"%s\" 'a'\\''", "'"),
            ("printf %s \\\"", ""), ("printf %s a\\\\", ""),
        ];
        let prefixes = ["", "", "", "", "a'", "\"", "a\\"];
        for ((before, after), prefix) in places.iter().zip(prefixes) {
            for value in NASTY {
                let command = written(before, value, after).expect("a place that is followed");
                let shell = Command::new("/bin/sh").arg("-c").arg(std::ffi::OsStr::from_bytes(&command)).output().unwrap();
                let wanted = format!("{prefix}{value}");
                assert_eq!(String::from_utf8_lossy(&shell.stdout), wanted, "{}", String::from_utf8_lossy(&command));
            }
        }
    }

    #[test]
    fn plain_words_stay_and_doubtful_places_are_refused() {
        assert_eq!(written("echo ", "a-b_c/d.e:1@2%3+4,5=6", "").unwrap(), b"echo a-b_c/d.e:1@2%3+4,5=6");
        let comments = ["true # ", "#", "true;#", "true\n# it's ", "a#b #"];
        let opened = ["echo $(ls ", "echo \"$(ls ", "echo `ls ", "cat <<E\n", "echo ${x:-", "echo $'"];
        for before in opened.into_iter().chain(comments) {
            assert_eq!(written(before, "a b", ""), None, "{before}");
            assert!(written(before, "ab", "").is_some());
        }
    }

    #[test]
    fn what_another_shell_reads_is_known() {
        for text in ["sh -c 'echo ", "/bin/bash -c \"", "eval echo ", "X=", "ssh host echo ", "true; eval", "timeout 5 sh -c '"] {
            assert_eq!(is_read_again(text.as_bytes()), text != "X=", "{text}");
        }
        for text in ["echo push ", "ls /etc/ssh_config ", "cat a.sh ", "echo a-sh-b "] {
            assert!(!is_read_again(text.as_bytes()), "{text}");
        }
    }
}
