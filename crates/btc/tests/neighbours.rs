//! Processes that are no friends of the tracer: what they leave lying about neither holds nor harms it.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

mod support;

use support::{on_terminal, program, text, unfit};

/// Long enough for a loaded machine, and far less than for ever.
const SOON: Duration = Duration::from_secs(15);

/// A neighbour, ended with the test.
struct Neighbour(Child);

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Neighbour {
    fn start(binary: &Path, name: &str) -> Neighbour {
        Neighbour(Command::new(binary).args(["60", name]).spawn().expect("it starts"))
    }

    /// Where it may leave a map of what its JIT has made.
    fn perf_map(&self) -> PathBuf {
        let path = PathBuf::from(format!("/tmp/perf-{}.map", self.0.id()));
        let _ = std::fs::remove_file(&path);
        path
    }
}

/// Traces a neighbour; what was printed, after which time.
fn trace(neighbour: &Neighbour, script: &str) -> (Output, Duration) {
    let start = Instant::now();
    let pid = neighbour.0.id().to_string();
    let mut limited = Command::new("timeout");
    let limited = limited.args(["-s", "KILL", "60", env!("CARGO_BIN_EXE_btc"), "-q", "-p", &pid, "-e", script]);
    (limited.output().expect("btc runs"), start.elapsed())
}

fn pipe(path: &Path) {
    let _ = std::fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().is_ok_and(|s| s.success()), "mkfifo makes a pipe");
}

/// The symbol at the place of the code without a file.
const JIT: &str = "tracepoint:syscalls:sys_enter_getppid { printf(\"<%s>\\n\", usym((uint64)0x10000010)); exit(); }";

#[test]
fn perf_maps_are_plain_files_of_the_processs_user() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let neighbour = Neighbour::start(&program("kernel/neighbour.c", "neighbour-maps"), "maps");
    let map = neighbour.perf_map();
    let other = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("neighbours.pipe");
    pipe(&other);
    type Make<'a> = (&'a str, Box<dyn Fn() + 'a>);
    let at = &map;
    let link = |to: &'static str| Box::new(move || {
        let _ = std::fs::remove_file(at);
        symlink(to, at).expect("a link");
    });
    let cases: [Make; 5] = [
        ("a pipe", Box::new(|| pipe(&map))),
        ("a link to a pipe", Box::new(|| symlink(&other, neighbour.perf_map()).expect("a link"))),
        ("a link to the kernel's pipe", link("/sys/kernel/tracing/trace_pipe")),
        ("a link to zeros", link("/dev/zero")),
        ("a file of another user", Box::new(|| {
            std::fs::write(neighbour.perf_map(), "10000000 100 forged\n").expect("a file");
            std::os::unix::fs::chown(&map, Some(12345), None).expect("root may");
        })),
    ];
    for (what, make) in cases {
        make();
        let (output, took) = trace(&neighbour, JIT);
        assert_eq!(text(&output.stdout), "<0x10000010>\n\n\n", "{what}: {}", text(&output.stderr));
        assert!(took < SOON, "{what} took {took:?}");
    }
    std::fs::write(neighbour.perf_map(), "10000000 100 jitted\n").expect("a file");
    assert_eq!(text(&trace(&neighbour, JIT).0.stdout), "<jitted>\n\n\n");
    // Four gigabytes of nothing behind it.
    File::options().write(true).open(&map).expect("a file").set_len(4 << 30).expect("a sparse file");
    let (output, took) = trace(&neighbour, JIT);
    assert_eq!(text(&output.stdout), "<jitted>\n\n\n", "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("only the first 64 MiB"), "{}", text(&output.stderr));
    assert!(took < SOON, "{took:?}");
    // SAFETY: plain data for which zeros are valid, and a writable structure.
    let most = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage.ru_maxrss
    };
    assert!(most < 512 << 10, "{most} KiB");
    let _ = std::fs::remove_file(&map);
}

#[test]
fn a_debug_link_to_a_pipe_holds_nobody() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let binary = program("kernel/neighbour.c", "neighbour-link");
    let folder = binary.with_file_name("neighbour-link.d");
    let _ = std::fs::create_dir(&folder);
    let (debug, linked) = (folder.join("debug"), folder.join("linked"));
    let _ = std::fs::remove_file(&debug);
    std::fs::write(&debug, "anything").expect("a file");
    let link = format!("--add-gnu-debuglink={}", debug.display());
    let made = Command::new("objcopy").args(["--strip-debug", &link]).args([&binary, &linked]).status();
    if !made.is_ok_and(|s| s.success()) {
        return println!("skipped: no objcopy");
    }
    pipe(&debug);
    let neighbour = Neighbour::start(&linked, "link");
    let script = format!("uprobe:{}:tick {{ print(ustack(1)); exit(); }}", linked.display());
    let (output, took) = trace(&neighbour, &script);
    assert_eq!(text(&output.stdout).trim(), "tick+0", "{}", text(&output.stderr));
    assert!(took < SOON, "{took:?}");
}

#[test]
fn names_of_processes_do_not_command_the_terminal() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let name = "a\u{1b}[2J\u{9b}m\r\u{7}";
    let neighbour = Neighbour::start(&program("kernel/neighbour.c", "neighbour-terminal"), name);
    std::fs::write(neighbour.perf_map(), format!("10000000 100 {name}\n")).expect("a file");
    let pid = neighbour.0.id().to_string();
    let script = "tracepoint:syscalls:sys_enter_getppid {
        printf(\"%s|%-30s|%c\\n\", comm, comm, 27); print(comm); print((1, comm)); @[comm, pid] = comm; print(usym((uint64)0x10000010));
        errorf(\"%s\", comm); warnf(\"%s\", comm); exit(); }";
    let command = |more: &[&'static str]| {
        let args = ["-q", "-p", pid.as_str(), "-e", script];
        args.into_iter().chain(more.iter().copied()).map(str::to_string).collect::<Vec<_>>()
    };
    let on = |more: &[&'static str]| on_terminal(&command(more).iter().map(String::as_str).collect::<Vec<_>>());
    // The terminal itself makes `\r\n` of ends of lines.
    let shown = text(&on(&[])).replace("\r\n", "\n");
    assert!(shown.matches("a\\x1b[2J\\xc2\\x9bm\\x0d\\x07").count() >= 9, "{shown:?}");
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    let json = text(&on(&["-f", "json"])).replace("\r\n", "\n");
    assert!(json.contains("a\\u001b[2J\\u009bm\\r\\u0007"), "{json:?}");
    assert!(!json.lines().filter(|l| l.starts_with('{')).any(|l| l.contains(char::is_control)), "{json:?}");
    // Who wants them gets them: by an option, in a file and in a pipe.
    let raw = text(&on(&["--raw"]));
    assert!(raw.matches(name).count() >= 9, "{raw:?}");
    let pipe = support::btc(&command(&[]).iter().map(String::as_str).collect::<Vec<_>>());
    assert!(text(&pipe.stdout).matches(name).count() >= 7 && text(&pipe.stderr).matches(name).count() >= 2);
    let _ = std::fs::remove_file(neighbour.perf_map());
}

/// What the script itself says is the user's word.
#[test]
fn a_script_may_command_the_terminal() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let shown = text(&on_terminal(&["-q", "-e", "BEGIN { printf(\"\\033[1mbold\\t%s\\n\", \"x\\ty\"); exit(); }"]));
    assert!(shown.contains("\u{1b}[1mbold\tx\ty\r\n"), "{shown:?}");
}

#[test]
fn a_name_is_no_command() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let neighbour = Neighbour::start(&program("kernel/neighbour.c", "neighbour-shell"), "$(id);'`id`\"|a");
    let pid = neighbour.0.id().to_string();
    let script = "tracepoint:syscalls:sys_enter_getppid {
        system(\"echo %s\", comm); system(\"echo '%s' \\\"%s\\\"\", comm, comm); system(\"echo $(echo %s)\", comm);
        system(\"echo %s %d\", \"a; echo b\", 3); exit(); }";
    let output = support::btc(&["-q", "--unsafe", "-p", &pid, "-e", script]);
    let name = "$(id);'`id`\"|a";
    assert_eq!(text(&output.stdout).trim_end(), format!("{name}\n\n{name} {name}\n\na; echo b 3"), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("the command was not run"), "{}", text(&output.stderr));
}

#[test]
fn keys_that_differ_in_bytes_that_are_no_text_stay_two() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let script = "BEGIN { @[\"a\\xff\"] = 1; @[\"a\\xfe\"] = 2; exit(); }";
    let output = support::btc(&["-q", "-f", "json", "-e", script]);
    let line = text(&output.stdout);
    assert!(line.contains("\u{fffd}ff\": 1") && line.contains("\u{fffd}fe\": 2"), "{line} {}", text(&output.stderr));
}
