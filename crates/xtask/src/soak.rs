//! `cargo xtask soak`: hours of a steady load on this kernel.
//!
//! One process of our own makes system calls at a fixed rate. A script counts them, sums and
//! draws them, and prints each into a pipe that is read here. At the end the aggregations must
//! be exact, the printed lines must be all but those told as lost, and the tracer must not have
//! grown.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::programs;
use crate::shell::{self, Failure, Result};

/// Calls are numbered by one process, so that everything that is computed from the number is known.
const SCRIPT: &str = "begin { @next = (uint64)0; }
tracepoint:syscalls:sys_enter_getppid /pid == cpid/ {
  $n = @next; @next = $n + 1;
  @n = count(); @sum[$n % 16] = sum($n); @hist = hist($n % 1024);
  printf(\"%d\\n\", $n);
}
end { clear(@next); }";

/// What the tracer may have grown by after the first minute, in KiB: pages it had not touched before.
const GROWTH: u64 = 256;

struct Request {
    minutes: u64,
    rate: u64,
}

impl Request {
    fn read(args: &[String]) -> Result<Request> {
        let mut request = Request { minutes: 30, rate: 100_000 };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let number = args.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
            match (arg.as_str(), number) {
                ("--minutes", Some(n)) => request.minutes = n,
                ("--rate", Some(n)) => request.rate = n,
                _ => return Err(Failure::new("usage: cargo xtask soak [--minutes N] [--rate N]")),
            }
        }
        Ok(request)
    }

    /// Whole rounds of the histogram.
    fn events(&self) -> u64 {
        (self.rate * 60 * self.minutes).next_multiple_of(1024)
    }
}

/// What came out of the tracer's pipe.
#[derive(Default)]
struct Printed {
    lines: u64,
    /// Lines whose number is not above the one before: printed twice, or out of order.
    wrong: u64,
    /// What followed: the maps.
    maps: String,
}

fn read(pipe: ChildStdout) -> Printed {
    let mut printed = Printed::default();
    let mut next = 0;
    let mut line = String::new();
    let mut pipe = BufReader::with_capacity(1 << 16, pipe);
    while pipe.read_line(&mut line).is_ok_and(|n| n > 0) {
        match line.trim_end().parse::<u64>() {
            Ok(number) => {
                printed.lines += 1;
                printed.wrong += u64::from(number < next);
                next = number + 1;
            }
            Err(_) => printed.maps += &line,
        }
        line.clear();
    }
    printed
}

/// A field of `/proc/PID/status` in KiB.
fn memory(pid: u32, field: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix(field))?;
    line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
}

/// Resident memory, once a second: after the first minute, and the most of all later.
#[derive(Clone, Copy, Default)]
struct Growth {
    first: u64,
    most: u64,
}

fn watch(pid: u32, until: &Receiver<()>) -> Growth {
    let start = Instant::now();
    let mut growth = Growth::default();
    let mut told = 0;
    while until.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
        let Some(now) = memory(pid, "VmRSS") else { continue };
        let minutes = start.elapsed().as_secs() / 60;
        if minutes == 0 {
            growth.first = growth.first.max(now);
        }
        growth.most = growth.most.max(now);
        if minutes > told {
            told = minutes;
            println!("soak: minute {minutes}: resident {now} KiB");
        }
    }
    growth
}

/// User and system time of a process in seconds, from `/proc/PID/stat` while it is a zombie at the latest.
fn cpu_seconds(child: &Child) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    let fields: Vec<&str> = text.rsplit(") ").next()?.split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|t| t.parse::<f64>().ok());
    // The kernel tells these in hundredths, whatever its own clock.
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// The sum of the numbers before `record` in the lines that tell of losses.
fn lost(messages: &str) -> u64 {
    let number = |line: &str| line.split(" record").next()?.split_whitespace().last()?.parse::<u64>().ok();
    messages.lines().filter(|l| l.contains("lost ")).filter_map(number).sum()
}

/// The lines that the maps must have.
fn expected(events: u64) -> Vec<String> {
    let mut lines = vec![format!("@n: {events}")];
    let each = events / 16;
    lines.extend((0..16).map(|key| format!("@sum[{key}]: {}", 16 * (each * (each - 1) / 2) + key * each)));
    let part = events / 1024;
    lines.extend(["[0]", "[1]"].iter().map(|bucket| format!("{bucket} {part}")));
    let name = |n: u64| if n == 1024 { "1K".to_string() } else { n.to_string() };
    lines.extend((1..10).map(|bit| format!("[{}, {}) {}", 1 << bit, name(2 << bit), part << bit)));
    lines
}

/// Which of them are missing. A histogram's line ends in a bar.
fn missing(events: u64, maps: &str) -> Vec<String> {
    let plain = |line: &str| {
        let words: Vec<&str> = line.split('|').next().unwrap_or_default().split_whitespace().collect();
        words.join(" ")
    };
    let found: Vec<String> = maps.lines().map(plain).collect();
    expected(events).into_iter().filter(|line| !found.contains(line)).collect()
}

fn start(btc: &Path, load: &str) -> Result<Child> {
    let mut command = Command::new(btc);
    command.args(["-q", "-e", SCRIPT, "-c", load]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|e| Failure::new(format!("cannot run btc: {e}")))
}

/// What one run showed.
struct Report {
    printed: Printed,
    messages: String,
    growth: Growth,
    cpu: Option<f64>,
    seconds: f64,
    ended_well: bool,
}

fn perform(btc: &Path, load: &str) -> Result<Report> {
    let begin = Instant::now();
    let mut tracer = start(btc, load)?;
    let (pipe, errors) = (tracer.stdout.take(), tracer.stderr.take());
    let (Some(pipe), Some(mut errors)) = (pipe, errors) else { return Err(Failure::new("btc has no pipes")) };
    let reader = std::thread::spawn(move || read(pipe));
    let messages = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = errors.read_to_string(&mut text);
        text
    });
    let (done, until): (Sender<()>, Receiver<()>) = channel();
    let pid = tracer.id();
    let watcher = std::thread::spawn(move || watch(pid, &until));
    let panicked = |_| Failure::new("a thread of the soak panicked");
    let printed = reader.join().map_err(panicked)?;
    // Its pipe is closed: it is gone, or about to go, and not reaped yet.
    let cpu = cpu_seconds(&tracer);
    drop(done);
    let status = tracer.wait().map_err(|e| Failure::new(format!("cannot wait for btc: {e}")))?;
    Ok(Report {
        printed,
        messages: messages.join().map_err(panicked)?,
        growth: watcher.join().map_err(panicked)?,
        cpu,
        seconds: begin.elapsed().as_secs_f64(),
        ended_well: status.success(),
    })
}

/// The task.
pub fn run(args: &[String]) -> Result<u8> {
    let request = Request::read(args)?;
    if !shell::is_root() {
        return Err(Failure::new("tracing needs root"));
    }
    let btc = programs::for_guests()?.join("btc");
    let load = shell::scratch()?.join("soak-load");
    programs::compile_c(&shell::root().join("testdata/kernel/syscalls.c"), &load, true)?;
    let events = request.events();
    println!("soak: {events} events, {} a second, {} minutes", request.rate, request.minutes);
    let report = perform(&btc, &format!("{} {events} {}", load.display(), request.rate))?;

    let lost = lost(&report.messages);
    let Printed { lines, wrong, ref maps } = report.printed;
    let Growth { first, most } = report.growth;
    println!("soak: {:.0} s, {:.0} events a second", report.seconds, events as f64 / report.seconds);
    println!("soak: printed {lines}, told as lost {lost}, neither {}", events.saturating_sub(lines + lost));
    println!("soak: resident at most {first} KiB in the first minute, {most} KiB in all");
    if let Some(cpu) = report.cpu {
        println!("soak: {cpu:.1} s of CPU time, {:.0} ns an event", cpu * 1e9 / events as f64);
    }
    let missing = missing(events, maps);
    let checks = [
        (report.ended_well, format!("btc ended badly: {}", report.messages)),
        (lines + lost == events, format!("{events} events, but {lines} printed and {lost} told as lost")),
        (wrong == 0, format!("{wrong} lines twice or out of order")),
        (missing.is_empty(), format!("the maps lack: {}\n{maps}", missing.join("; "))),
        (most <= first + GROWTH, format!("btc grew from {first} to {most} KiB")),
    ];
    let failed: Vec<&String> = checks.iter().filter(|(good, _)| !good).map(|(_, why)| why).collect();
    failed.iter().for_each(|why| println!("soak: FAILED: {why}"));
    println!("soak: {}", if failed.is_empty() { "all exact" } else { "failed" });
    Ok(u8::from(!failed.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_is_what_is_found() {
        let (events, first) = (2048, 16 * (128 * 127 / 2));
        assert!(expected(events).contains(&format!("@sum[0]: {first}")));
        let maps = expected(events).join(" |@@|\n");
        assert!(missing(events, &maps).is_empty(), "{maps}");
        assert_eq!(missing(events, &maps.replace("[512, 1K) 1024", "[512, 1K) 1023")), ["[512, 1K) 1024"]);
        assert_eq!(lost("WARNING: x:1: lost 12 records: the reader\nelse\n"), 12);
    }
}
