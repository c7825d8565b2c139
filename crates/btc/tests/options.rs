//! Command lines: which words are options, which are the script's parameters, and what comes of nonsense.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

mod support;

use support::unfit;

const SCRIPT: &str = "BEGIN { print(($#, str($1), str($2), getopt(\"depth\", 5))); }";

/// A folder with the script, its object, and `bpftrace`, which is btc by another name.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("options").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    std::fs::write(folder.join("s.bt"), SCRIPT).expect("the script is written");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_btc"), folder.join("bpftrace")).expect("a link");
    let made = run(&folder, &["btc", "compile", "s.bt", "-o", "s.o"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    folder
}

fn run(folder: &Path, words: &[&str]) -> Output {
    let program = match words[0] {
        "btc" => PathBuf::from(env!("CARGO_BIN_EXE_btc")),
        name => folder.join(name),
    };
    Command::new(program).args(&words[1..]).current_dir(folder).output().expect("the program runs")
}

#[test]
fn options_stand_anywhere_before_the_end_of_options() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let folder = folder("anywhere");
    let cases: [(&[&str], &str); 9] = [
        (&["-q", "a", "b"], "(2, a, b, 5)"),
        (&["a", "-q", "b"], "(2, a, b, 5)"),
        (&["a", "b", "-q", "-c", "/bin/true"], "(2, a, b, 5)"),
        (&["-q", "-c", "/bin/true", "a"], "(1, a, , 5)"),
        (&["-q", "a", "--", "-q", "--depth=7"], "(2, a, -q, 7)"),
        (&["-q", "--", "-5", "-c"], "(2, -5, -c, 5)"),
        (&["-q", "--", "--depth=7", "b"], "(1, b, , 7)"),
        (&["-q", "--", "a", "--", "b"], "(3, a, --, 5)"),
        (&["a", "-o", "out", "-q"], ""),
    ];
    for (words, printed) in cases {
        let script = ["-e", SCRIPT];
        for first in [&["bpftrace", "s.bt"][..], &["bpftrace", script[0], script[1]], &["btc", "run", "s.o"], &["btc", "run", "s.bt"]] {
            let all = [first, words].concat();
            let output = run(&folder, &all);
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(text.trim(), printed, "{all:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert_eq!(std::fs::read_to_string(folder.join("out")).expect("-o writes it").trim(), "(1, a, , 5)");
    let help = run(&folder, &["btc", "run", "s.o", "--", "--help"]);
    assert!(String::from_utf8_lossy(&help.stdout).contains("--depth"), "{help:?}");
}

#[test]
fn nonsense_ends_with_1_as_in_bpftrace() {
    let folder = folder("nonsense");
    let cases: [&[&str]; 7] = [
        &["s.bt", "-5"],
        &["s.bt", "--nonsense"],
        &["s.bt", "-c"],
        &["s.bt", "-p", "1x"],
        &["s.bt", "-p", "1", "-c", "/bin/true"],
        &["s.bt", "-k", "--no-warnings"],
        &["--"],
    ];
    for words in cases {
        let output = run(&folder, &[&["bpftrace"], words].concat());
        assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{words:?} says why");
    }
}

/// Words and settings of any bytes, as a shell may hand them on.
#[test]
fn an_environment_of_any_bytes_is_no_panic() {
    use std::os::unix::ffi::OsStrExt;
    let bytes = std::ffi::OsStr::from_bytes(b"x\xc2y");
    for words in [["compile", "-e", "BEGIN { }", "--emit", "ast"], ["check", "-e", "BEGIN { }", "-q", "-v"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_btc"));
        let made = command.args(words).env("BPFTRACE_X", bytes).env(bytes, bytes).output().expect("it runs");
        let told = String::from_utf8_lossy(&made.stderr);
        assert!(!told.contains("panicked"), "{told}");
    }
}
