//! What counts of a command of `-c` is what the command does: it begins with its `exec`.

mod support;

use support::{btc, program, text, unfit};

#[test]
fn nothing_before_the_exec_counts() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = program("kernel/syscalls.c", "from_exec").display().to_string();
    let child = format!("{path} 7");
    // The name changes within the exec: what enters it has the tracer's, and what comes out of it the program's.
    let script = "rawtracepoint:sys_enter /pid == cpid/ { @enter[comm, args.id] = count(); }
         t:raw_syscalls:sys_exit /pid == cpid/ { @exit[comm, args.id] = count(); }
         t:syscalls:sys_exit_read /pid == cpid && comm == \"btc\"/ { @read = count(); }
         t:sched:sched_process_exit /pid == cpid/ { print((\"exit\", comm)); }";
    for _ in 0..5 {
        let output = btc(&["-q", "-c", &child, "-e", script]);
        let (printed, said) = (text(&output.stdout), text(&output.stderr));
        let (exec, getppid) = if cfg!(target_arch = "x86_64") { (59, 110) } else { (221, 173) };
        let before: Vec<&str> = printed.lines().filter(|l| l.starts_with("@enter[btc,") || l.starts_with("@exit[btc,")).collect();
        assert_eq!(before, [format!("@enter[btc, {exec}]: 1")], "{printed}{said}");
        assert!(printed.contains(&format!("@exit[from_exec, {getppid}]: 7")) && printed.contains("(exit, from_exec)"), "{printed}{said}");
        assert!(!printed.contains("@read"), "{printed}");
    }
}

/// A tracer that is killed while the command waits takes it along.
#[test]
fn a_command_that_waits_does_not_outlive_its_tracer() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = program("kernel/syscalls.c", "from_exec_killed").display().to_string();
    let mut children = Vec::new();
    for n in 0..20 {
        let script = "t:syscalls:sys_enter_getppid /pid == cpid/ { @ = count(); }";
        let mut tracer = support::tracer(&["-q", "-c", &format!("{path} 1000000000 1000"), "-e", script]).spawn().expect("btc runs");
        std::thread::sleep(std::time::Duration::from_millis(5 * n));
        let list = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", tracer.id())).unwrap_or_default();
        children.extend(list.split_whitespace().map(str::to_string));
        tracer.kill().expect("ours");
        tracer.wait().expect("ours");
    }
    let start = std::time::Instant::now();
    while children.iter().any(|pid| std::path::Path::new(&format!("/proc/{pid}/exe")).exists()) {
        assert!(start.elapsed().as_secs() < 10, "some of {children:?} run on");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(!children.is_empty());
}
