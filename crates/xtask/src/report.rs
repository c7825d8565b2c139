//! Counts of passed, failed and skipped tests, and the line that closes a run.

use std::fmt;

/// What came of many tests.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Tests that did what they should.
    pub passed: u32,
    /// Tests that did not.
    pub failed: u32,
    /// Tests that could not be made, each with a reason told.
    pub skipped: u32,
}

impl Tally {
    /// Counts a test that passed.
    pub fn pass(&mut self) {
        self.passed += 1;
    }

    /// Counts and tells a test that failed.
    pub fn fail(&mut self, name: &str, why: &str) {
        self.failed += 1;
        println!("FAIL {name}");
        for line in why.lines() {
            println!("    {line}");
        }
    }

    /// Counts and tells a test that could not be made.
    pub fn skip(&mut self, name: &str, why: &str) {
        self.skipped += 1;
        println!("{name} skipped: {why}");
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// The exit code this asks for.
    pub fn code(&self) -> u8 {
        u8::from(self.failed > 0)
    }

    /// Reads a closing line of this form.
    pub fn parse(line: &str) -> Option<Tally> {
        let mut counts = ["passed", "failed", "skipped"].into_iter().zip(line.trim().split(", ")).map(|(word, part)| {
            let (number, rest) = part.split_once(' ')?;
            (rest == word).then(|| number.parse().ok()).flatten()
        });
        let mut next = || counts.next().flatten();
        Some(Tally { passed: next()?, failed: next()?, skipped: next()? })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_read_back() {
        let tally = Tally { passed: 3, failed: 0, skipped: 12 };
        assert_eq!(Tally::parse(&tally.to_string()).map(|t| t.to_string()), Some(tally.to_string()));
        assert!(Tally::parse("3 passed").is_none());
    }
}
