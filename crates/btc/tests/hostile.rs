//! Inputs that are made to cost much: time and memory stay bounded, and one error says what is too much.
//!
//! Every run has a limit of memory and of processor time, both generous: what is bounded stays far below, and what is
//! not goes beyond any.

mod support;

use std::fmt::Write as _;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use support::text;

/// Bytes of memory and seconds of processor time of one run.
const MEMORY: u64 = 2 << 30;
const SECONDS: u64 = 100;

/// The command with these arguments, within limits.
fn limited(args: &[&str], stdin: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_btc"));
    command.args(args).stdin(stdin);
    let limit = |resource, most| {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: the limit outlives the call.
        unsafe { libc::setrlimit(resource, &raw const limit) }
    };
    // SAFETY: setrlimit may be called between fork and exec.
    unsafe {
        command.pre_exec(move || {
            limit(libc::RLIMIT_AS, MEMORY);
            limit(libc::RLIMIT_CPU, SECONDS);
            Ok(())
        })
    };
    command.output().expect("btc runs")
}

/// What is wrong with a script: the codes of its errors, in order. It ends within the limits, by itself.
fn codes(name: &str, script: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.bt"));
    std::fs::write(&path, script).expect("the script is written");
    let path = path.display().to_string();
    let output = limited(&["check", "--json", &path], Stdio::null());
    let told = text(&output.stdout);
    assert!(output.status.code().is_some_and(|c| c < 2), "{name}: {:?} {}", output.status, text(&output.stderr));
    let code = |line: &str| {
        let error = line.strip_prefix(r#"{"severity":"error","code":""#)?;
        error.split('"').next().map(str::to_string)
    };
    let codes: Vec<String> = told.lines().filter_map(code).collect();
    assert!(!codes.iter().any(|c| c == "internal"), "{name}: {told}");
    assert_eq!(output.status.success(), codes.is_empty(), "{name}: {told}");
    assert!(told.len() < 200_000, "{name}: {} bytes of messages", told.len());
    codes
}

fn hostile(name: &str) -> String {
    format!("{}/../../testdata/hostile/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The inputs that an attacker found.
#[test]
fn known_inputs_end() {
    let told = |name: &str| {
        let script = std::fs::read_to_string(hostile(name)).expect("the input is there");
        codes(name, &script)
    };
    assert_eq!(told("ntup24.bt"), [] as [&str; 0]);
    assert_eq!(told("tupexp12.bt"), ["too-large"]);
    assert_eq!(told("marg18.bt"), ["too-large"]);
    assert_eq!(told("unr8.bt"), ["too-large"]);
    let errors = told("errs4000.bt");
    assert_eq!(errors.len(), 101);
    assert_eq!(errors[100], "too-large");
    let output = limited(&["check", "--btf", &hostile("anon.btf"), &hostile("ct.bt")], Stdio::null());
    assert!(output.status.code().is_some_and(|c| c < 2), "{:?}", output.status);
    // Between its members lie 200 MB, which are no members to show.
    let output = limited(&["list", "-v", "struct *", "--btf", &hostile("gap.btf")], Stdio::null());
    assert!(output.status.success() && output.stdout.len() < 100_000, "{:?}, {} bytes", output.status, output.stdout.len());
}

/// BTF whose types lead to each other in circles, one of each kind and of each pair of kinds, contained once or several times:
/// every question about them ends.
#[test]
fn types_in_circles_end() {
    let members = |count: u32, named: bool, to: u32| (0..count).flat_map(|_| [u32::from(named), to, 0]).collect::<Vec<u32>>();
    // The kind, how many parts it says it has, size or type, and what follows, for a type that leads to `to`.
    type Made = (u32, u32, u32, Vec<u32>);
    let kinds: &[fn(u32) -> Made] = &[
        |to| (2, 0, to, vec![]),
        |to| (3, 0, 0, vec![to, to, u32::MAX]),
        |to| (8, 0, to, vec![]),
        |to| (10, 0, to, vec![]),
        |to| (13, 2, to, vec![0, to, 0, to]),
    ];
    let records: Vec<(u32, u32, bool)> = [4, 5].iter().flat_map(|k| [(*k, 1, false), (*k, 3, false), (*k, 3, true)]).collect();
    let made = |n: usize, to: u32| match records.get(n) {
        Some((kind, count, named)) => (*kind, *count, 8, members(*count, *named, to)),
        None => kinds[n - records.len()](to),
    };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (path, script) = (folder.join("circle.btf"), folder.join("circle.bt"));
    std::fs::write(&script, "BEGIN { $x = (struct a *)1; print($x->a); print(curtask); print(sizeof(struct a)); exit(); }").expect("a script");
    let all = records.len() + kinds.len();
    for (one, two) in (0..all).flat_map(|one| (0..all).map(move |two| (one, two))) {
        let mut words: Vec<u32> = Vec::new();
        // `struct a` holds both; each leads to the other.
        for (name, (kind, count, size, rest)) in [(1, (4, 2, 16, [members(1, true, 2), members(1, false, 3)].concat())), (0, made(one, 3)), (3, made(two, 2))] {
            words.extend([name, kind << 24 | count, size]);
            words.extend(rest);
        }
        let (types, strings) = (words.len() as u32 * 4, b"\0a\0b\0");
        let header = [0x0001_eb9f, 24, 0, types, types, strings.len() as u32];
        let mut bytes: Vec<u8> = header.iter().chain(&words).flat_map(|w| w.to_le_bytes()).collect();
        bytes.extend(strings);
        std::fs::write(&path, bytes).expect("the types are written");
        let (path, script) = (path.display().to_string(), script.display().to_string());
        for args in [["check", "--btf", &path, &script], ["list", "--btf", &path, "struct *"], ["list", "--btf", &path, "union *"]] {
            let output = limited(&args, Stdio::null());
            let told = text(&output.stderr);
            assert!(output.status.code().is_some_and(|c| c < 2), "{one} {two} {args:?}: {:?}", output.status);
            assert!(told.len() < 100_000, "{one} {two} {args:?}: {told:.400}");
            assert!(!told.contains("[internal]"), "{one} {two} {args:?}: {told:.400}");
        }
    }
}

/// Each way to make a type of others, again and again: it ends in errors of the lines that go too far, and never in
/// one of the compiler.
#[test]
fn types_that_grow_are_refused() {
    let steps: &[(&str, &str, fn(usize) -> String)] = &[
        ("tuple", "$x0 = (1, 1);", |n| format!("$x{n} = ($x{0}, $x{0});", n - 1)),
        ("deep", "$x0 = (1, 1);", |n| format!("$x{n} = (1, $x{});", n - 1)),
        ("named", "$x0 = (a=1, b=1);", |n| format!("$x{n} = (a=$x{0}, b=$x{0});", n - 1)),
        ("map", "@x0 = (1, 1);", |n| format!("@x{n} = (@x{0}, @x{0});", n - 1)),
        ("key", "$x0 = (1, 1);", |n| format!("$x{n} = ($x{0}, $x{0}); @m{n}[$x{n}, $x{n}] = 1;", n - 1)),
        ("choice", "$x0 = (1, 1);", |n| format!("$x{n} = (pid ? $x{0} : $x{0}, $x{0});", n - 1)),
        ("pointer", "$x0 = (int8 *)0;", |n| format!("$x{n} = &$x{};", n - 1)),
        ("typeof", "$x0 = (1, 1);", |n| format!("let $x{n}: (typeof($x{0}), typeof($x{0}));", n - 1)),
        ("text", "$x0 = str_concat(\"aaaaaaaa\", \"b\");", |n| format!("$x{n} = str_concat($x{0}, $x{0});", n - 1)),
        ("loop", "@x0[1] = 1;", |n| format!("for ($k : @x{}) {{ @x{n}[$k, $k] = $k; }}", n - 1)),
        // Each walk would double what the one before has made of it.
        ("circle", "$x0 = (1, 1);", |n| format!("$x{} = ($x{1}, $x{1});", n % 4, (n - 1) % 4)),
        ("circle-of-times", "$t = nsecs(tai); $x0 = (1, $t);", |n| format!("$x{} = ($x{1}, $x{1});", n % 4, (n - 1) % 4)),
        ("circle-of-maps", "@x0 = (1, nsecs(tai));", |n| format!("@x{} = (@x{1}, @x{1});", n % 4, (n - 1) % 4)),
    ];
    for (name, first, step) in steps {
        let steps: String = (1..200).map(step).collect();
        let told = codes(&format!("grows-{name}"), &format!("BEGIN {{ {first} {steps} }}\n"));
        assert!(!told.is_empty() && told.len() <= 101, "{name}: {told:?}");
    }
    for (name, first, step) in [
        ("record", "struct s0 { int a; int b; };", "struct sN { struct sM a; struct sM b; };\n"),
        ("embedded", "struct s0 { int a; int b; };", "struct sN { struct { struct sM a; struct sM b; }; };\n"),
        ("array", "typedef int s0[2];", "typedef sM sN[2];\n"),
        ("pointers", "typedef int *s0;", "typedef sM *sN;\n"),
    ] {
        let next = |n: usize| step.replace('N', &n.to_string()).replace('M', &(n - 1).to_string());
        let steps: String = (1..2_000).map(next).collect();
        let told = codes(&format!("grows-{name}"), &format!("{first}\n{steps}BEGIN {{ exit(); }}\n"));
        assert!(!told.is_empty() && told.len() <= 101, "{name}: {told:?}");
    }
    for name in ["$", "@", "kprobe:", "BEGIN { f", "struct "] {
        let name = format!("{name}{}", "a".repeat(1_000_000));
        let script = if name.starts_with(['$', '@']) { format!("BEGIN {{ {name} = 1; }}") } else { format!("{name} {{ }}") };
        assert!(!codes("long-name", &script).is_empty());
    }
    let wide = vec!["1"; 100_000].join(", ");
    assert_eq!(codes("wide-tuple", &format!("BEGIN {{ $x = ({wide}); }}")), ["too-large"]);
    assert_eq!(codes("wide-key", &format!("BEGIN {{ @[{wide}] = 1; }}")), ["too-large"]);
    let deep = |n: usize| format!("BEGIN {{ $x = {}1{}; print($x); }}", "(1, ".repeat(n), ")".repeat(n));
    assert_eq!(codes("deep-60", &deep(60)), [] as [&str; 0]);
    // What holds the part that is too deep is checked on.
    assert_eq!(codes("deep-190", &deep(190)), ["too-large"; 2]);
}

/// Macros that double their arguments or themselves, chains of them, and such that nest each other's text, of each thing that
/// nests.
#[test]
fn macros_are_bounded() {
    let chain = |length: usize, step: &dyn Fn(usize) -> String, last: &str| {
        let macros: String = (0..length).map(step).collect();
        format!("{macros}macro m{length}(x) {{ {last} }}\nBEGIN {{ $x = m0(cpu); }}\n")
    };
    for length in [18, 40, 3_000] {
        let twice = chain(length, &|n| format!("macro m{n}(x) {{ m{}(x + x) }}\n", n + 1), "x");
        assert_eq!(codes(&format!("argument-{length}"), &twice).len(), 1);
        let calls = chain(length, &|n| format!("macro m{n}(x) {{ m{0}(x) + m{0}(x) }}\n", n + 1), "x");
        assert_eq!(codes(&format!("calls-{length}"), &calls).len(), 1);
    }
    for length in [2_000, 20_000] {
        let plain = chain(length, &|n| format!("macro m{n}(x) {{ m{}(x) }}\n", n + 1), "x");
        assert_eq!(codes(&format!("chain-{length}"), &plain), ["too-deep"]);
    }
    for (name, open, close) in [
        ("parentheses", "(", " + 1)"),
        ("not", "!", ""),
        ("ternary", "1 ? 2 : ", ""),
        ("block", "{ ", " }"),
        ("if", "if 1 { 1 } else { ", " }"),
        ("call", "str_concat(", ", \"\")"),
        ("cast", "(uint64)", ""),
        ("sizeof", "sizeof(", ")"),
        ("typeof", "(typeof(", "))1"),
    ] {
        let (open, close) = (open.repeat(90), close.repeat(90));
        let nested = chain(60, &|n| format!("macro m{n}(x) {{ {open}m{}(x){close} }}\n", n + 1), "x");
        let told = codes(&format!("nests-{name}"), &nested);
        assert_eq!(told, ["too-deep"], "{name}");
        // Just below the limit all phases have the stack for it.
        let deepest = (1..12).rev().find(|length| {
            let fits = chain(*length, &|n| format!("macro m{n}(x) {{ {open}m{}(x){close} }}\n", n + 1), "x");
            !codes(&format!("fits-{name}"), &fits).contains(&"too-deep".to_string())
        });
        assert!(deepest.is_some_and(|length| (2..11).contains(&length)), "{name}: {deepest:?}");
    }
}

/// `unroll` in `unroll`: what they make together is counted before anything is copied.
#[test]
fn copies_are_counted_first() {
    for depth in 1..=60 {
        let script = format!("BEGIN {{ {} @++; {} }}", "unroll(10) {".repeat(depth), "}".repeat(depth));
        let told = codes("unroll", &script);
        assert_eq!(told.len(), usize::from(depth > 4), "{depth} deep: {told:?}");
    }
    assert_eq!(codes("unroll-wide", &format!("BEGIN {{ unroll(100) {{ {} }} }}", "@++;".repeat(20_000))), ["too-large"]);
    let many = "unroll(100) { unroll(100) { @++; } }".repeat(1_000);
    assert_eq!(codes("unroll-many", &format!("BEGIN {{ {many} }}")), ["too-large"]);
}

/// Many mistakes of each kind, on one line and on many: a hundred are told.
#[test]
fn a_hundred_errors_are_enough() {
    for (name, before, piece, after) in [
        ("variable", "BEGIN {", "$x = $undefined;", "}"),
        ("function", "BEGIN {", "foo();", "}"),
        ("type", "BEGIN {", "$x = 1 + comm;", "}"),
        ("character", "BEGIN {", "`", "}"),
        ("number", "BEGIN {", "$x = 0xg;", "}"),
        ("escape", "BEGIN {", "$x = \"\\q\";", "}"),
        ("probe", "", "foo:bar { }", ""),
        ("setting", "config = {", "foo = 1;", "} BEGIN { }"),
        ("record", "", "struct s { int a; };", "BEGIN { }"),
        ("macro", "macro m(x) { x } BEGIN {", "m();", "}"),
        ("declaration", "", "let @m = foo(1);", "BEGIN { }"),
    ] {
        for end in ["", "\n"] {
            let script = format!("{before} {} {after}", format!("{piece}{end}").repeat(20_000));
            let told = codes(&format!("errors-{name}"), &script);
            assert!((2..=101).contains(&told.len()), "{name}: {} errors", told.len());
        }
    }
}

/// A hundred thousand of each thing: compiled, or refused by one limit.
#[test]
fn many_of_a_thing_are_taken_or_refused() {
    let many = |count: usize, piece: &str| {
        let mut all = String::new();
        for n in 0..count {
            let _ = write!(all, "{}", piece.replace('N', &n.to_string()));
        }
        all
    };
    for (name, count, before, piece, after) in [
        ("statements", 100_000, "BEGIN {", "@ = 1;", "}"),
        ("strings", 100_000, "BEGIN {", "@ = \"sN\";", "}"),
        ("variables", 100_000, "BEGIN {", "$vN = cpu;", "}"),
        ("declared", 100_000, "BEGIN {", "let $vN;", "}"),
        ("probes", 100_000, "", "begin { @ = N; }\n", ""),
        ("points", 100_000, "", "kprobe:fN, ", "kprobe:g { }"),
        ("enumerators", 100_000, "enum e { E = 1", ", EN", "}; BEGIN { @ = E; }"),
        ("fields", 100_000, "struct s {", "int aN;", "}; BEGIN { @ = ((struct s *)0)->a9; }"),
        ("defines", 100_000, "", "#define DN N\n", "BEGIN { @ = D9; }"),
        ("typedefs", 100_000, "", "typedef int tN;\n", "BEGIN { @ = (t9)1; }"),
        ("macros", 100_000, "", "macro mN() { 1 }\n", "BEGIN { @ = m9(); }"),
        ("parameters", 100_000, "BEGIN {", "print($1N);", "}"),
        ("comments", 100_000, "", "// N\n/* N */ ", "BEGIN { }"),
        ("maps", 100_000, "BEGIN {", "@mN = 1;", "}"),
        ("keys", 100_000, "BEGIN {", "@mN[1] = 1;", "}"),
        ("counts", 100_000, "BEGIN {", "@[pid] = count();", "}"),
        ("prints", 100_000, "BEGIN {", "print(N);", "}"),
        ("declared-maps", 100_000, "", "let @mN = hash(10);", "BEGIN { @m9[1] = 1; }"),
        ("map-loops", 20_000, "BEGIN { @m[1] = 1;", "for ($i : @m) { @ = $i.0; }", "}"),
        ("loops", 20_000, "BEGIN {", "for ($i : 0..10) { @ = $i; }", "}"),
    ] {
        let told = codes(&format!("many-{name}"), &format!("{before}{}{after}", many(count, piece)));
        let limit = |code: &String| matches!(code.as_str(), "too-large" | "out-of-range");
        assert!(told.len() <= 101 && told.iter().all(limit), "{name}: {told:?}");
    }
}

/// What has no end, or lets its reader wait, is refused; a pipe that has one is read.
#[test]
fn inputs_without_end_are_refused() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("endless");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = |name: &str| folder.join(name).display().to_string();
    for name in ["fifo", "fifo.h"] {
        let name = std::ffi::CString::new(path(name)).expect("no NUL");
        // SAFETY: the name is a C string.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    }
    std::os::unix::fs::symlink("/dev/zero", path("zero.h")).expect("a link");
    let sparse = std::fs::File::create(path("sparse")).expect("a file");
    sparse.set_len(5 << 30).expect("a long file");
    let script = |name: &str, text: &str| {
        std::fs::write(path(name), text).expect("a script");
        path(name)
    };
    let good = script("good.bt", "BEGIN { exit(); }\n");
    let (fifo, header, sparse) = (path("fifo"), path("fifo.h"), path("sparse"));
    let includes = script("a.bt", "#include \"fifo.h\"\nBEGIN { exit(); }\n");
    let zeros = script("b.bt", "#include \"zero.h\"\nBEGIN { exit(); }\n");
    let imports = script("c.bt", "import \"fifo.h\";\nBEGIN { exit(); }\n");
    let folder = folder.display().to_string();
    for (args, wanted) in [
        (vec!["/dev/zero"], "is a device"),
        (vec![&*folder], "is a folder"),
        (vec![&*sparse], "longer than 64 MiB"),
        (vec![&*includes], "cannot read the header"),
        (vec![&*zeros], "cannot read the header"),
        (vec![&*imports], "cannot be found or read"),
        (vec!["--include", &*header, &*good], "cannot read the header"),
        (vec!["--include", "/dev/zero", &*good], "cannot read the header"),
        (vec!["--btf", &*fifo, &*good], "is a pipe"),
        (vec!["--btf", "/dev/zero", &*good], "is a device"),
        (vec!["--btf", &*sparse, &*good], "longer than 64 MiB"),
    ] {
        let output = limited(&[&["check"], &args[..]].concat(), Stdio::null());
        let told = text(&output.stderr);
        assert!(output.status.code() == Some(1) && told.contains(wanted), "{args:?}: {:?} {told}", output.status);
    }
    let zeros = std::fs::File::open("/dev/zero").expect("zeros");
    let output = limited(&["check", "-"], zeros.into());
    assert!(text(&output.stderr).contains("longer than 64 MiB"), "{}", text(&output.stderr));
    let writer = std::thread::spawn({
        let fifo = fifo.clone();
        move || std::fs::write(fifo, "BEGIN { exit(); }\n")
    });
    assert!(limited(&["check", &fifo], Stdio::null()).status.success());
    writer.join().expect("the writer ends").expect("the pipe takes it");
}

/// Numbers and texts beyond what the runtime can do are told when the script is compiled.
#[test]
fn absurd_values_are_told() {
    assert_eq!(codes("pages", "config = { perf_rb_pages = 4294967295 } BEGIN { }"), ["bad-config"]);
    for call in ["print(strftime(\"F\", nsecs))", "time(\"F\")"] {
        let long = |format: &str| codes("format", &format!("BEGIN {{ {}; }}", call.replace('F', format)));
        for format in ["a".repeat(5_000), "%A".repeat(2_000), "%5000d".to_string(), "%99999999999999999999d".to_string()] {
            assert_eq!(long(&format), ["too-large"], "{call}: {format:.20}");
        }
        for format in ["%H:%M:%S", &"a".repeat(4_000)] {
            assert_eq!(long(format), [] as [&str; 0], "{call}: {format:.20}");
        }
    }
}

/// Under sudo, a file that the caller may not read is not shown by way of its errors.
#[test]
fn errors_keep_secrets() {
    use std::os::unix::fs::PermissionsExt;
    // Others must be able to pass: the folder of tests may be root's alone.
    let folder = std::env::temp_dir().join(format!("btc-secrets-{}", std::process::id()));
    let inner = folder.join("inner");
    std::fs::create_dir_all(&inner).expect("folders");
    let script = inner.join("shadow.bt");
    std::fs::write(&script, "root:$y$secretword:1:0:::\n").expect("a file");
    let mode = |path: &std::path::Path, mode: u32| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("modes");
    for (of_folder, of_file, caller, shown) in [
        (0o755, 0o644, "65534", true),
        (0o755, 0o600, "65534", false),
        (0o700, 0o644, "65534", false),
        (0o700, 0o600, "0", true),
    ] {
        (mode(&inner, of_folder), mode(&script, of_file));
        for arguments in [vec!["check"], vec!["compile", "-o", "/dev/null"], vec!["run", "--dry-run"], vec!["fmt"], vec!["list"]] {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_btc"));
            command.args(&arguments).arg(&script).env("SUDO_UID", caller).env("SUDO_GID", caller);
            let output = command.output().expect("btc runs");
            let told = text(&output.stderr);
            assert!(!told.is_empty() && told.contains("secretword") == shown, "{arguments:?} {of_file:o} {caller}: {told}");
        }
    }
    std::fs::remove_dir_all(folder).expect("the folder goes");
}

/// Nor by way of results: what is printed, and files that the caller may read.
#[test]
fn results_keep_secrets() {
    use std::os::unix::fs::PermissionsExt;
    let folder = std::env::temp_dir().join(format!("btc-results-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let at = |name: &str| folder.join(name).display().to_string();
    let (script, object, fresh) = (at("s.bt"), at("s.o"), at("fresh.o"));
    let btc = |arguments: &[&str], caller: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_btc"));
        command.args(arguments).env("SUDO_UID", caller).env("SUDO_GID", caller).output().expect("btc runs")
    };
    std::fs::write(&script, "BEGIN { $x = getopt(\"secretword\", 1); print($x); exit(); }").expect("a file");
    assert!(btc(&["compile", &script, "-o", &object], "0").status.success());
    let mode = |path: &str| std::fs::metadata(path).expect("the file").permissions().mode() & 0o777;
    for path in [&script, &object] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("modes");
    }
    for arguments in [
        vec!["fmt", &script],
        vec!["run", "-d", "ast", &script],
        vec!["run", "-d", "tokens", &script],
        vec!["compile", "--emit", "ast", &script],
        vec!["compile", "--emit", "ast", &script, "-o", "-"],
        vec!["compile", &script, "-o", "/dev/stdout"],
        vec!["run", &script, "--", "--help"],
        vec!["inspect", &object],
        vec!["list", &script],
    ] {
        let (hidden, shown) = (btc(&arguments, "65534"), btc(&arguments, "0"));
        let said = text(&hidden.stderr);
        assert!(shown.status.success(), "{arguments:?}: {}", text(&shown.stderr));
        assert!(arguments[0] == "list" || shown.stdout.windows(10).any(|w| w == b"secretword"), "{arguments:?}");
        assert!(!hidden.status.success() && hidden.stdout.is_empty(), "{arguments:?}: {}", text(&hidden.stdout));
        assert!(said.lines().count() == 1 && said.contains("may not read"), "{arguments:?}: {said}");
    }
    // Work in folders of root's goes on, and its results are root's.
    assert!(btc(&["compile", &script, "-o", &fresh], "65534").status.success());
    assert_eq!(mode(&fresh), 0o600);
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o644)).expect("modes");
    assert!(btc(&["compile", &script, "-o", &fresh], "65534").status.success());
    assert_eq!(mode(&fresh), 0o600);
    assert!(btc(&["fmt", "-w", &script], "65534").status.success());
    assert_eq!(mode(&script), 0o600);
    std::fs::remove_dir_all(folder).expect("the folder goes");
}
