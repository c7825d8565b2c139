//! `cargo xtask oneliners`: command lines of our own, under bpftrace and under btc by its name.
//!
//! `testdata/oneliners.txt` holds one a line: a name, in brackets what is taken from both
//! outputs before they are compared, and a shell command that says `bpftrace`. Standard
//! output and the exit code must be the same. A line `differs: REASON` below one says that
//! they are not, and why that is right; once they are the same, it must go. `differs on K, K: REASON`
//! names the kernels.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::guest::Guest;
use crate::kernels::{self, Kernel};
use crate::options::Options;
use crate::payload;
use crate::report::Tally;
use crate::results::{PRELUDE, Results};
use crate::shell::{self, Failure, Result};
use crate::sid::Sid;

const PLAYER: &str = include_str!("oneliners.sh");
/// How long one emulated kernel may take.
const LIMIT: Duration = Duration::from_secs(1800);
/// bpftrace with its libraries lies in the guest's memory, packed and unpacked.
const MEMORY: u32 = 3072;
/// What a plain run boots.
const KERNELS: &str = "new";

/// A one-liner.
struct Line {
    name: String,
    rules: Vec<Rule>,
    command: String,
    differs: Option<Difference>,
}

/// That both sides differ, and why that is right.
struct Difference {
    /// The kernels where they do; all when empty.
    kernels: Vec<String>,
    reason: String,
}

impl Difference {
    /// Reads `differs: REASON` or `differs on K, K: REASON`.
    fn read(line: &str) -> Option<Difference> {
        let (kernels, reason) = line.strip_prefix("differs")?.split_once(": ")?;
        let kernels = match kernels {
            "" => Vec::new(),
            some => some.strip_prefix(" on ")?.split(", ").map(str::to_string).collect(),
        };
        Some(Difference { kernels, reason: reason.to_string() })
    }

    fn is_on(&self, kernel: &Kernel) -> bool {
        self.kernels.is_empty() || self.kernels.iter().any(|k| k == kernel.name)
    }
}

/// What is taken from both outputs.
#[derive(Clone, Copy)]
enum Rule {
    /// Every number becomes `N`.
    Numbers,
    /// The order of lines says nothing.
    Sort,
    /// Only the first line counts: the rest is as many as happened.
    First,
}

impl Rule {
    fn named(word: &str) -> Option<Rule> {
        match word {
            "numbers" => Some(Rule::Numbers),
            "sort" => Some(Rule::Sort),
            "first" => Some(Rule::First),
            _ => None,
        }
    }

    fn apply(self, text: &str) -> String {
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        match self {
            Rule::Numbers => lines.iter_mut().for_each(|line| *line = without_numbers(line)),
            Rule::Sort => lines.sort_unstable(),
            Rule::First => lines.truncate(1),
        }
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

fn without_numbers(line: &str) -> String {
    let mut out = String::new();
    for c in line.chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('N') => {}
            true => out.push('N'),
            false => out.push(c),
        }
    }
    out
}

fn file() -> PathBuf {
    shell::root().join("testdata/oneliners.txt")
}

fn read() -> Result<Vec<Line>> {
    let mut all: Vec<Line> = Vec::new();
    for line in shell::read_text(&file())?.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let wrong = || Failure::new(format!("{}: cannot read `{line}`", file().display()));
        if line.starts_with(' ') {
            let difference = Difference::read(line.trim()).ok_or_else(wrong)?;
            all.last_mut().ok_or_else(wrong)?.differs = Some(difference);
            continue;
        }
        let (head, command) = line.split_once(": ").ok_or_else(wrong)?;
        let (name, rules) = head.split_once(' ').unwrap_or((head, ""));
        let rules = rules.trim_matches(['[', ']']).split_whitespace();
        let rules = rules.map(|word| Rule::named(word).ok_or_else(wrong)).collect::<Result<_>>()?;
        all.push(Line { name: name.to_string(), rules, command: command.to_string(), differs: None });
    }
    Ok(all)
}

/// The task.
pub fn run(args: &[String]) -> Result<u8> {
    let options = Options::read("oneliners", KERNELS, &[], args)?;
    kernels::ensure(&options.kernels)?;
    let mut lines = read()?;
    lines.retain(|line| options.wants(&line.name));
    if lines.is_empty() {
        return Err(Failure::new(format!("no one-liner named {}", options.names.join(", "))));
    }
    let payload = shell::scratch()?.join("payload-oneliners");
    payload::fill(&payload)?;
    Sid::ensure()?.add(&payload)?;
    shell::make_folder(&payload.join("oneliners"))?;
    for line in &lines {
        shell::write(&payload.join("oneliners").join(&line.name), format!("{}\n", line.command))?;
    }
    let mut tally = Tally::default();
    for kernel in &options.kernels {
        let start = Instant::now();
        let one = on_kernel(kernel, &payload, &lines)?;
        println!("kernel {}: {one} ({} s)", kernel.name, start.elapsed().as_secs());
        tally.add(&one);
    }
    println!("{tally}");
    Ok(tally.code())
}

fn on_kernel(kernel: &Kernel, payload: &std::path::Path, lines: &[Line]) -> Result<Tally> {
    let mut plan = format!("{PRELUDE}{PLAYER}");
    for line in lines {
        plan += &format!("run_line {}\n", line.name);
    }
    let guest =
        Guest { kernel, payload: Some(payload), command: &plan, limit: LIMIT, memory: MEMORY, echo: false };
    let outcome = guest.run()?;
    let results = Results::read(&outcome);
    let mut tally = Tally::default();
    for line in lines {
        let told = format!("{}: {}", kernel.name, line.name);
        let reason = line.differs.as_ref().filter(|d| d.is_on(kernel)).map(|d| &d.reason);
        match (compare(line, &results), reason) {
            (Ok(()), None) => tally.pass(),
            (Ok(()), Some(reason)) => tally.fail(&format!("{told} is the same now"), &format!("take out: {reason}")),
            (Err(_), Some(reason)) => tally.skip(&told, &format!("differs: {reason}")),
            (Err(how), None) => tally.fail(&told, &format!("{}\n{how}", line.command)),
        }
    }
    if outcome.code.is_none() {
        println!("    the guest did not come to its end; its console:\n{}", outcome.console);
    }
    Ok(tally)
}

/// Nothing, or how they differ.
fn compare(line: &Line, results: &Results) -> std::result::Result<(), String> {
    let side = |side: &str| {
        let code = results.text(&line.name, &format!("{side}.code"));
        let text = results.text(&line.name, &format!("{side}.out"));
        // Both tell how many probes are attached, each in its own way.
        let own = |l: &&str| !(l.starts_with("Attach") && l.contains(" probe"));
        let text: String = text.lines().filter(own).map(|l| format!("{}\n", l.trim_end())).collect();
        (line.rules.iter().fold(text, |text, rule| rule.apply(&text)), code.trim().to_string())
    };
    let (ours, theirs) = (side("ours"), side("theirs"));
    if ours == theirs && !ours.1.is_empty() {
        return Ok(());
    }
    // What both begin with says nothing.
    let same = ours.0.lines().zip(theirs.0.lines()).take_while(|(a, b)| a == b).count();
    let shown = |name: &str, (text, code): &(String, String)| {
        let err = results.text(&line.name, &format!("{name}.err"));
        let cut = |text: &str| text.lines().take(30).map(|l| format!("  {l}\n")).collect::<String>();
        let text: String = text.lines().skip(same).map(|l| format!("{l}\n")).collect();
        format!("{name}: exit code {code}, from line {same}\n{}{name}, standard error:\n{}", cut(&text), cut(&err))
    };
    Err(format!("{}{}", shown("ours", &ours), shown("theirs", &theirs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_can_be_read() {
        let lines = read().unwrap_or_else(|e| panic!("{e}"));
        assert!(lines.len() >= 60, "{} one-liners", lines.len());
        let mut names: Vec<&str> = lines.iter().map(|l| l.name.as_str()).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|w| w[0] != w[1]), "a name stands twice");
    }

    #[test]
    fn rules_take_away() {
        assert_eq!(Rule::Numbers.apply("a 12, b 3\n"), "a N, b N\n");
        assert_eq!(Rule::Sort.apply("b\na\n"), "a\nb\n");
        assert_eq!(Rule::First.apply("b\na\n"), "b\n");
    }
}
