//! Each kind of probe on the running kernel: it fires with the right arguments, from a script and from an
//! object, or the kernel lacks it and one error says so. Only processes that the test started are looked at.

mod support;

use std::path::PathBuf;

use support::{btc, program, text, unfit};

/// Kinds that a kernel may be built without, or a machine may not have.
const MAY_LACK: &[&str] = &["kprobe", "kretprobe", "fentry", "fexit", "iter", "hardware", "watchpoint"];

/// Runs a script and its object beside a command; both must print the line, or a text that begins with it where
/// it ends in `…`.
fn fires(kind: &str, script: &str, child: &str, expected: &str) {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let object = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("kind-{kind}.o")).display().to_string();
    let compiled = btc(&["compile", "-e", script, "-o", &object]);
    assert!(compiled.status.success(), "{}", text(&compiled.stderr));
    for what in [["-e", script], ["-q", &object]] {
        let output = btc(&[&["run", "-c", child], &what[..]].concat());
        let (printed, messages) = (text(&output.stdout), text(&output.stderr));
        let right = |line: &str| match expected.strip_suffix('…') {
            Some(start) => line.starts_with(start),
            None => line == expected,
        };
        if output.status.success() {
            assert!(printed.lines().any(right), "{what:?}: expected {expected}\n{printed}{messages}");
            continue;
        }
        let errors: Vec<&str> = messages.lines().filter(|l| l.contains("ERROR: ")).collect();
        assert!(MAY_LACK.contains(&kind), "{what:?}: {messages}");
        assert_eq!(errors.len(), 1, "{what:?}: {messages}");
        assert!(errors[0].contains(kind) && !errors[0].contains("bug of btc"), "{what:?}: {messages}");
        println!("lacks {kind}: {}", errors[0]);
    }
}

/// A test for each kind: its name, the script, the command beside it, what must be printed. `{}` in the two is
/// the program of that test.
macro_rules! kinds {
    ($($name:ident $kind:literal, $source:literal: $script:expr, $child:literal, $expected:literal;)*) => {
        $(#[test]
        fn $name() {
            let path = program($source, concat!("kind-", $kind)).display().to_string();
            fires($kind, &$script.replace("{}", &path), &$child.replace("{}", &path), $expected);
        })*
    };
}

kinds! {
    begin "begin", "kernel/syscalls.c": "begin { printf(\"%d\\n\", 6 * 7); }", "{} 1", "42";
    end "end", "kernel/syscalls.c": "end { printf(\"%d\\n\", 6 * 7); }", "{} 1", "42";
    self_signal "self", "kernel/syscalls.c":
        "self:signal:SIGUSR1 { printf(\"told\\n\"); }", "/bin/sh -c 'kill -USR1 $PPID; sleep 0.5'", "told";
    interval "interval", "kernel/syscalls.c": "interval:ms:20 { printf(\"tick\\n\"); exit(); }", "/bin/sleep 5", "tick";
    profile "profile", "kernel/syscalls.c":
        "profile:hz:999 /pid == cpid/ { @[comm] = count(); }", "{} 2000000", "@[kind-profile]: …";
    software "software", "kernel/syscalls.c":
        "software:page-faults:1 /pid == cpid/ { @[comm] = count(); }", "{} 1", "@[kind-software]: …";
    hardware "hardware", "kernel/syscalls.c":
        "hardware:instructions:100000 /pid == cpid/ { @[comm] = count(); }", "{} 2000000", "@[kind-hardware]: …";
    tracepoint "tracepoint", "kernel/syscalls.c":
        "tracepoint:syscalls:sys_enter_openat /pid == cpid/ { @[str(args.filename)] = count(); }",
        "/bin/cat /proc/self/comm", "@[/proc/self/comm]: 1";
    rawtracepoint "rawtracepoint", "kernel/syscalls.c":
        format!("rawtracepoint:sys_enter /pid == cpid && args.id == {}/ {{ @[probe] = count(); }}", libc::SYS_getppid),
        "{} 10", "@[rawtracepoint:vmlinux:sys_enter]: 10";
    rawtracepoint_in_loop "loop", "kernel/syscalls.c":
        "begin { @one[0] = 1; } rawtracepoint:sched_process_e* /pid == cpid/ { for ($kv : @one) { @[probe] = count(); } }",
        "/bin/true", "@[rawtracepoint:vmlinux:sched_process_exit]: 1";
    uprobe "uprobe", "kernel/variables.c": "uprobe:{}:work /pid == cpid/ { @[arg0] = count(); }", "{}", "@[1]: 2";
    uretprobe "uretprobe", "kernel/variables.c":
        "uretprobe:{}:work /pid == cpid/ { @[retval] = count(); }", "{}", "@[44]: 1";
    watchpoint "watchpoint", "run/watched.c":
        "watchpoint:0x20000000:8:w /pid == cpid/ { @[*(int64*)uptr(0x20000000)] = count(); }", "{} 3", "@[1]: 1";
    iter "iter", "kernel/syscalls.c":
        "iter:task { if (ctx->task != 0 && ctx->task->pid == cpid) { printf(\"child\\n\"); } }", "{} 1000 1000", "child";
    kprobe "kprobe", "kernel/syscalls.c":
        "kprobe:vfs_read /pid == cpid/ { @[func] = count(); }", "/bin/cat /proc/self/comm", "@[vfs_read]: …";
    kretprobe "kretprobe", "kernel/syscalls.c":
        "kretprobe:vfs_read /pid == cpid/ { @[func] = count(); }", "/bin/cat /proc/self/comm", "@[vfs_read]: …";
    fentry "fentry", "kernel/syscalls.c":
        "fentry:vfs_read /pid == cpid/ { @[func] = count(); }", "/bin/cat /proc/self/comm", "@[vfs_read]: …";
    fexit "fexit", "kernel/syscalls.c":
        "fexit:vfs_read /pid == cpid/ { @[func] = count(); }", "/bin/cat /proc/self/comm", "@[vfs_read]: …";
}
