//! Every error and warning as its reader sees it. A file is named after the code that it
//! must produce, with an optional detail behind a dot.

use std::collections::HashSet;

use btc_diagnostics::ALL_CODES;
use btc_driver::Emit;
use btc_testing::{check_dir, testdata};

use crate::support::compile_to;

/// Codes that no script brings about, with the reason.
const UNREACHABLE: &[(&str, &str)] =
    &[("internal", "it tells of a mistake of the compiler; a script that causes it is a bug to fix")];

/// Files whose script is refused for more than one reason, which are independent.
const SEVERAL: &[&str] = &["out-of-range.string-index", "unknown-variable.untyped", "wrong-type.narrowing"];

#[test]
fn rendered() {
    check_dir("errors", |case| {
        let compilation = compile_to(case, Emit::Object);
        let wanted = case.stem.split('.').next().unwrap_or_default();
        let codes: Vec<&str> = compilation.diagnostics.iter().map(|d| d.code.name()).collect();
        assert!(codes.contains(&wanted), "{}: {codes:?}\n{}", case.file, compilation.messages(false));
        let single = codes.len() == 1 || SEVERAL.contains(&case.stem.as_str());
        assert!(single, "{}: {codes:?}: one mistake gives one message\n{}", case.file, compilation.messages(false));
        compilation.messages(false)
    });
}

#[test]
fn every_code_has_a_file() {
    let entries = std::fs::read_dir(testdata("errors")).expect("the folder can be read");
    let files: HashSet<String> = entries
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.split('.').next().map(str::to_string))
        .collect();
    let known: HashSet<&str> = ALL_CODES.iter().map(|c| c.name()).collect();
    let missing: Vec<&str> = ALL_CODES
        .iter()
        .map(|c| c.name())
        .filter(|name| !files.contains(*name) && UNREACHABLE.iter().all(|(n, _)| n != name))
        .collect();
    assert!(missing.is_empty(), "codes without a file: {}", missing.join(", "));
    let strange: Vec<&String> = files.iter().filter(|f| !known.contains(f.as_str())).collect();
    assert!(strange.is_empty(), "files that name no code: {strange:?}");
    let stale: Vec<_> = UNREACHABLE.iter().filter(|(n, why)| files.contains(*n) || why.is_empty()).collect();
    assert!(stale.is_empty(), "{stale:?}");
}
