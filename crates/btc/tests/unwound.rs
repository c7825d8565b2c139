//! `dw_ustack`: stacks of a program without frame pointers. Only processes that the test started are traced. Where
//! the machine lacks something, a test says `skipped: reason`.

#![cfg(target_arch = "x86_64")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

mod support;

use support::{btc, program, text, tracer, unfit};

macro_rules! skip_if_unfit {
    () => {
        if let Some(reason) = unfit() {
            return println!("skipped: {reason}");
        }
    };
}

/// What every script begins with.
const CONFIG: &str = "config = { unstable_dw_ustack = enable; show_debug_info = false }";

/// The way down through the program, as a stack shows it.
const WAY: [&str; 5] = ["inner", "middle", "compare", "outer", "main"];

/// A copy of the program of its own, so that probes see no other test's.
fn unwound(name: &str) -> PathBuf {
    program("kernel/unwound.c", name)
}

/// A probe of its innermost function.
fn probe(program: &Path) -> String {
    format!("uprobe:{}:inner", program.display())
}

/// Standard output and error of a run that succeeds.
fn run(script: &str, options: &[&str]) -> (String, String) {
    let script = format!("{CONFIG} {script}");
    let output = btc(&[&["-q"], options, &["-e", &script]].concat());
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    (text(&output.stdout), said)
}

/// Whether a stack of those printed goes through functions in this order, innermost first.
fn goes_through(printed: &str, functions: &[&str]) -> bool {
    let mut wanted = functions.iter().peekable();
    for line in printed.lines() {
        // Another stack begins.
        if !line.starts_with("        ") {
            wanted = functions.iter().peekable();
        }
        if wanted.peek().is_some_and(|name| line.trim_start().starts_with(&format!("{name}+"))) {
            wanted.next();
        }
        if wanted.peek().is_none() {
            return true;
        }
    }
    false
}

/// The program at work, ended with the test.
struct Running(Child);

impl Running {
    fn start(program: &Path) -> Running {
        let child = Command::new(program).arg("100000").stdout(Stdio::null()).spawn();
        Running(child.expect("the program starts"))
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_child_is_unwound_from_its_first_instruction() {
    skip_if_unfit!();
    let program = unwound("unwound-child");
    let script = format!("{} {{ @[dw_ustack] = count(); @plain[ustack] = count(); }}", probe(&program));
    let (printed, said) = run(&script, &["-c", &program.display().to_string()]);
    let (tables, pointers) = printed.split_once("@plain").expect("both maps");
    assert!(goes_through(tables, &[&WAY[..], &["_start"]].concat()), "{printed}{said}");
    assert!(goes_through(tables, &["inner", "on_signal", "main", "_start"]), "a signal's handler: {printed}{said}");
    assert!(!goes_through(pointers, &WAY), "there are frame pointers after all: {printed}");
    assert_eq!(said, "", "{printed}");
}

#[test]
fn a_task_in_the_kernel_and_an_interrupted_one_are_unwound() {
    skip_if_unfit!();
    let program = unwound("unwound-task");
    let in_kernel = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @[dw_ustack] = count(); @two[dw_ustack(2)] = count(); }";
    let (printed, said) = run(in_kernel, &["-c", &program.display().to_string()]);
    assert!(goes_through(&printed, &WAY), "{printed}{said}");
    let two = printed.split_once("@two[").expect("the map").1;
    assert_eq!(two.lines().skip(1).take_while(|l| l.starts_with(' ')).count(), 2, "{printed}");
    let interrupted = "profile:hz:997 /pid == cpid/ { @[dw_ustack] = count(); }";
    let (printed, said) = run(interrupted, &["-c", &format!("{} 0", program.display())]);
    assert!(goes_through(&printed, &WAY), "{printed}{said}");
}

#[test]
fn processes_that_run_already_are_named() {
    skip_if_unfit!();
    let program = unwound("unwound-running");
    let running = Running::start(&program);
    // Three, for the first may have come before the process had mapped all.
    let script = format!("{} {{ @[dw_ustack] = count(); @n++; if (@n == 3) {{ exit(); }} }}", probe(&program));
    for option in ["-p", "--dwarf-pid"] {
        let (printed, said) = run(&script, &[option, &running.pid()]);
        assert!(goes_through(&printed, &WAY), "{option}: {printed}{said}");
    }
}

#[test]
fn children_of_a_process_are_followed() {
    skip_if_unfit!();
    let program = unwound("unwound-grandchild");
    let work = format!("read word; {} 100; true", program.display());
    let shell = Command::new("/bin/sh").args(["-c", &work]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut shell = shell.expect("the shell starts");
    let script = format!("{CONFIG} {} {{ @[dw_ustack] = count(); @n++; if (@n == 100) {{ exit(); }} }}", probe(&program));
    let tracer = tracer(&["--dwarf-pid", &shell.id().to_string(), "-e", &script]).spawn();
    let mut tracer = tracer.expect("btc runs");
    let mut said = BufReader::new(tracer.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.starts_with("Attached") && said.read_line(&mut line).is_ok_and(|n| n > 0) {}
    drop(shell.stdin.take());
    shell.wait().expect("it ends");
    let printed = text(&tracer.wait_with_output().expect("it ends").stdout);
    assert!(goes_through(&printed, &WAY), "{line}{printed}");
}

#[test]
fn a_process_without_tables_has_no_stack_and_that_is_told() {
    skip_if_unfit!();
    let program = unwound("unwound-strange");
    let running = Running::start(&program);
    let script = format!("{} {{ print(len(dw_ustack)); exit(); }}", probe(&program));
    let (printed, said) = run(&script, &["--dwarf-pid", &std::process::id().to_string()]);
    drop(running);
    assert!(printed.starts_with("0\n"), "{printed}");
    assert!(said.contains("of processes without unwind tables"), "{said}");
}

#[test]
fn somebody_must_say_which_processes() {
    skip_if_unfit!();
    let script = format!("{CONFIG} BEGIN {{ print(dw_ustack); }}");
    for (options, wanted) in [(&[][..], "by -p, -c or --dwarf-pid"), (&["--dwarf-pid", "4000000"], "no process 4000000")] {
        let output = btc(&[options, &["-e", &script]].concat());
        assert_eq!(output.status.code(), Some(1), "{options:?}");
        assert!(text(&output.stderr).contains(wanted), "{}", text(&output.stderr));
    }
}
