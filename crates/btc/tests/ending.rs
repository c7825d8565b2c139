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

/// Sends Ctrl-C after a second, and again after so many milliseconds; when it has ended, and how.
fn ends(mut tracer: std::process::Child, again: Option<u64>) -> (Duration, std::process::ExitStatus) {
    std::thread::sleep(Duration::from_secs(1));
    let start = Instant::now();
    // SAFETY: plain numbers; the tracer is our own child, not waited for yet.
    let interrupt = || unsafe { libc::kill(tracer.id() as libc::pid_t, libc::SIGINT) };
    interrupt();
    if let Some(later) = again {
        std::thread::sleep(Duration::from_millis(later));
        interrupt();
    }
    loop {
        if let Some(status) = tracer.try_wait().expect("ours") {
            return (start.elapsed(), status);
        }
        if start.elapsed() > Duration::from_secs(6) {
            let _ = tracer.kill();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whatever it waits for: nobody reads its output, its errors, or the pipe that is its output file.
#[test]
fn what_never_comes_does_not_keep_the_end_waiting() {
    use std::os::unix::process::ExitStatusExt;
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let pipe = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("ending.output");
    let _ = std::fs::remove_file(&pipe);
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|s| s.success()), "mkfifo makes a pipe");
    let long = "x".repeat(180);
    let output = format!("i:us:500 {{ printf(\"{long}\\n\"); }} END {{ printf(\"end\"); }}");
    let errors = format!("i:us:500 {{ errorf(\"{long}\"); }} END {{ errorf(\"end\"); }}");
    let file = pipe.to_str().expect("a name");
    let cases: [(&str, Vec<&str>); 3] = [
        ("output", vec!["-q", "-e", &output]),
        ("errors", vec!["-q", "-e", &errors]),
        ("an output file", vec!["-q", "-o", file, "-e", &output]),
    ];
    for (what, args) in &cases {
        let (took, _) = ends(tracer(args).spawn().expect("btc runs"), None);
        assert!(took < SOON, "{what}: {took:?}");
        let (took, status) = ends(tracer(args).spawn().expect("btc runs"), Some(200));
        assert!(took < Duration::from_millis(700), "{what}, twice: {took:?}");
        assert_eq!(status.signal(), Some(libc::SIGINT), "{what}: {status:?}");
    }
}

/// The symbols of a binary that holds whoever reads it.
#[test]
fn symbols_that_take_long_do_not_keep_the_end_waiting() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("ending.d");
    let _ = std::fs::create_dir(&folder);
    let (plain, linked, pipe, link) = (folder.join("plain"), folder.join("linked"), folder.join("pipe"), folder.join("link"));
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel/neighbour.c");
    let run = |command: &str| std::process::Command::new("sh").arg("-c").arg(command).current_dir(&folder).status().is_ok_and(|s| s.success());
    let _ = std::fs::remove_file(&pipe);
    std::fs::write(&link, b"pipe\0\x01\x02\x03\x04\x05\x06\x07\x08").expect("a file");
    assert!(run(&format!("cc -g -O2 -o plain {} && mkfifo pipe", source.display())), "{}", plain.display());
    if !run("objcopy --add-section .gnu_debugaltlink=link plain linked") {
        return println!("skipped: no objcopy");
    }
    let mut neighbour = std::process::Command::new(&linked).args(["60", "slow"]).spawn().expect("it starts");
    let script = format!("uprobe:{}:tick {{ print(ustack(1)); }}", linked.display());
    let pid = neighbour.id().to_string();
    let (took, _) = ends(tracer(&["-q", "-p", &pid, "-e", &script]).spawn().expect("btc runs"), None);
    let _ = neighbour.kill();
    let _ = neighbour.wait();
    assert!(took < SOON, "{took:?}");
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

/// What waited only because something else took its time is no backlog that keeps the end waiting.
#[test]
fn what_is_quickly_done_is_done_however_late_it_is() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let line = "x".repeat(200);
    let script = format!("BEGIN {{ for ($i : 0..800) {{ printf(\"{line}\\n\"); }} }}");
    let mut tracer = tracer(&["-q", "-e", &script]).spawn().expect("btc runs");
    // The pipe is full.
    std::thread::sleep(Duration::from_secs(1));
    // SAFETY: plain numbers; the tracer is our own child, not waited for yet.
    unsafe { libc::kill(tracer.id() as libc::pid_t, libc::SIGINT) };
    let mut out = tracer.stdout.take().expect("a pipe");
    let (mut printed, mut said, mut piece) = (String::new(), String::new(), [0; 4096]);
    loop {
        std::thread::sleep(Duration::from_millis(30));
        match out.read(&mut piece).expect("it prints") {
            0 => break,
            size => printed += &text(&piece[..size]),
        }
    }
    tracer.stderr.take().expect("a pipe").read_to_string(&mut said).expect("it tells");
    tracer.wait().expect("it ends");
    assert_eq!((printed.lines().filter(|l| *l == line).count(), said), (800, String::new()));
}
