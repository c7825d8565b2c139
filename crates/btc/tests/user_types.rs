//! Functions, types and lines of programs by their debug information, wherever it lies. Only programs that the test
//! started are traced. Where the machine lacks something, a test says `skipped: reason`.

use std::path::{Path, PathBuf};
use std::process::Command;

mod support;

use support::{btc, unfit};

/// The program `typed` of the test's own, in a folder of its own; `None` without a compiler.
fn program(name: &str, options: &[&str]) -> Option<PathBuf> {
    build("typed", name, options)
}

fn build(program: &str, name: &str, options: &[&str]) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel").join(program).with_extension("c");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("user_types").join(name);
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let program = folder.join(program);
    let built = Command::new("cc").args(options).arg("-o").arg(&program).arg(source).status().ok()?;
    assert!(built.success(), "cc builds the program");
    Some(program)
}

/// What a script prints of the program; fails with all that was said.
fn trace(program: &Path, script: &str, options: &[&str]) -> String {
    let path = program.to_str().expect("a path of text");
    let script = script.replace("BIN", path);
    let output = btc(&[&["-q"], options, &["-c", path, "-e", &script]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What is said of a script that cannot run.
fn refused(program: &Path, script: &str) -> String {
    let path = program.to_str().expect("a path of text");
    let output = btc(&["-c", path, "-e", &script.replace("BIN", path)]);
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

macro_rules! program_or_skip {
    ($name:expr, $options:expr) => {{
        if let Some(reason) = unfit() {
            return println!("skipped: {reason}");
        }
        let Some(program) = program($name, $options) else { return println!("skipped: no C compiler") };
        program
    }};
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|l| !l.is_empty() && *l != "alice bob").collect()
}

#[test]
fn arguments_have_names_and_types() {
    for optimise in ["-O0", "-O2"] {
        let program = program_or_skip!(optimise, &["-g", optimise]);
        let script = r#"uprobe:BIN:take /args.n == -1/ {
            print((args.n, args.far, args.last, args.seventh, args.eighth));
            printf("%s %s %d\n", str(args.p->name), str(args.text), args.p->next->age);
            print(args.p->at); print(args.p->color); print(args.p->hi); print(args.p->letter); print(args.p->small[0]);
            print((args.p->mix, args.p->yes, args.p->bit, args.p->raw, args.p->raw[3]));
            print(*args.p->next);
            @kept = args.p;
        } uretprobe:BIN:after { print(((struct person *)retval)->tag); print(@kept->tag); clear(@kept); }"#;
        let text = trace(&program, script, &[]);
        let found = lines(&text);
        assert_eq!(found[0], "(-1, 1099511627776, 1, 122, -3)", "{optimise}: {text}");
        assert_eq!(found[1], "alice text 7", "{optimise}: {text}");
        // Enums and truth values are numbers, bytes are text.
        assert_eq!(found[2..8], ["{ .x = 1, .y = 2 }", "5", "17", "65", "-1", "(5, 1, 0, four, 114)"], "{optimise}: {text}");
        let whole = found[8];
        for part in [".age = 7, .at = { .x = 3, .y = 4 }, .color = 6, .tag = second, .lo = 5, .hi = 21", ".small = [7,8,9]", ".mix = 6, .yes = 1, .bit = 1, .raw = raw }"] {
            assert!(whole.contains(part), "{optimise}: {whole}");
        }
        assert_eq!(found[9..], ["second", "first"], "{optimise}: {text}");
        let all = trace(&program, "uprobe:BIN:take /args.n == -3/ { print(args); }", &[]);
        assert!(all.contains(".n = -3, .text = 0x") && all.contains(".last = 3, .seventh = 122, .eighth = -3 }"), "{all}");
    }
}

/// Where the element's type has a name of its own the array holds numbers, which go on behind a 0; what is `char` itself is a string.
#[test]
fn arrays_of_bytes_are_numbers_or_strings_by_their_type() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let Some(program) = build("bytes", "bytes", &["-g", "-O1"]) else { return println!("skipped: no C compiler") };
    let script = r#"uprobe:BIN:look { $p = args.p; print($p->u8); print($p->i8); print($p->uc); print($p->sc); print($p->c); print($p->b);
        print($p->o); print($p->l); print($p->cu); print($p->two); print($p->words); $u = $p->u8; print($u); print($u[5]);
        @[$p->u8] = 1; print(@); clear(@); print(*$p); }"#;
    let text = trace(&program, script, &[]);
    let expected = [
        "[170,0,0,0,0,85]", "[-2,66]", "uc", "sc", "c", "[1,0,1]", "[65,0,66]", "[108,0,109]", "[0,7]", "[[1,0],[2,3]]", "[x,yz]",
        "[170,0,0,0,0,85]", "85", "@[[170,0,0,0,0,85]]: 1",
    ];
    let found = lines(&text);
    assert_eq!(found[..expected.len()], expected, "{text}");
    assert!(found[expected.len()].starts_with("{ .u8 = [170,0,0,0,0,85], .i8 = [-2,66], .uc = uc, .sc = sc, .c = c, .b = [1,0,1], .o = [65,0,66]"), "{text}");
}

/// Variables have the sign that debug information tells; where there is none they have one, as in bpftrace.
#[test]
fn variables_have_their_sign() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let script = r#"uprobe:BIN:look { print((*uaddr("small"), *uaddr("medium"), *uaddr("number"), *uaddr("level")));
        print((*uaddr("count"), *uaddr("most"))); @s = sum(*uaddr("number")); if (*uaddr("number") < 0) { print("negative"); } }"#;
    for (options, rest) in [(&["-g"][..], "(4000000000, 18446744073709551615)"), (&["-O1"], "(-294967296, -1)")] {
        let Some(program) = build("bytes", if options == ["-g"] { "signs" } else { "signs_plain" }, options) else {
            return println!("skipped: no C compiler");
        };
        let text = trace(&program, script, &[]);
        assert_eq!(lines(&text), ["(-8, -300, -7, -1)", rest, "negative", "@s: -7"], "{options:?}: {text}");
    }
}

#[test]
fn debug_information_may_lie_elsewhere() {
    const SCRIPT: &str = "uprobe:BIN:take { @[args.n] = count(); }";
    let build_id = "-Wl,--build-id=0x00112233445566778899aabbccddeeff00112233";
    let program = program_or_skip!("elsewhere", &["-g", build_id]);
    let folder = program.parent().expect("its folder");
    let copy = |args: &[&str]| {
        let done = Command::new("objcopy").args(args).current_dir(folder).status();
        done.is_ok_and(|s| s.success())
    };
    if !copy(&["--only-keep-debug", "--compress-debug-sections=zlib", "typed", "typed.debug"]) {
        return println!("skipped: no objcopy");
    }
    assert!(copy(&["--strip-debug", "typed", "stripped"]));
    let stripped = folder.join("stripped");
    assert!(refused(&stripped, SCRIPT).contains("has no debug information here"));

    // By its build id, in a folder of the user's.
    let place = folder.join("symbols/.build-id/00");
    std::fs::create_dir_all(&place).expect("a folder");
    std::fs::copy(folder.join("typed.debug"), place.join("112233445566778899aabbccddeeff00112233.debug")).expect("a copy");
    let symbols = folder.join("symbols");
    let by_id = trace(&stripped, SCRIPT, &["--debuginfo", symbols.to_str().expect("a path of text")]);
    assert!(by_id.contains("@[-3]: 1"), "{by_id}");

    // By its link, beside the program; not when it is another build's.
    assert!(copy(&["--add-gnu-debuglink=typed.debug", "stripped", "linked"]));
    let linked = folder.join("linked");
    let by_link = trace(&linked, "uprobe:BIN:take { @[args.n] = count(); } uprobe:BIN@typed.c:23 { @line = count(); }", &[]);
    assert!(by_link.contains("@[-3]: 1") && by_link.contains("@line: 3"), "{by_link}");
    assert!(copy(&["--decompress-debug-sections", "typed.debug", "typed.debug"]));
    assert!(refused(&linked, SCRIPT).contains("has no debug information here"));
}

#[test]
fn lines_are_found_on_the_host() {
    let program = program_or_skip!("lines", &["-g", "-O0"]);
    let text = trace(&program, "uprobe:BIN@typed.c:22 { @[probe] = count(); @where[ustack(1)] = 1; }", &[]);
    let path = program.display().to_string();
    assert!(text.contains(&format!("@[uprobe:{path}:")) && text.contains("]: 3"), "{text}");
    assert!(text.contains("typed.c:22"), "{text}");
    for (line, what) in [
        ("typed.c:9999", "has no statement that begins at line 9999 of `typed.c`"),
        ("typed.c:22:99", "has no statement that begins at line 22, column 99 of `typed.c`"),
        ("other.c:22", "has no code of a file `other.c`"),
        ("ped.c:22", "has no code of a file `ped.c`"),
    ] {
        let said = refused(&program, &format!("uprobe:BIN@{line} {{ @ = 1; }}"));
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(what), "{said}");
    }
}

#[test]
fn an_object_finds_the_line_of_another_build() {
    let program = program_or_skip!("build", &["-g", "-O0"]);
    let path = program.to_str().expect("a path of text").to_string();
    let object = program.with_extension("o");
    let object = object.to_str().expect("a path of text");
    let script = format!("uprobe:{path}@typed.c:22 {{ @ = count(); }}");
    assert!(btc(&["compile", "-e", &script, "-o", object]).status.success());
    assert!(self::program("build", &["-g", "-O2", "-funroll-loops", "-DOTHER"]).is_some());
    let output = btc(&["-q", "-c", &path, object]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("@: 3"));
}

#[test]
fn parameters_are_listed() {
    let Some(program) = program("listed", &["-g"]) else { return println!("skipped: no C compiler") };
    let pattern = format!("uprobe:{}:t*", program.display());
    let output = btc(&["-lv", &pattern]);
    let wanted = ["struct person* p", "int n", "double share", "const char* text", "long int far", "int last", "char seventh"];
    let wanted: String = wanted.iter().map(|line| format!("    {line}\n")).collect();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(&format!("uprobe:{}:take\n{wanted}", program.display())), "{text}");
}

/// The modules of a Rust crate are one unit, which is named after the crate's root.
#[test]
fn lines_of_rust_modules_are_found() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("user_types/rust");
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    std::fs::write(folder.join("main.rs"), "mod part;\nfn main() {\n    part::work(3);\n}\n").expect("a file");
    let part = "#[inline(never)]\npub fn work(n: u32) {\n    for i in 0..n {\n        println!(\"{i}\");\n    }\n}\n";
    std::fs::write(folder.join("part.rs"), part).expect("a file");
    let Ok(built) = Command::new("rustc").args(["-g", "main.rs", "-o", "program"]).current_dir(&folder).status() else {
        return println!("skipped: no rustc");
    };
    assert!(built.success());
    let program = folder.join("program");
    let path = program.to_str().expect("a path of text");
    let script = format!("uprobe:{path}@part.rs:4 {{ @part = count(); }} uprobe:{path}@main.rs:3 {{ @main = count(); }}");
    let output = btc(&["-q", "-c", path, "-e", &script]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("@part: 3") && text.contains("@main: 1"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}
