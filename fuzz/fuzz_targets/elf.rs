//! A binary that somebody else has made: what probes ask of it is answered or refused.
#![no_main]

use btc_fuzz::scratch;
use btc_runtime::Options;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = scratch::file(bytes).to_string_lossy();
    let options = Options::default();
    let functions = btc_runtime::binary_functions(&path, &options);
    if let Some((_, name)) = functions.first() {
        let _ = btc_runtime::symbol_size(&path, name, &options);
    }
    let _ = btc_runtime::static_probes(&path, &options);
    let _ = btc_runtime::debug_info(&path, &options);
    btc_runtime::fuzzing::unwind_table(bytes);
});
