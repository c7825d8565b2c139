//! No output takes the place of what was read for it, and an old file is what it was until a run has begun. Paths and
//! commands may be any bytes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

mod support;

use support::{text, unfit};

const SCRIPT: &str = "BEGIN { printf(\"new\\n\"); exit(); }";

/// A word that is no text.
fn word(bytes: &[u8], end: &str) -> OsString {
    OsStr::from_bytes(&[bytes, end.as_bytes()].concat()).to_os_string()
}

fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("outputs-{name}"));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

/// Runs the command in a folder with the words of a line, and then these.
fn btc(folder: &Path, line: &str, more: &[&OsStr]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_btc"));
    command.current_dir(folder).args(line.split(' ')).args(more).stdin(Stdio::null()).output().expect("btc runs")
}

#[test]
fn what_was_read_is_not_written() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let folder = folder("read");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel/named.c");
    let binary = folder.join("named");
    let built = Command::new("cc").args(["-g", "-O1", "-o"]).arg(&binary).arg(source).status();
    if !built.is_ok_and(|s| s.success()) {
        return println!("skipped: no C compiler");
    }
    std::fs::write(folder.join("functions"), "vfs_read\n").expect("a list");
    let path = binary.display();
    let probes = format!("uprobe:{path}:plain /pid == cpid/ {{ }} {SCRIPT}");
    let types = format!("uprobe:{path}:plain {{ print(args.pAAAAAAAAAAAAAAAAA); }}");
    for (line, script, file) in [
        ("compile -o named -e", &types, "named"),
        ("compile -o named -e", &probes, "named"),
        ("compile --emit asm -o named -e", &probes, "named"),
        ("run -o named -e", &probes, "named"),
        ("run --dry-run -o named -e", &probes, "named"),
        ("run -o named -c ./named -e", &SCRIPT.to_string(), "named"),
        ("run --traceable-functions functions -o functions -e", &SCRIPT.to_string(), "functions"),
    ] {
        let before = std::fs::read(folder.join(file)).expect("the file");
        let output = btc(&folder, line, &[script.as_ref()]);
        let message = text(&output.stderr);
        assert!(!output.status.success() && message.contains("was read for this: name another file"), "{line}: {message}");
        assert!(std::fs::read(folder.join(file)).expect("the file") == before, "{line}");
    }
}

#[test]
fn old_files_stay_until_a_run_begins() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let (folder, old) = (folder("old"), "old and longer\n");
    let file = folder.join("out.txt");
    let failing = format!("{SCRIPT} uprobe:/bin/sh:no_such_function {{ }}");
    for (line, script, left) in [
        ("run -q --dry-run -o out.txt -e", SCRIPT, old),
        ("run -q -o out.txt -e", &failing, old),
        ("run -q -o out.txt -e", SCRIPT, "new\n\n\n"),
        ("run -q -o out.txt -e", "BEGIN { exit(); }", "\n\n"),
    ] {
        std::fs::write(&file, old).expect("a file");
        let output = btc(&folder, line, &[script.as_ref()]);
        let now = std::fs::read_to_string(&file).expect("the file");
        assert_eq!(now, left, "{line} {script}: {}", text(&output.stderr));
    }
    btc(&folder, "run -q --dry-run -o none.txt -e", &[SCRIPT.as_ref()]);
    assert!(!folder.join("none.txt").exists(), "a dry run has no output");
}

/// A file with any name is the one that is named; what must be text and is none is told.
#[test]
fn paths_are_any_bytes() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let folder = folder("bytes");
    let name = |end: &str| word(b"x\xff", end);
    std::fs::create_dir(folder.join(name(".d"))).expect("a folder");
    let script = folder.join(name(".d")).join(name(".bt"));
    std::fs::write(&script, format!("#include \"a.h\"\nimport \"b.bt\";\n{SCRIPT}")).expect("a script");
    std::fs::write(script.with_file_name("a.h"), "#define ONE 1\n").expect("a header");
    std::fs::write(script.with_file_name("b.bt"), "macro two() { 2 }\n").expect("a script");
    let run = |line: &str, more: &[&OsStr]| {
        let output = btc(&folder, line, more);
        assert!(output.status.success(), "{line} {more:?}: {}", text(&output.stderr));
        output.stdout
    };
    assert!(text(&run("run -q", &[script.as_os_str()])).starts_with("new\n"));
    run("check", &[script.as_os_str()]);
    run("compile", &[script.as_os_str()]);
    let object = script.with_extension("o");
    assert!(object.is_file(), "its own name with another end");
    run("inspect", &[object.as_os_str()]);
    run("list", &[object.as_os_str()]);
    run("run -q -e", &[SCRIPT.as_ref(), "-o".as_ref(), &name(".txt")]);
    assert_eq!(std::fs::read_to_string(folder.join(name(".txt"))).expect("the output"), "new\n\n\n");
    let command = word(b"printf '%s' x\xff", "");
    let out = run("run -q -e", &["tracepoint:syscalls:sys_enter_getppid { exit(); }".as_ref(), "-c".as_ref(), &command]);
    assert!(out.starts_with(b"x\xff"), "{out:?}");
    for (line, more) in [
        ("run -q -e", vec![word(b"BEGIN { print(\"\xff\"); exit(); }", "")]),
        ("run -q -e", vec!["BEGIN { print(str($1)); exit(); }".into(), name("")]),
        ("list", vec![name("")]),
    ] {
        let output = btc(&folder, line, &more.iter().map(OsString::as_os_str).collect::<Vec<_>>());
        let message = text(&output.stderr);
        assert!(!output.status.success() && message.contains("UTF-8"), "{line} {more:?}: {message}");
    }
}
