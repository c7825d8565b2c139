//! Outputs that nobody takes: no panic, and no success that was none.

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{ExitStatus, Stdio};

use support::{text, tracer, unfit};

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").expect("/dev/full").into()
}

/// Runs with a full standard output, and with a closed one; the exit code and what was said, which must not differ but for the reason.
fn without_output(args: &[&str]) -> (Option<i32>, String) {
    let output = tracer(args).stdout(full()).output().expect("btc runs");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "exec \"$@\" >&-", "sh", env!("CARGO_BIN_EXE_btc")]).args(args);
    let closed = shell.output().expect("a shell runs");
    assert_eq!(closed.status.code(), output.status.code(), "{args:?}: {}", text(&closed.stderr));
    assert!(text(&closed.stderr).contains("ad file descriptor") || output.status.code() != Some(1), "{args:?}: {}", text(&closed.stderr));
    (output.status.code(), text(&output.stderr))
}

fn without_messages(args: &[&str]) -> ExitStatus {
    tracer(args).stderr(full()).stdout(Stdio::null()).status().expect("btc runs")
}

/// A script of the folder for what tests write.
fn file(name: &str, content: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).expect("a file");
    path.display().to_string()
}

#[test]
fn messages_that_cannot_be_written_are_left_out() {
    let wrong = file("full_wrong.bt", "BEGIN { nonsense }");
    for args in [
        &["-e", "BEGIN { nonsense }"][..],
        &["check", &wrong],
        &["run", "/no/such/file"],
        &["inspect", &wrong],
        &["--no-such-option"],
        &["compile", "-e", "BEGIN { 1 +", "-o", "/dev/null"],
    ] {
        assert_eq!(without_messages(args).code(), Some(1), "{args:?}");
    }
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = file("full_lines.bt", "");
    for (code, args) in [
        (0, &["-e", "BEGIN { exit(); }"][..]),
        (3, &["-e", "BEGIN { warnf(\"w\"); errorf(\"e\"); exit(3); }"]),
        (0, &["-v", "-e", "BEGIN { exit(); }"]),
        (0, &["-e", "BEGIN { @[cpid] = $1; exit(); } interval:ms:1 { print(1); }"]),
        (1, &["-e", "uprobe:/no/such/file:f { }"]),
        (1, &["-e", &format!("uprobe:{path}:f {{ }}")]),
        (0, &["-e", "config = { missing_probes = warn } BEGIN { exit(); } uprobe:/no/such/file:f { }"]),
        (0, &["--unsafe", "-e", "BEGIN { cat(\"/no/such/file\"); exit(); }"]),
    ] {
        assert_eq!(without_messages(args).code(), Some(code), "{args:?}");
    }
}

#[test]
fn results_that_cannot_be_written_are_a_failure() {
    let script = file("full_script.bt", "BEGIN { printf(\"%d\\n\", $1); exit(0); }");
    let object = file("full_script.o", "");
    assert!(tracer(&["compile", &script, "-o", &object]).status().is_ok_and(|s| s.success()));
    for args in [
        &["compile", "-e", "BEGIN { exit(); }", "-o", "-"][..],
        &["compile", "-e", "BEGIN { exit(); }", "--emit", "asm"],
        &["inspect", &object],
        &["inspect", "--json", &object],
        &["fmt", &script],
        &["completion", "bash"],
        &["man"],
        &["info"],
        &["list", "interval:*"],
        &["--help"],
        &["-V"],
        &["compile", "--help"],
        &["-q", "--version"],
    ] {
        let (code, said) = without_output(args);
        assert!(code == Some(1) && said.contains("ERROR"), "{args:?}: {code:?} {said}");
    }
}

#[test]
fn a_trace_without_its_output_fails() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let many = "BEGIN { print(1); } interval:ms:5 { print(2); } interval:ms:200 { exit(); }";
    let scripts = ["BEGIN { print(1); exit(); }", "BEGIN { print(1); exit(0); }", "BEGIN { @ = 1; exit(); }", "END { print(1); } BEGIN { exit(); }", many];
    for script in scripts {
        for more in [&[][..], &["-B", "none"], &["-B", "full"], &["-f", "json"]] {
            let (code, said) = without_output(&[&["-q", "-e", script], more].concat());
            assert!(code == Some(1) && said.contains("output was lost"), "{script} {more:?}: {code:?} {said}");
        }
        let output = tracer(&["-q", "-o", "/dev/full", "-e", script]).output().expect("btc runs");
        assert!(output.status.code() == Some(1), "{script}: {}", text(&output.stderr));
    }
    // The script's own code tells more.
    assert_eq!(without_output(&["-q", "-e", "BEGIN { print(1); exit(5); }"]).0, Some(5));
}

/// `btc … | head -1`
#[test]
fn a_closed_pipe_ends_a_trace_quietly() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let mut tracer = tracer(&["-q", "-e", "interval:ms:1 { print(1); }"]).spawn().expect("btc runs");
    let mut line = String::new();
    BufReader::new(tracer.stdout.take().expect("a pipe")).read_line(&mut line).expect("it prints");
    let output = tracer.wait_with_output().expect("it ends");
    assert_eq!(text(&output.stderr), "");
    assert!(output.status.success(), "{:?}", output.status);
}
