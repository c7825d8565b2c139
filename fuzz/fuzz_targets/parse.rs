//! Any text gives a syntax tree or a message that points into the text.
#![no_main]

use btc_driver::{Emit, NoFiles, Options, compile};
use btc_target::NoSource;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let options = Options { emit: Emit::Ast, ..Options::default() };
    let compilation = compile("fuzz.bt", text, &NoSource, &mut NoFiles, &options);
    for d in compilation.diagnostics.iter() {
        let (start, end) = (d.span.start as usize, d.span.end as usize);
        assert!(start <= end && end <= text.len(), "the place {start}..{end} is not in the text");
    }
    // Messages of any text can be drawn.
    let messages = compilation.messages(false);
    assert!(compilation.output.is_some() || !messages.is_empty(), "refused without a word");
});
