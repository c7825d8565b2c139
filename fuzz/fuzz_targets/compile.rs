//! What the compiler accepts becomes an object that it can read again, and the same object
//! at a second compile; what it refuses gets a message, never one about the compiler itself.
#![no_main]

use btc_driver::{NoFiles, Options, compile, elf};
use btc_fuzz::kernel::Kernel;
use libfuzzer_sys::fuzz_target;

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
