//! Expected output: literal lines, regular expressions, and gaps.
//!
//! A line that begins with `~ ` is a regular expression for a whole line; `...` stands for any
//! number of lines; all else is literal. `{NAME}` is what the workload said of itself in a
//! line `NAME=value`.

use regex_lite::Regex;

/// What a workload said of itself.
pub type Facts = Vec<(String, String)>;

/// Reads the `NAME=value` lines.
pub fn facts(text: &str) -> Facts {
    let line = |line: &str| {
        let (name, value) = line.split_once('=')?;
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        plain.then(|| (name.to_string(), value.trim().to_string()))
    };
    text.lines().filter_map(line).collect()
}

enum Pattern {
    Gap,
    Literal(String),
    Shape(Regex),
}

struct Line {
    text: String,
    pattern: Pattern,
}

fn line(text: &str, facts: &Facts) -> Result<Line, String> {
    let filled = |escape: bool| {
        facts.iter().fold(text.to_string(), |text, (name, value)| {
            let value = if escape { regex_lite::escape(value) } else { value.clone() };
            text.replace(&format!("{{{name}}}"), &value)
        })
    };
    let pattern = match text.strip_prefix("~ ") {
        _ if text == "..." => Pattern::Gap,
        Some(_) => {
            let shape = format!("^(?:{})$", &filled(true)[2..]);
            Pattern::Shape(Regex::new(&shape).map_err(|e| format!("`{text}` is no regular expression: {e}"))?)
        }
        None => Pattern::Literal(filled(false)),
    };
    Ok(Line { text: text.to_string(), pattern })
}

fn same(pattern: &Pattern, actual: &str) -> bool {
    match pattern {
        Pattern::Gap => true,
        Pattern::Literal(text) => text == actual,
        Pattern::Shape(shape) => shape.is_match(actual),
    }
}

/// The farthest place where the two part.
#[derive(Clone, Copy, Default)]
struct Parting {
    expected: usize,
    actual: usize,
}

fn walk(expected: &[Line], actual: &[&str], at: Parting, worst: &mut Parting) -> bool {
    let Parting { expected: mut i, actual: mut j } = at;
    while let Some(line) = expected.get(i) {
        if matches!(line.pattern, Pattern::Gap) {
            let rest = |j| Parting { expected: i + 1, actual: j };
            return (j..=actual.len()).any(|j| walk(expected, actual, rest(j), worst));
        }
        if !actual.get(j).is_some_and(|text| same(&line.pattern, text)) {
            if j >= worst.actual {
                *worst = Parting { expected: i, actual: j };
            }
            return false;
        }
        (i, j) = (i + 1, j + 1);
    }
    if j < actual.len() && j >= worst.actual {
        *worst = Parting { expected: i, actual: j };
    }
    j == actual.len()
}

fn trimmed(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    while lines.last().is_some_and(|l| l.is_empty()) {
        lines.pop();
    }
    lines
}

/// Compares; where they differ, says at which line.
pub fn compare(expected: &str, actual: &str, facts: &Facts) -> Result<(), String> {
    let lines: Vec<Line> = trimmed(expected).into_iter().map(|l| line(l, facts)).collect::<Result<_, _>>()?;
    let actual = trimmed(actual);
    let mut worst = Parting::default();
    if walk(&lines, &actual, Parting::default(), &mut worst) {
        return Ok(());
    }
    let wanted = lines.get(worst.expected).map_or("(end of output)", |l| &l.text);
    let found = actual.get(worst.actual).unwrap_or(&"(end of output)");
    Err(format!("line {}: expected: {wanted}\n{:w$}  found: {found}", worst.actual + 1, "", w = 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_shapes_and_facts() {
        let facts = facts("PID=12\nnoise\nNAME=a.b\n");
        assert!(compare("x\n...\n~ pid {PID} \\d+\n", "x\ny\nz\npid 12 7\n", &facts).is_ok());
        assert!(compare("~ {NAME}\n", "aXb\n", &facts).is_err());
        assert!(compare("...\n", "", &facts).is_ok());
        let error = compare("a\nb\n", "a\nc\n", &facts).unwrap_err();
        assert!(error.starts_with("line 2: expected: b"), "{error}");
    }
}
