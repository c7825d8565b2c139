//! Unwind tables that somebody else has made: rows in order, and no more than were asked for.
#![no_main]

use btc_dwarf::unwind::rows;
use libfuzzer_sys::fuzz_target;

const MOST: usize = 10_000;

fuzz_target!(|input: (u64, &[u8])| {
    let (address, section) = input;
    let rows = rows(section, address, MOST);
    assert!(rows.len() <= 2 * MOST + 1);
    assert!(rows.windows(2).all(|pair| pair[0].address < pair[1].address), "out of order");
});
