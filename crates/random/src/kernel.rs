//! The same scripts under a tracer on the running kernel: `btc`, or bpftrace itself.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::checks::difference;
use crate::oracle::Outcome;
use crate::Sample;

/// Longest run of a script.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a tracer wrote.
struct Written {
    stdout: String,
    stderr: String,
    success: bool,
}

/// Runs a command that reads a script from its standard input: some are too long for an argument.
fn start(command: &[String], text: &str) -> Result<Written, String> {
    let (program, args) = command.split_first().ok_or("no command")?;
    let began = Instant::now();
    let failed = |e: std::io::Error| format!("{program}: {e}");
    let mut child = Command::new("timeout")
        .arg(PATIENCE.as_secs().to_string())
        .arg(program)
        .args(args)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    // One that ends before it has read all says why.
    let _ = child.stdin.take().map(|mut input| input.write_all(text.as_bytes()));
    let output = child.wait_with_output().map_err(failed)?;
    if began.elapsed() >= PATIENCE {
        return Err("no end".into());
    }
    Ok(Written {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        success: output.status.success(),
    })
}

/// What stopped a tracer, in a few lines.
fn complaint(written: &Written) -> String {
    let lines: Vec<&str> = written.stderr.lines().filter(|l| l.contains("ERROR") || l.contains("panicked")).collect();
    lines.first().map_or_else(|| "it failed and said nothing".into(), ToString::to_string)
}

/// Label and count of a histogram's line.
fn bucket(line: &str) -> Option<(&str, &str)> {
    let (front, bar) = line.split_once('|')?;
    let (label, count) = front.trim_end().rsplit_once(' ')?;
    let label = label.trim_end();
    let whole = bar.ends_with('|') && label.ends_with([']', ')']) && count.bytes().all(|b| b.is_ascii_digit());
    whole.then_some((label, count))
}

/// The output of a tracer: lines, an empty line twice, and the maps.
fn outcome(stdout: &str, stderr: &str) -> Outcome {
    // Whatever is printed ends its line, so two newlines follow a third, or nothing at all.
    let whole = format!("\n{stdout}");
    let (head, tail) = whole.rsplit_once("\n\n\n").unwrap_or((&whole, ""));
    let text = format!("{head}\n");
    let lines = text.lines().skip(1).map(str::to_string).collect();
    let (mut maps, mut name) = (Vec::new(), "");
    for line in tail.lines().filter(|l| !l.is_empty()) {
        match bucket(line) {
            Some((_, "0")) => {}
            Some((label, count)) => maps.push(format!("{name} {label} {count}")),
            None if line.ends_with(':') => name = line,
            None => maps.push(line.to_string()),
        }
    }
    maps.sort_unstable();
    Outcome { lines, maps, failed_reads: failed_reads(stderr) }
}

/// Reads that `btc` told of: `… could not be read once; …`, or `… 3 times; …`.
fn failed_reads(stderr: &str) -> u64 {
    let told = stderr.lines().filter_map(|l| l.split_once("memory could not be read "));
    told.map(|(_, rest)| rest.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(1)).sum()
}

/// Runs a sample without side inputs and compares what is printed.
pub fn run(command: &[String], sample: &Sample) -> Result<(), String> {
    let Some(wanted) = &sample.outcome else { return Ok(()) };
    let written = start(command, &sample.text)?;
    if !written.success {
        return Err(complaint(&written));
    }
    difference(wanted, &outcome(&written.stdout, &written.stderr)).map_or(Ok(()), Err)
}

/// Loads a script without attaching it.
pub fn load(command: &[String], text: &str) -> Result<(), String> {
    let mut command = command.to_vec();
    command.extend(["--unsafe", "--dry-run"].map(str::to_string));
    let written = start(&command, text)?;
    if written.success { Ok(()) } else { Err(complaint(&written)) }
}

#[cfg(test)]
mod tests {
    use super::outcome;

    #[test]
    fn output_is_lines_and_maps() {
        let text = "one\n(2, |a|)\n\n\n\n@b: 3\n@h:\n[2, 4)                 7 |@@@@|\n[4, 8)                 0 |    |\n\n@a[1]: x\n\n";
        let got = outcome(text, "WARNING: a.bt:1:1-2: memory could not be read once; x\nWARNING: b: memory could not be read 3 times; y");
        assert_eq!(got.failed_reads, 4);
        assert_eq!(got.lines, ["one", "(2, |a|)", ""]);
        assert_eq!(got.maps, ["@a[1]: x", "@b: 3", "@h: [2, 4) 7"]);
        assert_eq!(outcome("\n\n", "").lines, [""; 0]);
    }
}
