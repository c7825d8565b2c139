//! Wildcards over the tracepoints of single system calls: one event of the kernel stands for hundreds, and what is
//! seen is what each would see. All probes look at processes that the test started.

use std::path::PathBuf;
use std::process::Command;

mod support;

use support::{btc, program, text, unfit};

/// What a script printed of a child, and its messages.
fn traced(script: &str, child: &str) -> (String, String) {
    let output = btc(&["-e", script, "-c", child]);
    let messages = text(&output.stderr);
    assert!(output.status.success(), "{messages}");
    (text(&output.stdout), messages)
}

/// The entries of a map by the name of the system call.
fn entries(printed: &str, map: &str) -> Vec<(String, u64)> {
    let entry = |line: &str| {
        let (name, value) = line.strip_prefix(map)?.strip_prefix("[tracepoint:syscalls:sys_")?.split_once("]: ")?;
        Some((name.to_string(), value.parse().ok()?))
    };
    let mut all: Vec<_> = printed.lines().filter_map(entry).collect();
    all.sort();
    all
}

fn events(prefix: &str) -> usize {
    let names = std::fs::read_dir("/sys/kernel/tracing/events/syscalls").expect("tracefs is there");
    names.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(prefix)).count()
}

fn of<'a>(all: &'a [(String, u64)], wanted: &[&str]) -> Vec<(&'a str, u64)> {
    let wanted = all.iter().filter(|(name, _)| wanted.contains(&name.as_str()));
    wanted.map(|(name, count)| (name.as_str(), *count)).collect()
}

#[test]
fn counts_are_by_the_names_of_the_events() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let child = format!("{} 5 x86", program("run/calls.c", "calls-names").display());
    let script = "tracepoint:syscalls:sys_enter_*, tracepoint:syscalls:sys_exit_*, tracepoint:sched:sched_process_e*
        /pid == cpid && comm == \"busy\"/ { @all[probe] = count(); }";
    let (printed, messages) = traced(script, &child);
    let all = entries(&printed, "@all");
    let expected = [
        ("enter_exit_group", 1),
        ("enter_newfstat", 15),
        ("enter_newuname", 10),
        ("enter_prctl", 2),
        ("enter_umask", 5),
        ("exit_newfstat", 15),
        ("exit_newuname", 10),
        ("exit_prctl", 3),
        ("exit_umask", 5),
    ];
    let found: Vec<(&str, u64)> = all.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(found, expected, "{printed}\n{messages}");
    assert!(printed.contains("@all[tracepoint:sched:sched_process_exit]: 1"), "{printed}");
    let sched = 3 + usize::from(std::path::Path::new("/sys/kernel/tracing/events/sched/sched_process_hang").exists());
    let attached = events("sys_enter_") + events("sys_exit_");
    let told = messages.lines().find_map(|l| l.strip_prefix("Attached ")?.strip_suffix(" probes")?.parse::<usize>().ok());
    let told = told.expect("the number of probes is told");
    assert!((attached + 2..=attached + sched).contains(&told), "{told} of {attached} and some\n{messages}");
}

/// The same with probes that are few enough to be attached to events of their own, which see nothing of 32-bit
/// system calls; with arguments, from inside of a loop, and by a second probe of the same events.
#[test]
fn what_is_seen_is_what_each_event_sees() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let child = format!("{} 4 x86", program("run/calls.c", "calls-same").display());
    let script = "BEGIN { @one[0] = 1; }
        tracepoint:syscalls:sys_enter_* /pid == cpid/ { @all[probe] = count(); }
        tracepoint:syscalls:sys_enter_um*, tracepoint:syscalls:sys_enter_newf* /pid == cpid/ { @alone[probe] = count(); }
        tracepoint:syscalls:sys_exit_* /pid == cpid && comm == \"busy\"/ { @returned = sum(args.ret); }
        tracepoint:syscalls:sys_enter_* /pid == cpid && comm == \"busy\"/ { for ($kv : @one) { @loop[probe] = count(); } }";
    let (printed, messages) = traced(script, &child);
    let names = ["enter_umask", "enter_newfstat", "enter_newfstatat"];
    let (all, alone, within) = (entries(&printed, "@all"), entries(&printed, "@alone"), entries(&printed, "@loop"));
    assert_eq!(of(&all, &names), of(&alone, &names), "{printed}\n{messages}");
    assert_eq!(of(&alone, &["enter_umask"]), [("enter_umask", 5)], "{printed}");
    assert_eq!(of(&within, &["enter_umask", "enter_newuname"]), [("enter_newuname", 8), ("enter_umask", 4)], "{printed}");
    assert!(printed.contains("@returned: 72\n"), "{printed}");
    // The 32-bit getppid() has the number that is this one's in 64-bit programs.
    assert!(of(&all, &["enter_semget", "enter_getppid"]).is_empty(), "{printed}");
}

/// Compiles a program of 32 bits; not everywhere has the compiler what it takes.
fn narrow() -> Option<PathBuf> {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel/calls32.c");
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("calls32");
    let args = ["-m32", "-O1", "-static", "-nostdlib", "-fno-pie", "-no-pie", "-fno-stack-protector", "-Wl,-e,main", "-o"];
    let built = Command::new("cc").args(args).arg(&program).arg(source).output();
    let runs = |_: &_| Command::new(&program).status().is_ok_and(|s| s.success());
    built.ok().filter(|o| o.status.success()).filter(runs).map(|_| program)
}

#[test]
fn programs_of_32_bits_are_not_seen() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let Some(program) = narrow() else { return println!("skipped: no 32-bit programs can be built and run here") };
    let script = "tracepoint:raw_syscalls:sys_enter /pid == cpid && comm == \"calls32\"/ { @raw = count(); }
        tracepoint:syscalls:sys_* /pid == cpid && comm == \"calls32\"/ { @all[probe] = count(); }";
    let (printed, messages) = traced(script, &program.display().to_string());
    assert!(printed.contains("@raw: 8\n"), "the program runs\n{printed}\n{messages}");
    assert_eq!(entries(&printed, "@all"), [], "{printed}");
}

/// The registers that hold arguments of other programs hold none of theirs.
#[test]
fn arguments_by_number_are_told_to_be_none_in_programs_of_32_bits() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let Some(narrow) = narrow() else { return println!("skipped: no 32-bit programs can be built and run here") };
    let narrow = narrow.display().to_string();
    let told = |kind: &str| {
        let (_, messages) = traced(&format!("{kind}:{narrow}:main {{ @ = count(); }}"), &narrow);
        messages.contains("32 bits") && messages.contains("`arg0`")
    };
    assert!(told("uprobe"));
    assert!(!told("uretprobe"));
}

/// Calls spell one argument in several ways: `fd` is `unsigned int` of one and `unsigned long` of the next.
#[test]
fn arguments_that_are_spelled_otherwise_are_the_same_words() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let script = "tracepoint:syscalls:sys_enter_pread*, tracepoint:syscalls:sys_enter_pwrite*
        /pid == cpid/ { @[probe, args.fd] = count(); }";
    let child = program("run/positioned.c", "positioned").display().to_string();
    let (printed, messages) = traced(script, &child);
    assert!(!messages.contains("WARNING"), "{messages}");
    for call in ["pread64", "preadv", "pwrite64", "pwritev"] {
        assert!(printed.contains(&format!("@[tracepoint:syscalls:sys_enter_{call}, 70]: 1")), "{call}\n{printed}");
    }
}
