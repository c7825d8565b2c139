//! Signals at random moments: while it compiles, loads, attaches, prints, detaches. A run ends soon, leaves nothing in the kernel and
//! no child, and what it printed and what it told as lost are together what happened.
//!
//! `BTC_MOMENTS` is how many there are (24), `BTC_SEED` the first of their seeds.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

mod support;

use support::{lost, program, text, tracer, unfit_to_look};

/// Runs at the same time.
const AT_ONCE: usize = 4;
/// What a run may need to end where processors are shared with other tests; two seconds are what it promises.
const SOON: Duration = Duration::from_secs(8);
/// The kernel frees programs and maps after a grace period.
const GRACE: Duration = Duration::from_secs(10);

/// Numbers that are the same at each run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// What a run holds in the kernel, by kind and number.
fn held(pid: u32) -> BTreeSet<(&'static str, u32)> {
    let mut held = BTreeSet::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten() {
        let told = std::fs::read_to_string(entry.path()).unwrap_or_default();
        for line in told.lines() {
            let number = |word: &str| line.strip_prefix(word)?.trim().parse().ok();
            held.extend(number("prog_id:").map(|id| ("prog", id)));
            held.extend(number("map_id:").map(|id| ("map", id)));
            held.extend(number("link_id:").map(|id| ("link", id)));
        }
    }
    held
}

fn exists((kind, id): (&str, u32)) -> bool {
    let shown = Command::new("bpftool").args([kind, "show", "id", &id.to_string()]).output();
    shown.expect("bpftool runs").status.success()
}

/// Whether a process of this machine has a word among its arguments.
fn runs(word: &str) -> bool {
    let mut processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    processes.any(|p| std::fs::read(p.path().join("cmdline")).is_ok_and(|line| line.split(|b| *b == 0).any(|w| w == word.as_bytes())))
}

/// How many kinds of scripts there are.
const SCRIPTS: u64 = 5;

/// A script, which counts in `@n` the lines that it sends.
fn script(kind: u64, hammer: &Path) -> String {
    let call = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/";
    match kind {
        0 => format!("{call} {{ @n = count(); printf(\"line\\n\"); }}"),
        1 => format!("{call} {{ @n = count(); @s[ustack(3), comm] = count(); printf(\"line\\n\"); }} END {{ clear(@s); }}"),
        2 => format!("{call} {{ @n = count(); printf(\"line\\n\"); if (rand % 4096 == 0) {{ system(\"true\"); }} }}"),
        3 => format!(
            "uprobe:{}:* /pid == cpid/ {{ @u = count(); }} {call} {{ @n = count(); print(\"line\"); }} i:ms:1 {{ print(@u); clear(@u); }}",
            hammer.display()
        ),
        _ => format!("i:us:200 {{ @n = count(); printf(\"line\\n\"); }} profile:hz:99 /pid == cpid/ {{ @p[cpu] = count(); }} END {{ clear(@p); }}"),
    }
}

/// Ends a run, once or twice; how it ended, and how long that took.
fn end(run: &mut Child, signal: i32, again: Option<u64>) -> (ExitStatus, Duration) {
    let start = Instant::now();
    // SAFETY: plain numbers; the run is our own child, not waited for yet.
    let send = |run: &Child| unsafe { libc::kill(run.id() as libc::pid_t, signal) };
    send(run);
    if let Some(later) = again {
        std::thread::sleep(Duration::from_millis(later));
        send(run);
    }
    loop {
        if let Some(status) = run.try_wait().expect("ours") {
            return (status, start.elapsed());
        }
        if start.elapsed() > 4 * SOON {
            let _ = run.kill();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Reads a pipe to its end meanwhile.
fn all_of(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("it is read");
        bytes
    })
}

fn moment(seed: u64, hammer: &Path, syscalls: &Path) {
    let mut numbers = Numbers(seed);
    let (kind, signal) = (numbers.below(SCRIPTS), [libc::SIGINT, libc::SIGTERM][numbers.below(2) as usize]);
    let range = [150, 400, 1500][numbers.below(3) as usize];
    let delay = numbers.below(range * 1000);
    let again = (numbers.below(4) == 0).then(|| numbers.below(300));
    let about = format!("BTC_SEED={seed}: script {kind}, signal {signal} after {delay} us, again {again:?}");
    // The child's number of calls tells whose it is.
    let calls = 1_000_000_000 + u64::from(std::process::id()) * 1000 + seed % 1000;
    let child = format!("{} {calls} 20000", syscalls.display());
    let mut run = tracer(&["--unsafe", "-c", &child, "-e", &script(kind, hammer)]);
    let end_by_signals = || {
        // A shell has what it runs in the background ignore Ctrl-C.
        // SAFETY: no code of ours is called.
        unsafe { [libc::SIGINT, libc::SIGTERM].map(|signal| libc::signal(signal, libc::SIG_DFL)) };
        Ok(())
    };
    // SAFETY: signal may be called between fork and exec.
    unsafe { run.pre_exec(end_by_signals) };
    let mut run = run.spawn().expect("btc runs");
    let (out, errors) = (all_of(run.stdout.take().expect("a pipe")), all_of(run.stderr.take().expect("a pipe")));
    std::thread::sleep(Duration::from_micros(delay));
    let held = held(run.id());
    let (status, took) = end(&mut run, signal, again);
    let (printed, said) = (text(&out.join().expect("read")), text(&errors.join().expect("read")));
    assert!(took < SOON, "{about}: {took:?}\n{said}");
    let start = Instant::now();
    while held.iter().any(|h| exists(*h)) || runs(&calls.to_string()) {
        assert!(start.elapsed() < GRACE, "{about}: something is left of {held:?}, or the child runs on\n{said}");
        std::thread::sleep(Duration::from_millis(50));
    }
    // A second signal, or one that comes before it is ready, cuts it off.
    if status.code().is_some() && again.is_none() {
        let lines = printed.lines().filter(|l| *l == "line").count() as u64;
        let count = printed.lines().find_map(|l| l.strip_prefix("@n: ")).map_or(0, |n| n.parse().expect("a number"));
        assert_eq!(lines + lost(&said), count, "{about}: lines and losses, and what was counted\n{said}");
    }
}

#[test]
fn a_signal_may_come_at_any_moment() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |n| n.parse().expect("a number"));
    let (first, count) = (number("BTC_SEED", 0), number("BTC_MOMENTS", 24));
    let hammer = program("kernel/hammer.c", "hammer-moments");
    let calls = program("kernel/syscalls.c", "moments");
    let next = AtomicU64::new(first);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let seeds = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                seeds.take_while(|seed| *seed < first + count).for_each(|seed| moment(seed, &hammer, &calls));
            });
        }
    });
}
