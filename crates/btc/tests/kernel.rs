//! The command against the running kernel. All that is attached looks at processes that the
//! test started. Where the machine lacks something, a test says `skipped: reason`.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

mod support;

use support::{btc, load, lost, program, text, tracer, unfit, unfit_to_look};

/// System calls of the full-blast test.
const FLOOD: u64 = 2_000_000;

#[test]
fn printed_and_lost_make_all() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let child = load("flood", FLOOD, 0);
    let script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { printf(\"%d x\\n\", pid); @n = count(); }";
    let output = btc(&["-e", script, "-c", &child]);
    let (text, messages) = (text(&output.stdout), text(&output.stderr));
    let printed = text.lines().filter(|l| l.ends_with(" x")).count() as u64;
    let lost = lost(&messages);
    assert_eq!(printed + lost, FLOOD, "printed {printed}, told as lost {lost}\n{messages}");
    assert!(text.contains(&format!("@n: {FLOOD}")), "the aggregation counted all");
}

/// `print(@m); clear(@m)` takes each entry in one step: what is added between the two is not gone. What is left
/// is an addition that a CPU is in the middle of; one at a time for each pair. A variable loses nothing at all, and
/// neither does what counts without a key.
#[test]
fn print_and_clear_lose_nothing_in_between() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @taken[pid] = count(); @plain++; @counted = count();
            @summed = sum(3); @zeroed = count(); @spread = hist(2); @all = count(); }
        interval:ms:5 { print(@taken); clear(@taken); print(@plain); clear(@plain); print(@counted); clear(@counted);
            print(@summed); clear(@summed); print(@spread); clear(@spread); zero(@zeroed); @pairs = count(); }";
    let output = btc(&["-e", script, "-c", &load("taken", FLOOD, 0)]);
    let printed = text(&output.stdout);
    let number = |line: &str| line.rsplit(": ").next()?.parse::<u64>().ok();
    let sum = |name: &str| printed.lines().filter(|l| l.starts_with(name)).filter_map(number).sum::<u64>();
    let (taken, pairs) = (sum("@taken["), sum("@pairs"));
    assert_eq!(sum("@all"), FLOOD, "{printed}");
    assert_eq!((sum("@plain"), sum("@counted"), sum("@summed")), (FLOOD, FLOOD, 3 * FLOOD), "{pairs} pairs\n{printed}");
    let in_buckets = printed.lines().filter_map(|l| l.strip_prefix("[2, 4)")?.split_whitespace().next()?.parse::<u64>().ok());
    assert_eq!(in_buckets.sum::<u64>(), FLOOD, "{printed}");
    assert!(printed.contains("@zeroed: ") && sum("@zeroed") < FLOOD / 2, "zeroed, and assigned still\n{printed}");
    assert!(pairs > 20, "only {pairs} pairs\n{printed}");
    assert!(taken <= FLOOD && FLOOD - taken <= pairs, "{} of {FLOOD} are gone in {pairs} pairs", FLOOD - taken);
}

#[test]
fn a_full_map_is_told_once_with_its_number() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let child = load("full", 1000, 0);
    let script = "let @m = hash(10); tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @m[nsecs] = 1; }";
    let output = btc(&["-e", script, "-c", &child]);
    let messages = String::from_utf8_lossy(&output.stderr);
    let told: Vec<&str> = messages.lines().filter(|l| l.contains("is full")).collect();
    assert_eq!(told.len(), 1, "{messages}");
    assert!(told[0].contains("@m") && told[0].contains("990"), "{}", told[0]);
}

#[test]
fn nothing_stays_behind_after_a_kill() {
    if let Some(reason) = unfit_to_look() {
        return println!("skipped: {reason}");
    }
    // A map lives as long as its program, and has a name of its own.
    const MARK: &str = "m0_killed_trace";
    let maps = || {
        let list = Command::new("bpftool").args(["map", "show"]).output().expect("bpftool runs");
        String::from_utf8_lossy(&list.stdout).into_owned()
    };
    let script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @killed_tracer = count(); }";
    let mut tracer = Command::new(env!("CARGO_BIN_EXE_btc"))
        .args(["-e", script, "-c", "/bin/sleep 30"])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("btc runs");
    std::thread::sleep(Duration::from_secs(1));
    assert!(maps().contains(MARK), "the tracer's map is there while it runs");
    tracer.kill().expect("it is killed");
    tracer.wait().expect("it ends");
    // The kernel frees maps a moment after their last descriptor is closed.
    for _ in 0..50 {
        if !maps().contains(MARK) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("maps of the killed tracer are still there:\n{}", maps());
}

/// Arguments in registers, memory and constants; a probe that a semaphore guards; a wildcard.
#[test]
fn static_probes_have_their_arguments() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let traced = program("kernel/static_probes.c", "static_probes");
    let path = traced.display();
    let script = format!(
        "usdt:{path}:all {{ printf(\"%d %d %d %d %d %s\\n\", arg0, arg1, arg2, arg3, arg4, str(arg5)); }}
         usdt:{path}:demo:guarded {{ @guarded = count(); @on = arg0; }}
         usdt:{path}:demo:* {{ @fired[probe] = count(); }}
         usdt:{path}:plain {{ @short[probe] = count(); }}
         usdt:{path}:all {{ @one[0] = 0; for ($kv : @one) {{ printf(\"within %d %s\\n\", arg1, str(arg5)); }} }}"
    );
    let object = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("static_probes.o").display().to_string();
    let compiled = btc(&["compile", "-e", &script, "-o", &object]);
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    for run in [["-e", &script], ["-q", &object]] {
        let output = btc(&[&["run", "-c", &format!("{path} 3")], &run[..]].concat());
        let text = String::from_utf8_lossy(&output.stdout);
        let messages = String::from_utf8_lossy(&output.stderr);
        for line in ["0 -5 -7 11 10 static", "2 -5 -7 11 12 static", "within -5 static", "@guarded: 3", "@on: 1"] {
            assert!(text.contains(line), "`{line}` is missing\n{text}{messages}");
        }
        for name in ["all", "plain", "unbased", "guarded"] {
            assert!(text.contains(&format!("@fired[usdt:{path}:demo:{name}]: 3")), "{name}\n{text}");
        }
        // The provider is told where the script leaves it out.
        assert!(text.contains(&format!("@short[usdt:{path}:demo:plain]: 3")), "{text}");
    }
}

/// A counter that nobody can write to switches nothing on: that is told, and not a probe that never fires.
#[test]
fn static_probes_that_cannot_be_switched_on_are_told() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let traced = program("kernel/far_semaphore.c", "far_semaphore");
    let path = traced.display();
    let run = |name: &str| {
        let output = btc(&["-e", &format!("usdt:{path}:demo:{name} {{ @[probe] = count(); }}"), "-c", &format!("{path} 3")]);
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let (is_done, _, messages) = run("far");
    assert!(!is_done && messages.contains("the counter that switches it on") && messages.contains(":1:"), "{messages}");
    let (is_done, printed, messages) = run("*");
    assert!(is_done && printed.contains(&format!("@[usdt:{path}:demo:near]: 3")), "{printed}{messages}");
    assert!(messages.contains(&format!("left out of `usdt:{path}:demo:far`: the counter")), "{messages}");
}

/// Variables of the probed program, at the addresses that they have in the process.
#[test]
fn symbols_of_the_process_are_found() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let traced = program("kernel/variables.c", "variables");
    let path = traced.display();
    let script = format!(
        "uprobe:{path}:work {{ printf(\"%d %d %d\\n\", *uaddr(\"counter\"), *uaddr(\"small\"), *uaddr(\"big\")); }}"
    );
    let output = btc(&["-e", &script, "-c", &path.to_string()]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("42 7 99\n43 7 99\n"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// Whatever privileges are given up once all is attached: symbols of a process that still runs have names.
#[test]
fn stacks_of_a_running_process_have_names() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let traced = program("kernel/syscalls.c", "running");
    let script = format!(
        "uprobe:{}:main /pid == cpid/ {{ printf(\"in %s\\n\", usym(reg(\"ip\"))); }} interval:ms:500 {{ exit(); }}",
        traced.display()
    );
    // It runs for some seconds, so that its symbols can be read when they are shown.
    let output = btc(&["-e", &script, "-c", &format!("{} 4000 1000", traced.display())]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("in main\n"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// One link of many functions takes all or none; the one that refuses is found, and the others are attached.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_function_that_refuses_is_left_out() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = program("kernel/refusing.c", "refusing");
    // The kernel looks at the instruction where a process has it mapped.
    let mut traced = Command::new(&path).stdin(Stdio::piped()).spawn().expect("it runs");
    let script = format!("uprobe:{}:half_* /pid == {}/ {{ @[func, arg0] = count(); }}", path.display(), traced.id());
    let mut process = tracer(&["-e", &script]).spawn().expect("btc runs");
    let mut errors = BufReader::new(process.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.starts_with("Attached") {
        line.clear();
        assert!(errors.read_line(&mut line).expect("it can be read") > 0, "it attaches");
    }
    drop(traced.stdin.take());
    traced.wait().expect("it ends");
    // SAFETY: plain numbers; the process is not reaped yet.
    unsafe { libc::kill(process.id() as i32, libc::SIGINT) };
    let printed = text(&process.wait_with_output().expect("it ends").stdout);
    assert_eq!(line, "Attached 3 probes\n", "{printed}");
    for entry in ["@[half_a, 1]: 1", "@[half_b, 2]: 1", "@[half_d, 3]: 1"] {
        assert!(printed.contains(entry), "{entry}\n{printed}");
    }
}
