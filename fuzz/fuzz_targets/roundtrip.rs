//! The text form of the IR: what parses prints, what was printed parses to the same module
//! and prints the same, and the validator has an opinion of anything.
#![no_main]

use btc_ir::{parse, print, validate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(module) = parse(text) else { return };
    let printed = print(&module);
    let again = parse(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}"));
    assert_eq!(print(&again), printed);
    let _ = validate(&module);
});
