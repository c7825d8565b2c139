//! Types of a kernel that somebody else has written down (`--btf FILE`): every name can be asked for.
#![no_main]

use btc_driver::{NoFiles, Options, compile};
use btc_target::{Btf, Source, Tag};
use libfuzzer_sys::fuzz_target;

/// Names and questions of each kind at most, so that the time is the input's and not ours.
const MOST: usize = 64;

struct Given<'b>(&'b [u8]);

impl Source for Given<'_> {
    fn tracepoint_format(&self, _: &str, _: &str) -> Option<String> {
        None
    }
    fn tracepoints(&self) -> Option<Vec<(String, String)>> {
        None
    }
    fn functions(&self) -> Option<Vec<(String, String)>> {
        None
    }
    fn btf(&self) -> Option<btf_rs::Btf> {
        btf_rs::Btf::from_bytes(self.0).ok()
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(raw) = btf_rs::Btf::from_bytes(bytes) {
        let btf = Btf::new(raw);
        let records = btf.record_names();
        for name in records.iter().take(MOST) {
            for union in [false, true] {
                if let Some(layout) = btf.record(name, union) {
                    let _ = btf.layout(&layout.ty);
                }
            }
            let _ = btf.spelled_members(name);
        }
        for name in btf.function_names().iter().take(MOST) {
            let _ = (btf.function(name), btf.spelled_function(name));
        }
        for name in btf.typedef_names("").iter().take(MOST) {
            let _ = (btf.named(name), btf.typedef_prototype(name));
        }
        for tag in ["struct", "union", "enum"].into_iter().filter_map(Tag::named) {
            for (_, id) in btf.tags(tag).iter().take(MOST) {
                let _ = (btf.definition(*id), btf.type_of(*id));
            }
        }
        let script = records.first().map_or(String::new(), |name| format!("BEGIN {{ @ = *({name} *)0; print(sizeof({name})); }}"));
        let compiled = compile("fuzz.bt", &script, &Given(bytes), &mut NoFiles, &Options::default());
        let messages = compiled.messages(false);
        assert!(!messages.contains("[internal]"), "{messages}");
    }
    let Some(types) = btc_runtime::Types::parse(bytes) else { return };
    let _ = (types.function("f"), types.callback("t"));
});
