//! User stacks of programs in several languages, with and without debug information, that
//! have ended or live elsewhere. Only processes that the test started are traced. Where the
//! machine lacks something, a test says `skipped: reason`.

use std::path::{Path, PathBuf};
use std::io::{BufRead, BufReader};
use std::process::Command;

mod support;

use support::{btc, tracer, unfit};

/// The traced system call is the last thing that the programs' innermost function does. It
/// goes through a library function without a frame of its own, so its caller is not in the
/// stack, but that one's caller is.
const PROBE: &str = "tracepoint:syscalls:sys_enter_getppid /comm == str($1)/";

/// A folder of the test's own.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("stacks").join(name);
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    folder
}

fn source(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel").join(name);
    path.canonicalize().expect("the source is there")
}

/// Runs a command of the machine; `false` where there is none.
fn tool(name: &str, args: &[&str]) -> bool {
    match Command::new(name).args(args).status() {
        Ok(status) => {
            assert!(status.success(), "{name} {args:?}");
            true
        }
        Err(_) => false,
    }
}

/// The build id that C programs get.
const BUILD_ID: &str = "0123456789abcdef0123456789abcdef01234567";

/// Compiles a C or C++ program with frame pointers; `None` without a compiler.
fn compile(name: &str, to: &Path) -> Option<String> {
    let compiler = if name.ends_with(".cc") { "c++" } else { "cc" };
    let (to, source) = (to.to_str()?, source(name));
    let id = format!("-Wl,--build-id=0x{BUILD_ID}");
    let args = ["-O1", "-g", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", &id, "-o", to, source.to_str()?];
    tool(compiler, &args).then(|| to.to_string())
}

/// What a script prints of a command's processes of a name; fails with all that was said.
fn trace(name: &str, statements: &str, command: &str, options: &[&str]) -> String {
    let script = format!("{PROBE} {{ {statements} }}");
    let output = btc(&[&["-q"], options, &["-c", command, "-e", &script, name]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// [`trace`] of whatever a command starts: the tracer is told nothing of it, and ended when the command has ended.
fn trace_around(name: &str, statements: &str, command: &str) -> String {
    let script = format!("{PROBE} {{ {statements} }}");
    let mut tracer = tracer(&["-e", &script, name]).spawn().expect("btc runs");
    let mut messages = BufReader::new(tracer.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("Attached") {
        line.clear();
        assert!(messages.read_line(&mut line).expect("its messages") > 0, "it ended without having attached");
    }
    assert!(Command::new("/bin/sh").args(["-c", command]).status().expect("a shell").success(), "{command}");
    // SAFETY: it is a child that nobody has waited for.
    unsafe { libc::kill(tracer.id() as i32, libc::SIGINT) };
    let output = tracer.wait_with_output().expect("btc ends");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn contains(text: &str, all: &[&str]) {
    for wanted in all {
        assert!(text.contains(wanted), "`{wanted}` is missing in\n{text}");
    }
}

/// The line of the C program that defines a function.
fn place(function: &str) -> String {
    let path = source("stack.c");
    let text = std::fs::read_to_string(&path).expect("the source");
    let line = text.lines().position(|l| l.contains(&format!("void {function}(void)"))).expect("the function") + 1;
    format!("@{}:{line}\n", path.display())
}

macro_rules! or_skip {
    ($value:expr, $reason:literal) => {
        match $value {
            Some(value) => value,
            None => return println!("skipped: {}", $reason),
        }
    };
}

macro_rules! skip_if_unfit {
    () => {
        if let Some(reason) = unfit() {
            return println!("skipped: {reason}");
        }
    };
}

/// The program is gone long before the map is printed.
#[test]
fn a_program_that_has_ended_has_names_lines_and_inlined_functions() {
    skip_if_unfit!();
    let program = or_skip!(compile("stack.c", &folder("ended").join("ended")), "no C compiler");
    let text = trace("ended", "@[ustack] = count();", &program, &[]);
    let lines = ["middle", "swallowed", "outer"].map(place);
    let [middle, swallowed, outer] = &lines;
    contains(&text, &["        middle+", middle, &format!("        [inlined] swallowed{swallowed}"), "        outer+", outer]);
    contains(&text, &["        main+"]);
    let frames = |text: &str| text.lines().filter(|l| l.starts_with("        ")).count();
    let other = trace_around("ended", "@[ustack] = count();", &program);
    assert_eq!(frames(&other), frames(&text), "no child of the tracer's\n{other}");
    let script = format!("config = {{ show_debug_info = false }} {PROBE} {{ @[ustack] = count(); }}");
    let bare = String::from_utf8(btc(&["-q", "-c", &program, "-e", &script, "ended"]).stdout).expect("text");
    contains(&bare, &["        middle+", "        outer+"]);
    assert!(!bare.contains('@') || !bare.contains("stack.c"), "{bare}");
}

#[test]
fn modes_have_the_forms_of_bpftrace() {
    skip_if_unfit!();
    let program = or_skip!(compile("stack.c", &folder("modes").join("modes")), "no C compiler");
    let statements = "@p[ustack(perf)] = 1; @b[ustack(build_id, 2)] = 1; @r[ustack(raw, 3)] = 1; @n = len(ustack(3));";
    let text = trace("modes", statements, &program, &[]);
    contains(&text, &[" swallowed (inlined)\n", &format!(" ({program})\n"), "@n: 3\n"]);
    let map = |name: &str| {
        let from = text.find(&format!("{name}[\n")).expect("the map") + name.len() + 2;
        text[from..].lines().take_while(|l| !l.starts_with(']')).collect::<Vec<_>>()
    };
    let perf = map("@p");
    let middle = perf.iter().find(|l| l.contains(" middle+")).expect("the function");
    let (address, _) = middle.trim_start_matches('\t').split_once(' ').expect("an address");
    let raw = map("@r");
    assert_eq!((raw.len(), raw[1]), (3, address), "{text}");
    let ids = map("@b");
    let (id, offset) = ids[1].split_once(" 0x").expect("an id and an offset");
    assert_eq!((ids.len(), id), (2, BUILD_ID), "{text}");
    let (offset, address) = (u64::from_str_radix(offset, 16), u64::from_str_radix(address, 16));
    assert_eq!(offset.expect("a number") & 0xfff, address.expect("a number") & 0xfff, "{text}");
}

#[test]
fn names_of_cpp_are_as_in_the_source() {
    skip_if_unfit!();
    let program = or_skip!(compile("stack.cc", &folder("cpp").join("cpp")), "no C++ compiler");
    let text = trace("cpp", "@[ustack] = count();", &program, &[]);
    contains(&text, &["demo::Shape::draw(int, char const*)+", "void demo::twice<demo::Shape>(demo::Shape)+", "stack.cc:"]);
    let script = format!("config = {{ cpp_demangle = false }} {PROBE} {{ @[ustack] = count(); }}");
    let output = btc(&["-q", "-c", &program, "-e", &script, "cpp"]);
    contains(&String::from_utf8_lossy(&output.stdout), &["_ZN4demo5Shape4drawEiPKc+"]);
}

#[test]
fn names_of_rust_are_as_in_the_source() {
    skip_if_unfit!();
    let program = folder("rust").join("rusty");
    let (to, from) = (program.display().to_string(), source("stack.rs").display().to_string());
    let flags = ["--edition=2024", "-g", "-Copt-level=1", "-Cforce-frame-pointers=yes", "-o", &to, &from];
    or_skip!(tool("rustc", &flags).then_some(()), "no rustc");
    let text = trace("rusty", "@[ustack] = count();", &to, &[]);
    contains(&text, &["stack::demo::Shape::draw+", "stack::twice+", "stack.rs:"]);
}

#[test]
fn debug_files_are_found_by_link_and_by_build_id() {
    skip_if_unfit!();
    let folder = folder("debug");
    let program = or_skip!(compile("stack.c", &folder.join("whole")), "no C compiler");
    let at = |name: &str| folder.join(name).display().to_string();
    let (debug, linked, stripped) = (at("whole.debug"), at("linked"), at("stripped"));
    or_skip!(tool("objcopy", &["--only-keep-debug", &program, &debug]).then_some(()), "no objcopy");
    tool("objcopy", &["--strip-all", &format!("--add-gnu-debuglink={debug}"), &program, &linked]);
    tool("objcopy", &["--strip-all", &program, &stripped]);
    let all = ["middle+", "[inlined] swallowed@", "outer+", "stack.c:"];
    contains(&trace("linked", "@[ustack] = count();", &linked, &[]), &all);
    let without = trace("stripped", "@[ustack] = count();", &stripped, &[]);
    assert!(!without.contains("middle"), "nobody says what is where\n{without}");
    let (first, rest) = BUILD_ID.split_at(2);
    let place = folder.join("symbols/.build-id").join(first);
    std::fs::create_dir_all(&place).expect("a folder");
    std::fs::copy(&debug, place.join(format!("{rest}.debug"))).expect("a copy");
    contains(&trace("stripped", "@[ustack] = count();", &stripped, &["--debuginfo", &at("symbols")]), &all);
}

/// A file that no path leads to any more, and one that lies in another mount namespace.
#[test]
fn files_out_of_reach_are_read_through_the_process() {
    skip_if_unfit!();
    let folder = folder("away");
    let program = or_skip!(compile("stack.c", &folder.join("away")), "no C compiler");
    let all = ["middle+", "outer+", "stack.c:"];
    let deleted = folder.join("deleted").display().to_string();
    let running = format!("until grep -q {deleted} /proc/$!/maps; do sleep 0.01; done");
    let command = format!("cp {program} {deleted}; {deleted} 300 & {running}; rm {deleted}; wait");
    contains(&trace_around("deleted", "printf(\"%s\", ustack);", &command), &all);
    let inside = "mount -t tmpfs none /mnt && cp $1 /mnt/hidden && /mnt/hidden 100";
    let command = format!("unshare -m /bin/sh -c '{inside}' - {program}");
    if !Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).status().is_ok_and(|s| s.success()) {
        return println!("skipped: no mount namespaces");
    }
    contains(&trace_around("hidden", "@[ustack] = count();", &command), &all);
}

#[test]
fn code_of_jits_is_named_by_their_files() {
    skip_if_unfit!();
    let program = or_skip!(compile("jit.c", &folder("jit").join("jitter")), "no C compiler");
    let text = trace("jitter", "@[ustack] = count(); printf(\"pid %d.\\n\", pid);", &program, &[]);
    contains(&text, &["        jitted code+6\n", "        main+"]);
    let pid = text.lines().find_map(|l| l.strip_prefix("pid ")?.strip_suffix('.')).expect("the pid");
    std::fs::remove_file(format!("/tmp/perf-{pid}.map")).expect("the JIT's file");
}

#[test]
fn a_tracer_in_a_pid_namespace_sees_its_numbers() {
    skip_if_unfit!();
    let program = or_skip!(compile("stack.c", &folder("namespace").join("spaced")), "no C compiler");
    let script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { \
                  printf(\"%d %d %d\\n\", pid == tid, pid < 100, pid(init) == pid); @[ustack] = count(); }";
    let command = [env!("CARGO_BIN_EXE_btc"), "-q", "-c", &program, "-e", script];
    // In a chroot, the root is no mount whose propagation could be changed.
    let output = Command::new("unshare").args(["-p", "-f", "--mount-proc", "--propagation", "unchanged"]).args(command).output();
    let output = or_skip!(output.ok(), "no unshare");
    let text = String::from_utf8_lossy(&output.stdout);
    contains(&text, &["1 1 0\n", "middle+", "outer+"]);
    let outside = btc(&["-q", "-c", &program, "-e", script]);
    contains(&String::from_utf8_lossy(&outside.stdout), &["1 0 1\n"]);
}
