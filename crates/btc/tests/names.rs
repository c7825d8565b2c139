//! Names in binaries of others, in listings and in messages: a terminal obeys none of them, and none begins a line.

use std::path::{Path, PathBuf};
use std::process::Command;

mod support;

use support::{btc, on_terminal, text, unfit};

/// What stands behind the first letter of a name.
const EVIL: &str = "\u{1b}[31m\nERROR: bad.";
/// The same as it is to be seen.
const SEEN: &str = "\\x1b[31m\\x0aERROR: bad.";

/// A program with such names; `None` without a compiler.
fn program() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel/named.c");
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("named");
    let built = Command::new("cc").args(["-g", "-O1", "-o"]).arg(&program).arg(source).status().ok()?;
    assert!(built.success(), "cc builds the program");
    let mut bytes = std::fs::read(&program).expect("the program");
    let plain = "A".repeat(EVIL.len());
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(plain.as_bytes())).collect();
    places.iter().for_each(|at| bytes[*at..*at + EVIL.len()].copy_from_slice(EVIL.as_bytes()));
    std::fs::write(&program, bytes).expect("the program");
    Some(program)
}

#[test]
fn names_of_binaries_command_no_terminal_and_forge_no_message() {
    let Some(program) = program() else { return println!("skipped: no C compiler") };
    let program = program.display();
    for (pattern, name) in [
        (format!("uprobe:{program}:f*bad."), format!("uprobe:{program}:f{SEEN}")),
        (format!("uprobe:{program}:plain"), format!("uprobe:{program}:plain\n    int p{SEEN}")),
        (format!("usdt:{program}:*"), format!("usdt:{program}:demo:n{SEEN}")),
    ] {
        let shown = text(&on_terminal(&["list", "-v", &pattern])).replace("\r\n", "\n");
        assert!(shown.starts_with(&format!("{name}\n")), "{shown:?}");
        let shown = text(&on_terminal(&["-lv", &pattern])).replace("\r\n", "\n");
        assert!(shown.starts_with(&format!("{name}\n")), "{shown:?}");
    }
    // Who wants the bytes takes them from a pipe, as in bpftrace.
    assert!(text(&btc(&["list", &format!("usdt:{program}:*")]).stdout).contains(EVIL));
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    for (script, name) in [
        (format!("uprobe:{program}:plain {{ print(args.n); }}"), format!("its arguments are `p{SEEN}`")),
        (format!("uprobe:{program}:f*bad.+1 {{ print(1); }}"), format!("f{SEEN}+1 is in the middle of an instruction")),
    ] {
        let output = btc(&["run", "--dry-run", "-e", &script]);
        let messages = text(&output.stderr);
        assert!(!output.status.success() && messages.contains(&name), "{messages}");
        assert!(!messages.lines().any(|line| line.starts_with("ERROR: bad.")), "{messages}");
    }
}
