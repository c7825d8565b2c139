//! What goes wrong around a tracer: the traced process dies, its file goes, nobody reads, nothing is
//! left to open. Nothing may hang, nothing may stay in the kernel, and what is lost is told.
//!
//! All that is attached looks at processes that the test started. Where the machine lacks something, a
//! test says `skipped: reason`.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

mod support;

use support::{load, lost, program, text, tracer, unfit_to_look};

/// Longest wait for an end that must come by itself.
const PATIENCE: Duration = Duration::from_secs(20);

fn signal(process: &Child, number: i32) {
    // SAFETY: plain numbers; the process is not reaped yet, so its number is its own.
    assert_eq!(unsafe { libc::kill(process.id() as i32, number) }, 0, "the tracer is there");
}

/// Waits for an end by itself; a tracer that hangs is killed and the test fails.
fn end(mut process: Child) -> Output {
    let start = Instant::now();
    // Read beside, so that full pipes do not stop it.
    let mut pipes: [Option<Box<dyn Read + Send>>; 2] = [
        process.stdout.take().map(|p| Box::new(p) as Box<dyn Read + Send>),
        process.stderr.take().map(|p| Box::new(p) as Box<dyn Read + Send>),
    ];
    let readers = pipes.each_mut().map(|pipe| {
        let pipe = pipe.take();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.map(|mut p| p.read_to_end(&mut bytes));
            bytes
        })
    });
    let status = loop {
        if let Some(status) = process.try_wait().expect("it can be waited for") {
            break status;
        }
        if start.elapsed() > PATIENCE {
            let _ = process.kill();
            panic!("the tracer hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let [stdout, stderr] = readers.map(|r| r.join().expect("the reader ends"));
    Output { status, stdout, stderr }
}

/// No map of this name is in the kernel: it lives as long as a program that uses it, and that as long as
/// its links.
fn assert_gone(map: &str) {
    let all = || text(&Command::new("bpftool").args(["map", "show"]).output().expect("bpftool runs").stdout);
    for _ in 0..50 {
        if !all().contains(map) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{map} is still there:\n{}", all());
}

/// Waits for the first line that a probe prints; it is attached and works then.
fn first_line(process: &mut Child) -> BufReader<std::process::ChildStdout> {
    let mut pipe = BufReader::new(process.stdout.take().expect("a pipe"));
    let mut line = String::new();
    while !line.starts_with("hit ") {
        line.clear();
        assert!(pipe.read_line(&mut line).expect("it can be read") > 0, "the tracer prints");
    }
    pipe
}

/// The record of exit() finds no room in a full ring; the run ends all the same, with its code.
#[test]
fn exit_does_not_need_the_ring() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    let script = "let @fault_exit = hash(64);
        tracepoint:syscalls:sys_enter_getppid /pid == cpid/ {
            @fault_exit[0]++;
            printf(\"hit %d\\n\", pid);
            if (@fault_exit[0] == 100000) { exit(7); }
        }";
    // Left alone, the load would run for minutes.
    let mut process = tracer(&["-e", script, "-c", &load("fault_exit", 20_000_000, 100_000)])
        .env("BPFTRACE_PERF_RB_PAGES", "1")
        .spawn()
        .expect("btc runs");
    let pipe = first_line(&mut process);
    signal(&process, libc::SIGSTOP);
    std::thread::sleep(Duration::from_secs(2));
    signal(&process, libc::SIGCONT);
    process.stdout = Some(pipe.into_inner());
    let output = end(process);
    let messages = text(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{messages}");
    assert!(messages.contains("lost 1 record:"), "the record of exit() was not lost\n{messages}");
    assert_gone("m0_fault_exit");
}

/// A tracer that stands still for a while loses records, and knows how many.
#[test]
fn a_stopped_tracer_tells_what_it_lost() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    const EVENTS: u64 = 300_000;
    let script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ {
        @fault_stop[0] = count(); printf(\"hit %d\\n\", pid); }";
    let mut process = tracer(&["-e", script, "-c", &load("fault_stop", EVENTS, 100_000)])
        .env("BPFTRACE_PERF_RB_PAGES", "16")
        .spawn()
        .expect("btc runs");
    std::thread::sleep(Duration::from_millis(1500));
    signal(&process, libc::SIGSTOP);
    std::thread::sleep(Duration::from_secs(4));
    signal(&process, libc::SIGCONT);
    let pipe = process.stdout.take();
    process.stdout = pipe;
    let output = end(process);
    let (printed, messages) = (text(&output.stdout), text(&output.stderr));
    let lines = printed.lines().filter(|l| l.starts_with("hit ")).count() as u64;
    let lost = lost(&messages);
    assert!(lost > 0, "nothing was lost, so nothing is shown\n{messages}");
    assert_eq!(lines + lost, EVENTS, "printed {lines}, told as lost {lost}\n{messages}");
    assert!(printed.contains(&format!("@fault_stop[0]: {EVENTS}")), "the aggregation counted all");
    assert_gone("m0_fault_stop");
}

/// Where data fills the ring, what ends or changes something finds its way.
#[test]
fn control_does_not_need_the_ring() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    // The ring is full long before the 60,000th event; nothing is counted behind the clear().
    let script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ {
        @fault_control++;
        if (@fault_control < 60000) { @cleared[pid] = 1; @zeroed[pid] = 5; }
        if (@fault_control == 60000) { errorf(\"told\"); clear(@cleared); zero(@zeroed); }
        printf(\"hit %d\\n\", pid); }";
    let process = tracer(&["-e", script, "-c", &load("fault_control", 100_000, 50_000)])
        .env("BPFTRACE_PERF_RB_PAGES", "4")
        .spawn()
        .expect("btc runs");
    std::thread::sleep(Duration::from_millis(500));
    signal(&process, libc::SIGSTOP);
    std::thread::sleep(Duration::from_secs(3));
    signal(&process, libc::SIGCONT);
    let output = end(process);
    let (printed, messages) = (text(&output.stdout), text(&output.stderr));
    assert!(lost(&messages) > 10_000, "the ring was not full\n{messages}");
    assert!(messages.contains("told"), "{messages}");
    assert!(printed.contains("@zeroed[") && !printed.contains("@cleared["), "{messages}");
    assert!(printed.lines().any(|l| l.starts_with("@zeroed[") && l.ends_with("]: 0")), "{messages}");
    assert_gone("m0_fault_contro");
}

/// Ctrl-C is heard while more arrives than can be printed.
#[test]
fn a_flood_does_not_drown_signals() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    let script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ {
        @fault_flood[0] = count();
        printf(\"hit %s %s %s %s\\n\", strftime(\"%H:%M:%S %f\", nsecs), kstack, probe, comm); }";
    let mut process = tracer(&["-e", script, "-c", &load("fault_flood", 1_000_000_000, 0)]).spawn().expect("btc runs");
    let mut pipe = first_line(&mut process);
    let reader = std::thread::spawn(move || std::io::copy(&mut pipe, &mut std::io::sink()));
    std::thread::sleep(Duration::from_millis(500));
    signal(&process, libc::SIGINT);
    let output = end(process);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(reader.join().expect("the reader ends").is_ok());
    assert_gone("m0_fault_flood");
}

/// The traced process is killed: that is an end as any other.
#[test]
fn a_killed_process_ends_the_run() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    let load = load("fault_kill", 1_000_000_000, 1000);
    let mut words = load.split(' ');
    let mut traced = Command::new(words.next().expect("a program")).args(words).spawn().expect("the load runs");
    let pid = traced.id().to_string();
    let script = format!(
        "tracepoint:syscalls:sys_enter_getppid /pid == {pid}/ {{ @fault_kill[0] = count(); printf(\"hit %d\\n\", pid); }}"
    );
    let mut process = tracer(&["-p", &pid, "-e", &script]).spawn().expect("btc runs");
    let pipe = first_line(&mut process);
    traced.kill().expect("it is killed");
    traced.wait().expect("it ends");
    process.stdout = Some(pipe.into_inner());
    let output = end(process);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("@fault_kill[0]: "), "{}", text(&output.stdout));
    assert_gone("m0_fault_kill");
    // It cannot be traced any more, which is said in one line.
    let output = end(tracer(&["-p", &pid, "-e", &script]).spawn().expect("btc runs"));
    assert!(!output.status.success());
    assert_eq!(text(&output.stderr).lines().count(), 1, "{}", text(&output.stderr));
}

/// A file that is deleted while it is traced goes on under another name.
#[test]
fn a_deleted_binary_is_still_traced() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    let path = program("kernel/variables.c", "fault_deleted");
    let other = path.with_extension("other");
    let _ = std::fs::remove_file(&other);
    std::fs::hard_link(&path, &other).expect("a second name");
    let script = format!("uprobe:{}:work {{ @fault_deleted[0] = count(); }}", path.display());
    let command = format!("/bin/sh -c 'rm {}; exec {}'", path.display(), other.display());
    let output = end(tracer(&["-e", &script, "-c", &command]).spawn().expect("btc runs"));
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("@fault_deleted[0]: 2"), "{}", text(&output.stdout));
    assert_gone("m0_fault_delet");
    // Now there is nothing to attach to, and one message says so.
    let output = end(tracer(&["-e", &script]).spawn().expect("btc runs"));
    let messages = text(&output.stderr);
    assert!(!output.status.success() && messages.contains("fault_deleted"), "{messages}");
}

/// Nobody reads any more: the run ends.
#[test]
fn a_closed_pipe_ends_the_run() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    let script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ {
        @fault_pipe[0] = count(); printf(\"hit %d\\n\", pid); }";
    let mut process =
        tracer(&["-e", script, "-c", &load("fault_pipe", 1_000_000_000, 1000)]).spawn().expect("btc runs");
    drop(first_line(&mut process));
    let output = end(process);
    assert!(output.status.success() && !text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
    assert_gone("m0_fault_pipe");
}

/// Whoever reads stands still, as a pager does: Ctrl-C ends the run all the same.
#[test]
fn a_reader_that_stands_still_does_not_stop_the_end() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    let script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ {
        @fault_pager[0] = count(); printf(\"hit %d\\n\", pid); }";
    let mut process =
        tracer(&["-e", script, "-c", &load("fault_pager", 1_000_000_000, 100_000)]).spawn().expect("btc runs");
    let pager = first_line(&mut process);
    // A pipe holds 64 KiB, which are written within the first tenths of a second.
    std::thread::sleep(Duration::from_secs(1));
    signal(&process, libc::SIGINT);
    let output = end(process);
    drop(pager);
    assert!(text(&output.stderr).contains("output was lost"), "{}", text(&output.stderr));
    assert_gone("m0_fault_pager");
}

/// Too few descriptors: whatever cannot be opened, one message says so; and as many as needed are enough.
#[test]
fn descriptors_run_out() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    let script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @fault_files[0] = count(); printf(\"x\\n\"); }
        tracepoint:syscalls:sys_enter_getpid, tracepoint:syscalls:sys_enter_getuid /pid == cpid/ { @b[pid] = 1; }";
    let load = load("fault_files", 10, 0);
    let mut refused = 0;
    for limit in 4..60 {
        let mut command = tracer(&["-e", script, "-c", &load]);
        let few = libc::rlimit { rlim_cur: limit, rlim_max: limit };
        // SAFETY: setrlimit may be called between fork and exec.
        unsafe { command.pre_exec(move || match libc::setrlimit(libc::RLIMIT_NOFILE, &raw const few) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }) };
        let output = end(command.spawn().expect("btc starts"));
        let messages = text(&output.stderr);
        assert!(!messages.contains("panicked") && !messages.contains("internal error"), "{limit} descriptors: {messages}");
        if output.status.success() {
            assert!(text(&output.stdout).contains("@fault_files[0]: 10"), "{limit} descriptors: {messages}");
        } else {
            refused += 1;
            assert!(messages.contains("too many open files"), "{limit} descriptors: {messages}");
        }
    }
    assert!(refused > 0, "no limit was low enough");
    assert_gone("m0_fault_files");
}

/// The usual limit is no obstacle where the user may have more.
#[test]
fn a_low_usual_limit_of_descriptors_is_raised() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    let script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @fault_soft[0] = count(); printf(\"x\\n\"); }";
    let load = load("fault_soft", 10, 0);
    for limit in [8, 10, 12, 16, 20] {
        let mut command = tracer(&["-e", script, "-c", &load]);
        let few = libc::rlimit { rlim_cur: limit, rlim_max: 1024 };
        // SAFETY: setrlimit may be called between fork and exec.
        unsafe { command.pre_exec(move || match libc::setrlimit(libc::RLIMIT_NOFILE, &raw const few) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }) };
        let output = end(command.spawn().expect("btc starts"));
        assert!(text(&output.stdout).contains("@fault_soft[0]: 10"), "{limit}: {}", text(&output.stderr));
    }
    assert_gone("m0_fault_soft");
}

/// Nothing may be locked into memory: kernels that still count that are asked for more, others do not care.
#[test]
fn locked_memory_is_no_obstacle() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    let script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @fault_lock[0] = count(); printf(\"x\\n\"); }";
    let mut command = tracer(&["-e", script, "-c", &load("fault_lock", 10, 0)]);
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: setrlimit may be called between fork and exec.
    unsafe { command.pre_exec(move || match libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const none) {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }) };
    let output = end(command.spawn().expect("btc starts"));
    assert!(text(&output.stdout).contains("@fault_lock[0]: 10"), "{}", text(&output.stderr));
    assert_gone("m0_fault_lock");
}

/// Two tracers of one event, each for a process of its own.
#[test]
fn two_at_once_do_not_meet() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    let script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @fault_two[0] = count(); }";
    let loads = [load("fault_two_a", 20_000, 20_000), load("fault_two_b", 30_000, 30_000)];
    let both = loads.each_ref().map(|l| tracer(&["-e", script, "-c", l]).spawn().expect("btc runs"));
    let outputs = both.map(end);
    for (output, count) in outputs.iter().zip([20_000, 30_000]) {
        assert!(text(&output.stdout).contains(&format!("@fault_two[0]: {count}")), "{}", text(&output.stderr));
    }
    assert_gone("m0_fault_two");
}
