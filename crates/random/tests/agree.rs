//! Random scripts print what the oracle says, in the IR interpreter and as generated code.
//! `BTC_CASES` sets how many (500). `cargo xtask random` does more, and in the kernel.

use btc_random::checks::{agree, difference};
use btc_random::oracle::Outcome;
use btc_random::sample;

#[test]
fn scripts_print_what_the_oracle_says() {
    let cases: u64 = std::env::var("BTC_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(500);
    let mut printed = 0;
    for seed in 1..=cases {
        let sample = sample(seed);
        printed += sample.outcome.as_ref().map_or(0, |o| o.lines.len() + o.maps.len());
        agree(&sample).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{}", sample.text));
    }
    assert!(printed as u64 > cases, "the scripts print {printed} lines: too few to tell anything");
}

/// A seed is a script for good, whatever the machine.
#[test]
fn seeds_are_scripts() {
    assert_eq!(sample(7).text, sample(7).text);
    assert_ne!(sample(7).text, sample(9).text);
}

#[test]
fn differences_are_told() {
    let outcome = |line: &str| Outcome { lines: vec![line.into()], maps: vec!["@m: 1".into()], failed_reads: 0 };
    assert_eq!(difference(&outcome("1"), &outcome("1")), None);
    assert_eq!(difference(&outcome("1"), &outcome("2")), Some("line 1: wanted `1`, got `2`".into()));
    assert!(difference(&outcome("1"), &Outcome::default()).is_some());
}
