//! Attach points that the kernel refuses: of a wildcard they are left out, alone they are errors. All probes look at
//! processes that the test started.

mod support;

use support::{btc, text, unfit};

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

/// `comm` is an array in one and elsewhere in the record in the other: the kernel is the right one, the type is not.
#[test]
fn events_of_a_wildcard_differ_in_type() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let format = |event: &str| {
        let file = format!("/sys/kernel/tracing/events/sched/{event}/format");
        std::fs::read_to_string(file).unwrap_or_default()
    };
    if !format("sched_process_exit").contains("char comm[16]") || !format("sched_process_hang").contains("char[] comm") {
        return println!("skipped: this kernel's sched_process_exit and sched_process_hang do not differ");
    }
    let script = "tracepoint:sched:sched_process_[eh][xa][in][tg] /pid == cpid/ { @[args.comm] = count(); }";
    let output = btc(&["-e", script, "-c", "/bin/true"]);
    let (printed, messages) = (text(&output.stdout), text(&output.stderr));
    assert!(printed.contains("@[true]: 1\n"), "{printed}\n{messages}");
    let told: Vec<&str> = messages.lines().filter(|l| l.contains("left out")).collect();
    assert_eq!(told.len(), 1, "{messages}");
    let why = "it is `__data_loc char[]` of 4 bytes in sched:sched_process_hang, and `char[16]` of 16 bytes in sched:sched_process_exit";
    assert!(told[0].contains(why) && !told[0].contains("compile it for this one"), "{messages}");
}

/// `state` has 4 bytes in some events of `power` and 8 in others.
#[test]
fn events_of_a_wildcard_differ_in_width() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let has = |event: &str| std::path::Path::new(&format!("/sys/kernel/tracing/events/power/{event}")).exists();
    if !has("cpu_idle") || !has("wakeup_source_activate") {
        return println!("skipped: this machine has no tracepoints power:cpu_idle and power:wakeup_source_activate");
    }
    let messages = text(&btc(&["--dry-run", "-e", "tracepoint:power:[cw][pa][uk][_e][iu][dp]* { print(args.state); }"]).stderr);
    assert!(!messages.contains("left out") && !messages.contains("ERROR"), "{messages}");
}
