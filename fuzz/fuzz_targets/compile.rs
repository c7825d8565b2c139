//! What the compiler accepts becomes an object that it can read again, and the same object
//! at a second compile; what it refuses gets a message, never one about the compiler itself.
#![no_main]

use btc_driver::{Files, Header, Includes, Options, compile, elf};
use btc_target::Source;
use btf_rs::Btf;
use libfuzzer_sys::fuzz_target;

static BTF: &[u8] = include_bytes!("../../testdata/target/vmlinux.btf");
static FUNCTIONS: &str = include_str!("../../testdata/target/functions.txt");

/// The kernel of the tests, without its tracepoints: the shipped table serves these.
struct Kernel;

impl Source for Kernel {
    fn tracepoint_format(&self, _: &str, _: &str) -> Option<String> {
        None
    }
    fn tracepoints(&self) -> Option<Vec<(String, String)>> {
        None
    }
    fn functions(&self) -> Option<Vec<(String, String)>> {
        Some(FUNCTIONS.lines().map(|name| (String::new(), name.to_string())).collect())
    }
    fn btf(&self) -> Option<Btf> {
        Btf::from_bytes(BTF).ok()
    }
}

struct NoFiles;

impl Includes for NoFiles {
    fn load(&mut self, _: &str, _: bool, _: &str) -> Option<Header> {
        None
    }
}

impl Files for NoFiles {
    fn import(&mut self, _: &str, _: &str) -> Option<Vec<(String, String)>> {
        None
    }
}

fuzz_target!(|text: &str| {
    let options = Options { allow_unsafe: true, ..Options::default() };
    let once = || compile("fuzz.bt", text, &Kernel, &mut NoFiles, &options);
    let first = once();
    let messages = first.messages(false);
    assert!(!messages.contains("[internal]"), "{messages}");
    let Some(object) = first.output else {
        assert!(!messages.is_empty(), "refused without a word");
        return;
    };
    let contents = elf::read(&object).unwrap_or_else(|e| panic!("{e}"));
    assert!(contents.manifest.is_some() && !contents.programs.is_empty());
    assert!(once().output.as_deref() == Some(object.as_slice()), "a second compile differs");
});
