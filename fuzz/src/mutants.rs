//! Objects whose manifest lies, loaded and run to their end in this kernel: for a guest, under a sanitizer.
//!
//! `mutants SEED COUNT [only-load]` makes the objects from the seed, one after the other, runs each in a child, and tells
//! how many were refused, how many ran, and which ended a child by a signal or a report of the sanitizer.

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

/// Exit code, or the signal as a negative number.
fn in_child(seed: u64, dry_run: bool) -> i32 {
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
    let mut status = 0;
    // SAFETY: a child of ours and a writable number.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) }
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
    for seed in seed..seed + count {
        match in_child(seed, dry_run) {
            REFUSED => refused += 1,
            code @ (REPORT | ..0 | 101) => {
                failed += 1;
                println!("FAIL seed {seed}: {code}");
            }
            _ => ran += 1,
        }
    }
    println!("{ran} ran, {refused} refused, {failed} failed");
    std::process::exit(i32::from(failed > 0));
}
