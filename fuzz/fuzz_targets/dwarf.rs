//! Debug information that somebody else has made: functions, records, enums and lines are found or refused.
#![no_main]

use btc_dwarf::{DebugInfo, Line, SECTIONS};
use btc_target::{Sections, UserTypes};
use libfuzzer_sys::fuzz_target;
use object::{Object, ObjectSection};

/// Names of testdata/target/user/user.c, from which the seeds are made, and others that are common.
const NAMES: &[&str] = &["main", "point", "shape", "color", "add", "node", "list", "value", "pair", "u32", "int", "T", "S"];

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = object::File::parse(bytes) else { return };
    let contents = |name: &&str| Some((name.to_string(), file.section_by_name(name)?.data().ok()?.to_vec()));
    let sections = || Sections { machine: 62, contents: SECTIONS.iter().filter_map(contents).collect() };
    if let Ok(info) = DebugInfo::new(sections()) {
        let _ = info.addresses(&Line { file: "user.c", line: 12, column: 0 });
        let _ = info.addresses(&Line { file: "user.c", line: 20, column: 3 });
    }
    let Ok(types) = UserTypes::new("binary", sections()) else { return };
    for name in NAMES {
        let _ = types.parameters(name);
        let _ = types.enumeration(name);
        let _ = types.named(name);
        for union in [false, true] {
            if let Some(record) = types.record(name, union) {
                let _ = types.layout(&record);
            }
        }
    }
});
