//! A run that is told to end does so within a second, whatever waits.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::{Duration, Instant};

mod support;

use support::{text, tracer, unfit};

/// What the issue allows, and what a loaded machine may need to end all processes.
const SOON: Duration = Duration::from_millis(2000);

/// Sends Ctrl-C when the script has run for a second; what it printed, and how long it went on.
fn interrupted(script: &str, signal: i32) -> (String, String, Duration) {
    let mut tracer = tracer(&["--unsafe", "-q", "-e", script]).spawn().expect("btc runs");
    let mut messages = tracer.stderr.take().expect("a pipe");
    let mut out = BufReader::new(tracer.stdout.take().expect("a pipe"));
    let mut printed = String::new();
    out.read_line(&mut printed).expect("it begins");
    let reader = std::thread::spawn(move || {
        let mut rest = Vec::new();
        out.read_to_end(&mut rest).expect("it prints");
        rest
    });
    std::thread::sleep(Duration::from_secs(1));
    let start = Instant::now();
    // SAFETY: plain numbers; the tracer is our own child, not waited for yet.
    unsafe { libc::kill(tracer.id() as libc::pid_t, signal) };
    tracer.wait().expect("it ends");
    let took = start.elapsed();
    printed += &text(&reader.join().expect("read"));
    let mut said = String::new();
    messages.read_to_string(&mut said).expect("it tells");
    (printed, said, took)
}

#[test]
fn a_backlog_does_not_keep_the_end_waiting() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("ending.txt");
    std::fs::write(&file, "x".repeat(9000)).expect("a file");
    let backlogs = [
        "system(\"true\");".to_string(),
        "system(\"sleep 30\");".to_string(),
        "system(\"exec >&-; sleep 30\");".to_string(),
        "system(\"sleep 30 &\");".to_string(),
        "system(\"sleep 30; true\"); system(\"trap '' TERM; sleep 30\");".to_string(),
        format!("cat(\"{}\"); system(\"true\");", file.display()),
        "print(@many); system(\"true\");".to_string(),
    ];
    for backlog in backlogs {
        let script = format!(
            "BEGIN {{ print(\"begin\"); @many[0] = 1; @many[1] = 2; }}
             i:us:500 {{ {backlog} }} END {{ print(\"end\"); system(\"echo last\"); clear(@many); }}"
        );
        for signal in [libc::SIGINT, libc::SIGTERM] {
            let (printed, said, took) = interrupted(&script, signal);
            assert!(took < SOON, "{backlog} went on for {took:?}");
            assert!(printed.trim_end().ends_with("end\nlast"), "{backlog}\n{}\n{said}", printed.trim_end().lines().last().unwrap_or_default());
            assert!(said.contains("still waited when the run was told to end"), "{backlog}\n{said}");
        }
    }
}

/// A pipe that nobody reads and nobody opens for writing is no file to show.
#[test]
fn cat_does_not_wait_for_a_pipe() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let pipe = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("ending.pipe");
    let _ = std::fs::remove_file(&pipe);
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|s| s.success()), "mkfifo makes a pipe");
    let script = format!("BEGIN {{ print(\"begin\"); cat(\"{}\"); exit(); }}", pipe.display());
    let mut run = std::process::Command::new("timeout");
    let run = run.args(["5", env!("CARGO_BIN_EXE_btc"), "-q", "-e", &script]).stdin(Stdio::null()).output().expect("it runs");
    assert!(text(&run.stderr).contains("no regular file"), "{}", text(&run.stderr));
    assert_eq!(run.status.code(), Some(0));
}
