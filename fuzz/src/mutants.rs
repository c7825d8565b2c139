//! Objects whose manifest lies, loaded and run to their end in this kernel: for a guest, under a sanitizer.
//!
//! `mutants SEED COUNT [only-load]` makes the objects from the seed, runs each in a child, and tells
//! how many were refused, how many ran, and which ended a child by a signal or a report of the sanitizer.

use std::collections::HashMap;
use std::io::Write;

use btc_fuzz::objects;
use btc_runtime::Options;
// The counters that the compiler has put in are its.
use libfuzzer_sys as _;

/// The exit code of a sanitizer's report (`ASAN_OPTIONS=exitcode=…`).
const REPORT: i32 = 99;
const REFUSED: i32 = 10;
/// Seconds for one object.
const LIMIT: u32 = 60;
/// Objects that are played at the same time: most of what one does is to wait for the kernel.
const AT_ONCE: usize = 8;

/// Decisions for the nth object: numbers that are the same at each run (splitmix64).
fn decisions(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let count = 8 + next() as usize % 40;
    (0..count).map(|_| next() as u8).collect()
}

fn play(seed: u64, dry_run: bool) -> i32 {
    let object = objects::lying(&decisions(seed));
    let options = Options {
        positional: vec!["7".into(), "text".into()],
        output: Some("/dev/null".into()),
        quiet: true,
        no_warnings: true,
        dry_run,
        ..Options::default()
    };
    match btc_runtime::run(&object, &options) {
        Ok(_) => 0,
        Err(_) => REFUSED,
    }
}

/// Starts a child that plays an object; its number.
fn start(seed: u64, dry_run: bool) -> i32 {
    // SAFETY: this process has one thread; the child ends by `_exit` or a signal.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if child == 0 {
        // SAFETY: no preconditions.
        unsafe { libc::alarm(LIMIT) };
        let code = play(seed, dry_run);
        let _ = std::io::stdout().flush();
        // SAFETY: ends this process.
        unsafe { libc::_exit(code) };
    }
    child
}

/// Waits for the next child to end: its number, and its exit code, or the signal as a negative number.
fn next_end() -> (i32, i32) {
    let mut status = 0;
    // SAFETY: a writable number.
    let child = unsafe { libc::waitpid(-1, &raw mut status, 0) };
    assert!(child > 0, "waitpid: {}", std::io::Error::last_os_error());
    (child, if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) })
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |n: usize| words.get(n).and_then(|w| w.parse().ok());
    let (Some(seed), Some(count)) = (number(0), number(1)) else {
        eprintln!("usage: mutants SEED COUNT [only-load]");
        std::process::exit(2);
    };
    let dry_run = words.get(2).is_some();
    objects::all();
    let (mut ran, mut refused, mut failed) = (0, 0, 0);
    let mut seeds = seed..seed + count;
    let mut playing = HashMap::new();
    loop {
        let free = AT_ONCE - playing.len();
        playing.extend(seeds.by_ref().take(free).map(|seed| (start(seed, dry_run), seed)));
        if playing.is_empty() {
            break;
        }
        let (child, code) = next_end();
        let Some(seed) = playing.remove(&child) else { continue };
        match code {
            REFUSED => refused += 1,
            REPORT | ..0 | 101 => {
                failed += 1;
                println!("FAIL seed {seed}: {code}");
            }
            _ => ran += 1,
        }
    }
    println!("{ran} ran, {refused} refused, {failed} failed");
    std::process::exit(i32::from(failed > 0));
}
