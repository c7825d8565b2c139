//! Texts of the kernel in which others' names stand (`/proc`, tracefs), and the loader's cache.
#![no_main]

use btc_runtime::fuzzing;
use btc_target::{Source, Target};
use libfuzzer_sys::fuzz_target;

struct Given<'t>(&'t str);

impl Source for Given<'_> {
    fn tracepoint_format(&self, _: &str, _: &str) -> Option<String> {
        Some(self.0.to_string())
    }
    fn tracepoints(&self) -> Option<Vec<(String, String)>> {
        None
    }
    fn functions(&self) -> Option<Vec<(String, String)>> {
        None
    }
    fn btf(&self) -> Option<btf_rs::Btf> {
        None
    }
}

fuzz_target!(|bytes: &[u8]| {
    fuzzing::proc_text(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let source = Given(text);
        let fields = Target::new(&source).tracepoint_fields("sched", "sched_switch");
        assert!(fields.len() <= text.len());
    }
});
