//! What the tracer and the process that finds symbols say to each other.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::{Found, Inlined};

/// A place in a binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// In the file.
    Offset(u64),
    /// As the file's tables have it; of the vDSO, as this process has it.
    Address(u64),
}

/// What is at a place of a file; without a path, of the vDSO.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub path: Option<PathBuf>,
    pub debug_info: bool,
    pub place: Place,
}

/// Most bytes of a name that are shown, and most functions within each other.
const MOST_OF_NAME: usize = 4096;
const MOST_INLINED: usize = 64;

pub(super) fn question(question: &Question) -> Vec<u8> {
    let (kind, number) = match question.place {
        Place::Offset(number) => (0, number),
        Place::Address(number) => (1, number),
    };
    let mut out = vec![kind, u8::from(question.debug_info)];
    out.extend(number.to_le_bytes());
    out.extend(question.path.iter().flat_map(|path| path.as_os_str().as_bytes()));
    out
}

pub(super) fn read_question(bytes: &[u8]) -> Option<Question> {
    let mut input = Input(bytes);
    let (kind, debug_info, number) = (input.byte()?, input.byte()? != 0, input.number()?);
    let place = if kind == 0 { Place::Offset(number) } else { Place::Address(number) };
    let path = (!input.0.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(input.0)));
    Some(Question { path, debug_info, place })
}

/// An answer of so many bytes at most: what finds no room is left out.
pub(super) fn answer(found: Option<&Found>, most: usize) -> Vec<u8> {
    let Some(found) = found else { return vec![0] };
    let mut out = vec![1];
    out.extend(found.offset.to_le_bytes());
    text(Some(&found.name), &mut out);
    text(found.line.as_ref(), &mut out);
    for inlined in found.inlined.iter().take(MOST_INLINED) {
        let mut one = Vec::new();
        text(Some(&inlined.name), &mut one);
        text(inlined.line.as_ref(), &mut one);
        if out.len() + one.len() > most {
            break;
        }
        out.extend(one);
    }
    out
}

/// `None` for what is no answer, `Some(None)` for no symbol.
pub(super) fn read_answer(bytes: &[u8]) -> Option<Option<Found>> {
    let mut input = Input(bytes);
    if input.byte()? == 0 {
        return Some(None);
    }
    let (offset, name, line) = (input.number()?, input.text()??, input.text()?);
    let mut inlined = Vec::new();
    while !input.0.is_empty() {
        inlined.push(Inlined { name: input.text()??, line: input.text()? });
    }
    Some(Some(Found { name, offset, module: None, line, inlined }))
}

/// The length plus 1, then the text; 0 for none.
fn text(text: Option<&String>, out: &mut Vec<u8>) {
    let bytes = text.map(|t| &t.as_bytes()[..t.floor_char_boundary(MOST_OF_NAME)]);
    out.extend(bytes.map_or(0, |b| b.len() as u16 + 1).to_le_bytes());
    out.extend(bytes.unwrap_or_default());
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*first))
    }

    #[expect(clippy::option_option, reason = "an end of the bytes is no text that is absent")]
    fn text(&mut self) -> Option<Option<String>> {
        let (length, rest) = self.0.split_first_chunk()?;
        let Some(length) = usize::from(u16::from_le_bytes(*length)).checked_sub(1) else {
            self.0 = rest;
            return Some(None);
        };
        let (text, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Some(String::from_utf8_lossy(text).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_arrive_as_they_were() {
        for place in [Place::Offset(7), Place::Address(u64::MAX)] {
            for path in [None, Some(PathBuf::from("/a b/ü"))] {
                let asked = Question { path, debug_info: true, place };
                assert_eq!(read_question(&question(&asked)), Some(asked));
            }
        }
        let inlined = vec![Inlined { name: "in".into(), line: None }, Inlined { name: String::new(), line: Some("a:1".into()) }];
        let found = Found { name: "f".into(), offset: 3, module: None, line: Some(String::new()), inlined };
        let bytes = answer(Some(&found), 1 << 16);
        assert_eq!(read_answer(&bytes), Some(Some(found)));
        assert_eq!(read_answer(&answer(None, 9)), Some(None));
        for end in 0..bytes.len() {
            let _ = read_answer(&bytes[..end]);
        }
    }

    #[test]
    fn long_names_are_cut() {
        let name = "é".repeat(100_000);
        let inlined = vec![Inlined { name: name.clone(), line: Some(name.clone()) }; 1000];
        let found = Found { name: name.clone(), offset: 0, module: None, line: Some(name), inlined };
        let bytes = answer(Some(&found), 1 << 16);
        assert!(bytes.len() <= 1 << 16);
        assert_eq!(read_answer(&bytes).flatten().map(|f| f.name.len()), Some(MOST_OF_NAME));
    }
}
