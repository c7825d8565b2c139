//! What a guest hands back: parts of tests over the second serial line.

use std::collections::HashMap;

use crate::guest::Outcome;

/// The shell functions that hand back.
pub const PRELUDE: &str = include_str!("prelude.sh");

/// What came over the second serial line.
pub struct Results {
    parts: HashMap<(String, String), Vec<u8>>,
}

impl Results {
    /// Takes it apart.
    pub fn read(outcome: &Outcome) -> Results {
        let mut parts = HashMap::new();
        let mut rest = outcome.results.as_slice();
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let line = String::from_utf8_lossy(&rest[..end]).into_owned();
            rest = &rest[end + 1..];
            let words: Vec<&str> = line.split_whitespace().collect();
            let ["@@", test, part, size] = words.as_slice() else { continue };
            let Ok(size) = size.parse::<usize>() else { continue };
            let bytes = &rest[..size.min(rest.len())];
            parts.insert(((*test).to_string(), (*part).to_string()), bytes.to_vec());
            rest = &rest[bytes.len()..];
        }
        Results { parts }
    }

    /// One part of a test; empty where it did not come.
    pub fn text(&self, test: &str, part: &str) -> String {
        let bytes = self.parts.get(&(test.to_string(), part.to_string()));
        bytes.map(|b| String::from_utf8_lossy(b).into_owned()).unwrap_or_default()
    }

    /// The tests that took longest, with their seconds.
    pub fn slowest(&self, count: usize) -> Vec<(u64, String)> {
        let times = self.parts.iter().filter(|((_, part), _)| part == "seconds");
        let mut times: Vec<(u64, String)> = times
            .filter_map(|((test, _), bytes)| Some((std::str::from_utf8(bytes).ok()?.trim().parse().ok()?, test.clone())))
            .collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        times.truncate(count);
        times
    }
}
