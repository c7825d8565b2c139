//! The command writes the same object wherever it runs, and the runtime survives damaged ones.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const SCRIPT: &str = "\
kprobe:vfs_read / comm == \"cat\" / { @start[tid] = nsecs; @names[comm, pid] = count(); }
kretprobe:vfs_read / @start[tid] / {
  @usecs = hist((nsecs - @start[tid]) / 1000);
  printf(\"%s %d %s\\n\", comm, retval, strftime(\"%H:%M\", nsecs));
}
tracepoint:syscalls:sys_enter_openat { @[kstack, str(args.filename)] = count(); }
kprobe:vfs_open { print(str(((struct path *)arg0)->dentry->d_name.name)); }
interval:s:1 { print(@usecs); clear(@usecs); if ($1 > 3) { exit(); } }
";

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("btc-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Compiles [`SCRIPT`] in a folder, for the kernel of the tests.
fn compile(folder: &Path) -> Vec<u8> {
    let btf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/target/vmlinux.btf");
    std::fs::write(folder.join("script.bt"), SCRIPT).expect("the script can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_btc"));
    command.current_dir(folder).args(["compile", "script.bt", "-o", "out.o", "--btf"]).arg(btf);
    // The environment may set limits, which are part of the object.
    for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("BPFTRACE_")) {
        command.env_remove(name);
    }
    let output = command.output().expect("btc can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(folder.join("out.o")).expect("the object was written")
}

#[test]
fn the_same_object_in_every_folder() {
    let (one, two) = (Folder::new("one"), Folder::new("two-with-a-longer-name"));
    let (first, second) = (compile(&one.0), compile(&two.0));
    assert!(first == second, "two compiles of one script differ");
    let folder = one.0.display().to_string();
    assert!(!first.windows(folder.len()).any(|w| w == folder.as_bytes()), "the object tells its folder");
}

/// A script is not overwritten by its object, whatever the path is called; and what cannot be written leaves what was there.
#[test]
fn outputs_take_nothing_away() {
    let folder = Folder::new("outputs");
    let script = "BEGIN { exit(); }\n";
    std::fs::write(folder.0.join("a.bt"), script).expect("the script can be written");
    std::fs::hard_link(folder.0.join("a.bt"), folder.0.join("hard")).expect("a link");
    std::os::unix::fs::symlink("a.bt", folder.0.join("soft")).expect("a link");
    let btc = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_btc"));
        command.current_dir(&folder.0).args(args).output().expect("btc can be started")
    };
    for output in ["a.bt", "./a.bt", "hard", "soft"] {
        let done = btc(&["compile", "a.bt", "-o", output]);
        let message = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(!done.status.success() && message.contains("was read for this"), "{output}: {message}");
        assert_eq!(std::fs::read_to_string(folder.0.join("a.bt")).expect("the script"), script);
    }
    // Nor what it includes, nor what runs.
    std::fs::write(folder.0.join("inc.h"), "#define ONE 1\n").expect("a header");
    std::fs::write(folder.0.join("h.bt"), "#include \"inc.h\"\nBEGIN { print(ONE); exit(); }\n").expect("a script");
    for args in [["compile", "h.bt", "-o", "inc.h"], ["run", "h.bt", "-o", "inc.h"], ["run", "h.bt", "-o", "h.bt"]] {
        assert!(!btc(&args).status.success(), "{args:?}");
    }
    assert_eq!(std::fs::read_to_string(folder.0.join("inc.h")).expect("the header"), "#define ONE 1\n");
    // What is called an object is none.
    std::fs::write(folder.0.join("evil.o"), "BEGIN { exit(); }\n").expect("a file");
    let done = btc(&["run", "evil.o"]);
    assert!(!done.status.success() && String::from_utf8_lossy(&done.stderr).contains("is named as an object"));
    std::fs::write(folder.0.join("old.o"), "old").expect("a file");
    std::os::unix::fs::symlink("old.o", folder.0.join("link.o")).expect("a link");
    assert!(btc(&["compile", "a.bt", "-o", "link.o"]).status.success());
    assert!(std::fs::read(folder.0.join("old.o")).expect("the object").starts_with(b"\x7fELF"), "behind the link");
    assert!(btc(&["compile", "a.bt", "-o", "/dev/null"]).status.success());
    assert!(!btc(&["compile", "a.bt", "-o", "nowhere/a.o"]).status.success());
    let names = std::fs::read_dir(&folder.0).expect("the folder").flatten().map(|e| e.file_name());
    let left: Vec<_> = names.filter(|n| n.to_string_lossy().contains(".new")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// What is stripped is nowhere in the object.
#[test]
fn stripped_objects_hold_no_line_of_the_script() {
    let folder = Folder::new("stripped");
    std::fs::write(folder.0.join("s.bt"), "BEGIN { @secret_of_mine = 1; /* a comment of mine */ exit(); }\n").expect("a script");
    for (strip, holds) in [(false, true), (true, false)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_btc"));
        command.current_dir(&folder.0).args(["compile", "s.bt", "-o", "s.o"]);
        command.args(if strip { &["--strip-source"][..] } else { &[] });
        assert!(command.status().expect("btc can be started").success());
        let object = std::fs::read(folder.0.join("s.o")).expect("the object");
        assert_eq!(object.windows(20).any(|w| w == b"a comment of mine */"), holds, "--strip-source: {strip}");
    }
}

fn inspect(folder: &Path, object: &[u8]) -> (bool, String, String) {
    std::fs::write(folder.join("seen.o"), object).expect("the object can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_btc"));
    let output = command.current_dir(folder).args(["inspect", "seen.o"]).output().expect("btc can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// The same bytes with another word of the same length wherever one stands.
fn replaced(object: &[u8], word: &str, by: &str) -> Vec<u8> {
    assert_eq!(word.len(), by.len());
    let mut bytes = object.to_vec();
    let mut found = 0;
    while let Some(at) = bytes.windows(word.len()).position(|w| w == word.as_bytes()) {
        bytes[at..at + word.len()].copy_from_slice(by.as_bytes());
        found += 1;
    }
    assert!(found > 0, "the object holds no {word}");
    bytes
}

/// Effects come first, a terminal obeys nothing of what an object holds, and a line of the script is shown only if it is one.
#[test]
fn objects_are_shown_as_what_they_are() {
    let folder = Folder::new("inspect");
    let object = compile(&folder.0);
    let (good, text, _) = inspect(&folder.0, &object);
    assert!(good && text.starts_with("effects on this host\n  runs at kprobe:vfs_read, line 1\n"), "{text}");
    assert!(text.contains("\n; @usecs = hist((nsecs - @start[tid]) / 1000);\n"), "{text}");

    for (name, seen) in [
        ("@\u{1b}[2J\u{7}", "@\\x1b[2J\\x07"), ("@a\nb\rc", "@a\\x0ab\\x0dc"),
        ("@\u{202e}ab", "@\\xe2\\x80\\xaeab"), ("@\u{200b}ab", "@\\xe2\\x80\\x8bab"),
    ] {
        let (_, text, message) = inspect(&folder.0, &replaced(&object, "@start", name));
        for shown in [&text, &message] {
            assert!(!shown.chars().any(|c| c.is_control() && c != '\n' || matches!(c, '\u{202e}' | '\u{200b}')), "{shown}");
        }
        assert!(text.contains(seen), "{text}");
    }

    let (_, text, _) = inspect(&folder.0, &replaced(&object, "@usecs = hist((nsecs", "@usecs = none((nsecs"));
    assert!(!text.contains("; @usecs = none"), "a line that the script has not");
}

/// What goes to the terminal as it is, is shown as what it is.
#[test]
fn formats_are_shown() {
    let folder = Folder::new("formats");
    let script = "BEGIN { printf(\"\\x1b[2J%d \u{200b}%s\\n\", 1, comm); warnf(\"w%d\", 1); time(\"%H\"); }";
    let path = folder.0.join("formats.o");
    let command = |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_btc")).args(args).arg(&path).output().expect("btc can be started");
    assert!(command(&["compile", "-e", script, "-o"]).status.success());
    let text = String::from_utf8_lossy(&command(&["inspect"]).stdout).into_owned();
    for shown in [r#"printf "\u{1b}[2J{int8} \u{200b}{string[16]}\n"  "#, r#"warnf "w{int8}"  "#, r#"time "%H"  "#] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
}

/// What a run refuses is told, with all that can be shown, and is no success.
#[test]
fn objects_that_no_run_takes_are_told() {
    let folder = Folder::new("refused");
    let object = compile(&folder.0);
    // The name of a program in the manifest alone: the symbol ends with NUL, the manifest's string does not.
    let name = b"p0_kprobe_vfs_read";
    let mut lie = object.clone();
    let places = object.windows(name.len() + 1).enumerate().filter(|(_, w)| w.starts_with(name) && w[name.len()] != 0);
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| lie[*at] = b'q');
    let (good, text, message) = inspect(&folder.0, &lie);
    assert!(!good && text.starts_with("refused   ") && text.contains("q0_kprobe_vfs_read"), "{text}");
    assert!(message.contains("no run takes this object"), "{message}");
}

/// The runtime reads objects of strangers: any bytes give a manifest or an error, in no time.
#[cfg(feature = "run")]
#[test]
fn damaged_objects_end_well() {
    let folder = Folder::new("damaged");
    let whole = compile(&folder.0);
    assert!(btc_runtime::manifest(&whole).is_ok());
    let look = |bytes: &[u8], what: &str, n: u64| {
        let begin = Instant::now();
        let _ = btc_runtime::manifest(bytes);
        assert!(begin.elapsed() < Duration::from_secs(5), "{what} {n} takes too long");
    };
    for end in 0..whole.len() {
        look(&whole[..end], "cut", end as u64);
    }
    let cases = std::env::var("BTC_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    for seed in 0..cases {
        look(&mutated(&whole, seed), "mutation", seed);
    }
}

/// One to four bytes changed, half of them in the manifest, where most checks are.
#[cfg(feature = "run")]
fn mutated(whole: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut below = |limit: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((n ^ n >> 31) % limit as u64) as usize
    };
    let mut bytes = whole.to_vec();
    let manifest = whole.windows(4).rposition(|w| w == b"btc ").unwrap_or(0);
    for _ in 0..1 + below(4) {
        let at = match below(2) {
            0 => below(bytes.len()),
            _ => (manifest + below(1500)).min(bytes.len() - 1),
        };
        bytes[at] = match below(3) {
            0 => bytes[at] ^ 1 << below(8),
            1 => [0, 1, 0x7f, 0x80, 0xfe, 0xff][below(6)],
            _ => below(256) as u8,
        };
    }
    bytes
}
