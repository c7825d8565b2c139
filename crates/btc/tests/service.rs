//! btc as a service: what it may do and gives up, what it tells its manager, what `-k` tells of reads.
//!
//! All that is attached looks at processes that the test started. Where the machine lacks something, a
//! test says `skipped: reason`.

use std::io::{BufRead, BufReader};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

mod support;

use support::{load, text, tracer, unfit};

/// Numbers of capabilities (kernel: include/uapi/linux/capability.h).
const PERFMON: u32 = 38;
const BPF: u32 = 39;
/// What a run keeps: reading others' files and processes, ending the child, addresses, events, maps, checkpoints.
const KEPT: u64 = 1 << 2 | 1 << 5 | 1 << 19 | 1 << 34 | 1 << 38 | 1 << 39 | 1 << 40;

/// Root with these capabilities and no others: what is dropped from the bounding set, `exec` does not give.
fn only(command: &mut Command, kept: &'static [u32]) {
    let drop_rest = move || {
        for capability in (0..=63).filter(|n| !kept.contains(n)) {
            // SAFETY: plain numbers. Those that the kernel does not know are refused, and there is none to drop.
            unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) };
        }
        Ok(())
    };
    // SAFETY: prctl may be called between fork and exec.
    unsafe { command.pre_exec(drop_rest) };
}

const SCRIPT: &str = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @ = count(); }";

#[test]
fn two_capabilities_are_enough() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let mut command = tracer(&["-e", SCRIPT, "-c", &load("service_two", 10, 0)]);
    only(&mut command, &[BPF, PERFMON]);
    let output = command.output().expect("btc runs");
    assert!(text(&output.stdout).contains("@: 10"), "{}", text(&output.stderr));
}

#[test]
fn a_missing_capability_is_named() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let cases: [(&'static [u32], &str); 3] =
        [(&[], "CAP_BPF and CAP_PERFMON"), (&[BPF], "needs CAP_PERFMON"), (&[PERFMON], "needs CAP_BPF")];
    for (kept, named) in cases {
        let mut command = tracer(&["-e", SCRIPT, "-c", &load("service_none", 10, 0)]);
        only(&mut command, kept);
        let output = command.output().expect("btc runs");
        let messages = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{messages}");
        assert_eq!(messages.lines().filter(|l| !l.is_empty()).count(), 1, "{messages}");
        assert!(messages.contains(named), "{messages}");
    }
}

/// The capabilities in force of a tracer whose probes fire, and before: those of the test.
fn capabilities(more: &[&str], name: &str) -> (u64, u64) {
    let of = |pid: &str| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
        let line = status.lines().find_map(|l| l.strip_prefix("CapEff:")).expect("its capabilities");
        u64::from_str_radix(line.trim(), 16).expect("a number")
    };
    let script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { printf(\"hit\\n\"); }";
    let load = load(name, 1_000_000, 1000);
    let mut process = tracer(&[more, &["-e", script, "-c", &load]].concat()).spawn().expect("btc runs");
    let mut pipe = BufReader::new(process.stdout.take().expect("a pipe"));
    let mut line = String::new();
    while line != "hit\n" {
        line.clear();
        assert!(pipe.read_line(&mut line).expect("it can be read") > 0, "the tracer prints");
    }
    let found = of(&process.id().to_string());
    process.kill().expect("it is killed");
    process.wait().expect("it ends");
    (of("self"), found)
}

#[test]
fn what_is_not_needed_is_given_up() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let (before, after) = capabilities(&[], "service_drop");
    assert_ne!(before & !KEPT, 0, "the test has nothing that could be given up");
    assert_eq!(after, before & KEPT, "{after:x}");
    // Commands of the script are the user's own business.
    let (before, after) = capabilities(&["--unsafe"], "service_keep");
    assert_eq!(after, before, "{after:x}");
}

/// What a manager hears that listens at this socket.
fn heard(socket: &UnixDatagram, name: &str) -> Vec<String> {
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a time limit");
    let output = tracer(&["-e", SCRIPT, "-c", &load("service_heard", 10, 0)])
        .env("NOTIFY_SOCKET", name)
        .output()
        .expect("btc runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut buffer = [0; 64];
    (0..2).filter_map(|_| socket.recv(&mut buffer).ok().map(|n| text(&buffer[..n]))).collect()
}

#[test]
fn the_manager_is_told() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("notify");
    let _ = std::fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path).expect("a socket");
    assert_eq!(heard(&socket, &path.display().to_string()), ["READY=1", "STOPPING=1"]);
    let name = format!("btc-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let socket = UnixDatagram::bind_addr(&address).expect("a socket");
    assert_eq!(heard(&socket, &format!("@{name}")), ["READY=1", "STOPPING=1"]);
    // One that is gone does no harm.
    drop(socket);
    let output = tracer(&["-e", "BEGIN { }"]).env("NOTIFY_SOCKET", format!("@{name}")).output().expect("btc runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// Failed reads are told in sum at the end; with `-k` also when they happen.
#[test]
fn failed_reads_are_told_at_once_if_asked_for() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let script = "interval:ms:50 { print(*(uint8 *)0 < 256); @n++; if (@n == 4) { exit(); } }";
    let told = |more: &[&str]| {
        let output = tracer(&[more, &["-e", script]].concat()).output().expect("btc runs");
        let messages = text(&output.stderr);
        let lines = messages.lines().filter(|l| l.contains("memory could not be read")).map(str::to_string);
        lines.collect::<Vec<_>>()
    };
    let (usual, more) = (told(&[]), told(&["-k"]));
    assert!(usual.len() == 1 && usual[0].contains("4 times"), "{usual:?}");
    assert!(more.len() > 2 && more[0].contains("once") && more.contains(&usual[0]), "{more:?}");
}
