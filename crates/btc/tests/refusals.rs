//! Attach points that the kernel refuses: of a wildcard they are left out, alone they are errors. All probes look at
//! processes that the test started.

mod support;

use std::process::Command;
use std::time::Duration;

use support::{btc, text, tracer, unfit, unfit_to_look};

/// An event takes 64 programs; of a wildcard only the one that refuses is left out.
#[test]
fn a_tracepoint_that_refuses_is_left_out() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let full = "tracepoint:sched:sched_process_exit /pid == cpid/ { @full = count(); }\n".repeat(64);
    let script = format!("{full}tracepoint:sched:sched_process_e* /pid == cpid/ {{ @many[probe] = count(); }}");
    let output = btc(&["-e", &script, "-c", "/bin/true"]);
    let (printed, messages) = (text(&output.stdout), text(&output.stderr));
    assert!(printed.contains("@full: 64\n"), "{printed}\n{messages}");
    assert!(printed.contains("@many[tracepoint:sched:sched_process_exec]: 1\n"), "{printed}\n{messages}");
    let told: Vec<&str> = messages.lines().filter(|l| l.contains("left out")).collect();
    assert_eq!(told.len(), 1, "{messages}");
    assert!(told[0].contains(":65:") && told[0].contains("cannot attach tracepoint:sched:sched_process_exit"), "{messages}");
    // Alone it is an error.
    let script = format!("{full}tracepoint:sched:sched_process_exit /pid == cpid/ {{ @many = count(); }}");
    let output = btc(&["-e", &script, "-c", "/bin/true"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("as many programs as this kernel allows"), "{}", text(&output.stderr));
}

/// The kernel does not let it be sampled.
#[test]
fn tracepoints_are_not_sampled() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    if !std::path::Path::new("/sys/kernel/tracing/events/irq_vectors/irq_work_exit").exists() {
        return println!("skipped: this machine has no tracepoint irq_vectors:irq_work_exit");
    }
    let script = "tracepoint:irq_vectors:irq_work_e* /pid == cpid/ { @ = count(); }";
    let messages = text(&btc(&["-e", script, "-c", "/bin/true"]).stderr);
    assert!(messages.contains("Attached 2 probes"), "{messages}");
    assert!(!messages.contains("left out"), "{messages}");
}

/// Programs of a wildcard are copied where the kernel has no cookies for their kind; the kernel looks at the licence of each.
#[test]
fn copies_have_the_licence_of_the_script() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    // Its name among the kernel's programs is its own.
    let (probe, name) = ("rawtracepoint:sched_[p]rocess_e*", " name p0_rawtracepoint_vmlinux_sched__p_rocess_e_ ");
    let script = format!("config = {{ license = \"Proprietary\" }} {probe} /pid == cpid/ {{ @[probe] = count(); }}");
    let mut running = tracer(&["-e", &script, "-c", "/bin/sleep 3"]).spawn().expect("btc runs");
    let mut copies = Vec::new();
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(50));
        let list = text(&Command::new("bpftool").args(["prog", "show"]).output().expect("bpftool runs").stdout);
        copies = list.lines().filter(|l| l.contains(name)).map(str::to_string).collect();
        // The program itself, and a copy for each of the two events.
        if copies.len() == 3 {
            break;
        }
    }
    running.wait().expect("btc ends");
    assert_eq!(copies.len(), 3, "{copies:?}");
    assert!(copies.iter().all(|line| !line.contains(" gpl")), "{copies:?}");
}
