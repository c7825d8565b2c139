//! Any bytes are refused as an object, or can be told all about: nothing that passes all checks is unreadable to what comes
//! behind them.
#![no_main]

use btc_driver::elf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let contents = elf::read(bytes);
    let Ok(manifest) = btc_runtime::manifest(bytes) else { return };
    assert!(contents.is_ok(), "what a run takes cannot be shown");
    btc_runtime::effects(bytes, &manifest).unwrap_or_else(|e| panic!("{e}"));
});
