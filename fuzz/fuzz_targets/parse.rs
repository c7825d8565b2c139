//! Any text gives a syntax tree or a message that points into the text.
#![no_main]

use btc_driver::{Emit, Files, Header, Includes, Options, compile};
use btc_target::NoSource;
use libfuzzer_sys::fuzz_target;

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
