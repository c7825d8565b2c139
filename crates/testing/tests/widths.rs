//! Numbers in the records of tracepoints are as wide on the target as its `format` file says: a program that takes one for
//! 8 bytes with a sign is told how many bits count, for it may have fewer.

use btc_abi::{ArgumentPart, Typed};
use btc_driver::{Emit, NoFiles, Options, compile};
use btc_runtime::{Kernel, Types, arguments};
use btc_target::Source;

/// A kernel with the tracepoints `a:*`, as `event, field's type, offset, size, sign`.
struct Events(&'static [(&'static str, &'static str, u32, u32, u8)]);

impl Events {
    fn text(&self, event: &str) -> Option<String> {
        let (_, ty, offset, size, signed) = self.0.iter().find(|(e, ..)| *e == event)?;
        Some(format!("\tfield:{ty} n;\toffset:{offset};\tsize:{size};\tsigned:{signed};\n"))
    }
}

impl Source for Events {
    fn tracepoint_format(&self, _: &str, event: &str) -> Option<String> {
        self.text(event)
    }
    fn tracepoints(&self) -> Option<Vec<(String, String)>> {
        Some(self.0.iter().map(|(event, ..)| ("a".to_string(), event.to_string())).collect())
    }
    fn functions(&self) -> Option<Vec<(String, String)>> {
        None
    }
    fn btf(&self) -> Option<btf_rs::Btf> {
        None
    }
}

impl Kernel for Events {
    fn types(&self, _: &str, _: &mut dyn FnMut(&Types)) {}
    fn modules(&self) -> Vec<String> {
        Vec::new()
    }
    fn format(&self, _: &str, event: &str) -> Option<String> {
        self.text(event)
    }
}

/// What an object that prints `args.n` reads on a kernel: which parts of the place it asks for, and the place.
fn read(from: &Events, to: &Events, probe: &str) -> Vec<(ArgumentPart, Result<(u8, bool), String>)> {
    let options = Options { emit: Emit::Object, ..Options::default() };
    let done = compile("all.bt", &format!("{probe} {{ print(args.n); }}"), from, &mut NoFiles, &options);
    let messages = done.messages(false);
    let object = done.output.expect(&messages);
    let all = arguments(&object, to).expect("the object has a manifest");
    assert!(all.iter().all(|a| matches!(&a.of, Typed::Tracepoint { category, .. } if category == "a")));
    all.into_iter().map(|a| (a.part, a.bound.map(|b| (b.bits, b.signed)))).collect()
}

#[test]
fn what_is_smaller_there_keeps_its_sign() {
    for (ty, size) in [("short", 2), ("int", 4), ("long", 8)] {
        let from = Events(&[("x", "long", 8, 8, 1)]);
        let to = Events(Box::leak(Box::new([("x", ty, 16, size, 1)])));
        let parts = read(&from, &to, "tracepoint:a:x");
        let wanted = Ok((8 * size as u8, true));
        assert!(parts.contains(&(ArgumentPart::Offset, wanted.clone())), "{parts:?}");
        assert!(parts.contains(&(ArgumentPart::Extend, wanted)), "{parts:?}");
    }
}

/// A wildcard's program has room for the numbers of all events that it matches.
#[test]
fn numbers_of_a_wildcard_are_those_of_the_widest_event() {
    let u = |ty, size| ("u", ty, 8, size, 0);
    for (events, fits) in [
        ([u("u8", 1), ("v", "u64", 8, 8, 0)], "v"),
        ([u("u32", 4), ("v", "int", 8, 4, 1)], "v"),
        ([u("long", 8), ("v", "u8", 8, 1, 0)], "v"),
        ([u("u16", 2), ("v", "s64", 8, 8, 1)], "v"),
    ] {
        let kernel = Events(Box::leak(Box::new(events)));
        // The program is bound to the first; that it can be to the other tells a kernel where the first is like the other.
        let other = kernel.0.iter().find(|(e, ..)| *e == fits).expect("there is one");
        let like = Events(Box::leak(Box::new([("u", other.1, 8, other.3, other.4)])));
        for to in [&kernel, &like] {
            let parts = read(&kernel, to, "tracepoint:a:*");
            assert!(!parts.is_empty() && parts.iter().all(|(_, bound)| bound.is_ok()), "{events:?}: {parts:?}");
        }
    }
}
