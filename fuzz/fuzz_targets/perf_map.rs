//! A perf map that somebody else has written: an address has one name, or none.
#![no_main]

use btc_runtime::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, &[u8])| {
    let (address, text) = input;
    if let Some((name, offset)) = fuzzing::perf_map(text, address) {
        assert!(offset <= address && name.len() <= 3 * text.len());
    }
});
