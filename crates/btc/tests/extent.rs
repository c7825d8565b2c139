//! What `-p` and `-c` leave out: two processes do the same, one of them is counted. All that is attached looks at
//! processes that the test started.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

mod support;

use support::{btc, text, tracer, unfit};

/// Rounds of each thread.
const ROUNDS: u64 = 20;
/// Two threads are there when the tracer attaches, one comes later.
const ALL: u64 = 3 * ROUNDS;

/// What must be counted.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    Exactly(u64),
    AtLeast(u64),
}

const OWN: &str = "{ if (pid == cpid) { @own = count(); } else { @other = count(); } }";

/// The program of both; `name` keeps the tests apart.
fn twin(name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel/twin.c");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let flags = ["-O1", "-fno-inline", "-fno-pie", "-no-pie", "-pthread", "-o"];
    let built = Command::new("cc").args(flags).arg(&program).arg(source).status();
    assert!(built.is_ok_and(|s| s.success()), "cc builds the program");
    program
}

/// A process that waits with its threads there, and the addresses of its cell and of marked().
fn waiting(program: &Path) -> (Child, String, String) {
    let mut process = Command::new(program)
        .args([&ROUNDS.to_string(), "wait"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut line = String::new();
    BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("it tells");
    let (cell, marked) = line.trim().split_once(' ').expect("two addresses");
    (process, cell.to_string(), marked.to_string())
}

fn go(process: &Child) {
    // SAFETY: plain numbers; the process is our own child, not waited for yet.
    unsafe { libc::kill(process.id() as libc::pid_t, libc::SIGUSR1) };
}

/// Starts a tracer and waits until it has attached; what it printed, when the process has ended.
fn traced(args: &[&str], both: [Child; 2]) -> String {
    let mut tracer = tracer(args).spawn().expect("btc runs");
    let mut messages = BufReader::new(tracer.stderr.take().expect("a pipe"));
    let (mut line, mut all) = (String::new(), String::new());
    while messages.read_line(&mut line).is_ok_and(|n| n > 0) && !line.starts_with("Attached") {
        all += &std::mem::take(&mut line);
    }
    for mut process in both {
        go(&process);
        process.wait().expect("it ends");
    }
    let output = tracer.wait_with_output().expect("it ends");
    let _ = messages.read_to_string(&mut all);
    text(&output.stdout) + &all
}

fn judge(what: &str, wanted: Wanted, printed: &str) {
    let number = |name: &str| printed.lines().find_map(|l| l.strip_prefix(name)?.parse::<u64>().ok()).unwrap_or(0);
    let (own, other) = (number("@own: "), number("@other: "));
    assert_eq!(other, 0, "{what}: the other process was counted\n{printed}");
    match wanted {
        Wanted::Exactly(n) => assert_eq!(own, n, "{what}\n{printed}"),
        Wanted::AtLeast(n) => assert!(own >= n, "{what}: {own}, not {n}\n{printed}"),
    }
}

/// The kinds that this kernel runs; testdata/guest/extent.sh has the others.
#[test]
fn only_the_process_is_counted() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let program = twin("twin");
    let path = program.display();
    let getppid = libc::SYS_getppid;
    let kinds = [
        (Wanted::Exactly(ALL), "tracepoint:syscalls:sys_enter_getppid".to_string()),
        (Wanted::AtLeast(ALL), "tracepoint:syscalls:sys_enter_get*".to_string()),
        (Wanted::Exactly(ALL), format!("rawtracepoint:sys_enter /arg1 == {getppid}/")),
        (Wanted::AtLeast(5), "profile:hz:99".to_string()),
        (Wanted::AtLeast(ALL), "software:page-faults:1".to_string()),
        (Wanted::AtLeast(ALL), "software:context-switches:1".to_string()),
        (Wanted::AtLeast(5), "software:cpu-clock:10000000".to_string()),
        (Wanted::Exactly(ALL), "watchpoint:CELL:8:w".to_string()),
        (Wanted::Exactly(ALL), "watchpoint:MARKED:1:x".to_string()),
        (Wanted::Exactly(ALL), format!("uprobe:{path}:marked")),
        (Wanted::Exactly(ALL), format!("uretprobe:{path}:marked")),
        (Wanted::AtLeast(ALL), format!("uprobe:{path}:marke*,uprobe:{path}:mai*")),
        (Wanted::Exactly(ALL), format!("usdt:{path}:twin:fired")),
    ];
    for (wanted, probe) in kinds {
        let ((first, cell, marked), (second, ..)) = (waiting(&program), waiting(&program));
        let script = format!("{probe} {OWN}").replace("CELL", &cell).replace("MARKED", &marked);
        let pid = first.id().to_string();
        judge(&probe, wanted, &traced(&["-p", &pid, "-e", &script], [first, second]));
        // The command's twin works while the command does.
        let (mut second, ..) = waiting(&program);
        go(&second);
        let output = btc(&["-c", &format!("{path} {ROUNDS}"), "-e", &script]);
        second.wait().expect("it ends");
        judge(&format!("{probe} with -c"), wanted, &(text(&output.stdout) + &text(&output.stderr)));
    }
}

/// An object is told when it is loaded; without a process it counts all, and timers have none.
#[test]
fn objects_are_told_of_the_process() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let program = twin("twin-object");
    let object = Path::new(env!("CARGO_TARGET_TMPDIR")).join("extent.o").display().to_string();
    let script = format!(
        "tracepoint:syscalls:sys_enter_getppid /comm == \"twin-object\"/ {OWN}
         interval:ms:10 {{ @ticks = count(); }} BEGIN {{ @begin = 1; }} END {{ @end = 1; }}"
    );
    let compiled = btc(&["compile", "-e", &script, "-o", &object]);
    assert!(compiled.status.success(), "{}", text(&compiled.stderr));
    let ((first, ..), (second, ..)) = (waiting(&program), waiting(&program));
    let pid = first.id().to_string();
    let printed = traced(&["run", &object, "-p", &pid], [first, second]);
    judge("an object", Wanted::Exactly(ALL), &printed);
    for name in ["@ticks: ", "@begin: 1", "@end: 1"] {
        assert!(printed.contains(name), "{name}\n{printed}");
    }
}

/// Counters are opened for the command alone; what descends from it has them by inheritance.
#[test]
fn counters_see_the_children_of_a_command() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let program = twin("twin_children");
    let command = format!("sh -c '{} {ROUNDS}; true'", program.display());
    for probe in ["software:page-faults:1", "software:task-clock:100000", "profile:hz:999"] {
        let script = format!("{probe} /pid != cpid/ {{ @own = count(); }} {probe} {{ @all = count(); }}");
        let output = btc(&["-q", "-c", &command, "-e", &script]);
        let printed = text(&output.stdout);
        assert!(printed.contains("@all: ") && printed.contains("@own: "), "{probe}: {printed}{}", text(&output.stderr));
    }
}
