//! Where functions of programs get their parameters, with compilers to tell: what a program says that it got is what
//! scripts read, or scripts are refused. Where the machine lacks something, a test says `skipped: reason`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

mod support;

use support::{btc, unfit};

/// Functions of a generated program.
const FUNCTIONS: usize = 60;

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("passed").join(name);
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    folder
}

/// Compiles a source to a program in a folder; `None` without the compiler.
fn compile(compiler: &str, options: &[&str], source: &Path, folder: &Path) -> Option<PathBuf> {
    let program = folder.join("program");
    let output = Command::new(compiler).args(options).arg("-o").arg(&program).arg(source).output().ok()?;
    assert!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
    Some(program)
}

fn of_testdata(compiler: &str, options: &[&str], source: &str, name: &str) -> Option<PathBuf> {
    compile(
        compiler,
        options,
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel").join(source),
        &folder(name),
    )
}

/// What a script prints of a program, or why it was refused.
fn run(program: &Path, script: &str) -> Result<String, String> {
    let path = program.to_str().expect("a path of text");
    let output = btc(&["-q", "-c", path, "-e", &script.replace("BIN", path)]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// A generator of numbers (SplitMix64): the same on each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[(self.next() % all.len() as u64) as usize]
    }
}

const WORDS: &[&str] =
    &["signed char", "unsigned char", "short", "unsigned short", "int", "unsigned", "long", "unsigned long", "enum e"];
const PLAIN: &[&str] = &["char", "short", "int", "unsigned", "long", "float", "double", "_Bool", "void *"];
/// What is passed in more ways than one.
const ODD: &[&str] = &[
    "long double",
    "__int128",
    "__float128",
    "float _Complex",
    "double _Complex",
    "long double _Complex",
    "unsigned __int128",
    "float",
    "double",
];

/// A record of some members, which may be records before it.
fn record(numbers: &mut Numbers, number: usize) -> String {
    let mut text = if numbers.one_in(5) { "union" } else { "struct" }.to_string();
    let _ = write!(text, " r{number} {{ ");
    for m in 0..=numbers.next() % 4 {
        if numbers.one_in(8) {
            let _ = write!(
                text,
                "{} m{m} : {}; ",
                numbers.of(&["int", "long", "unsigned", "short"]),
                1 + numbers.next() % 15
            );
            continue;
        }
        let ty = match numbers.next() % 10 {
            0..=5 => numbers.of(PLAIN).to_string(),
            6 | 7 if number > 0 => format!("R{}", numbers.next() % number as u64),
            _ => numbers.of(ODD).to_string(),
        };
        let array = if numbers.one_in(5) { format!("[{}]", 1 + numbers.next() % 4) } else { String::new() };
        let aligned = if numbers.one_in(20) { " __attribute__((aligned(16)))" } else { "" };
        let _ = write!(text, "{ty} m{m}{array}{aligned}; ");
    }
    let attribute = match numbers.next() % 12 {
        0 | 1 => " __attribute__((packed))".to_string(),
        2 => format!(" __attribute__((aligned({})))", 8 << (numbers.next() % 3)),
        _ => String::new(),
    };
    let tag = text.split(' ').take(2).collect::<Vec<_>>().join(" ");
    format!("{text}}}{attribute};\ntypedef {tag} R{number};\n")
}

/// A program whose functions write what they get to the file `told`, and the numbers of their parameters that are words.
fn generate(seed: u64, told: &Path) -> (String, Vec<Vec<usize>>) {
    const RECORDS: u64 = 40;
    let numbers = &mut Numbers(seed);
    let mut text = "#include <stdio.h>\nenum e { FIRST = -7, LAST = 9 };\nstatic FILE *out;\n".to_string();
    for n in 0..RECORDS as usize {
        text.push_str(&record(numbers, n));
    }
    let (mut calls, mut all) = (String::new(), Vec::new());
    for f in 0..FUNCTIONS {
        let (mut parameters, mut arguments, mut words) = (Vec::new(), Vec::new(), Vec::new());
        for p in 0..2 + numbers.next() % 10 {
            let ty = match numbers.next() % 20 {
                0..=10 => {
                    let ty = numbers.of(WORDS);
                    words.push(p as usize);
                    arguments.push(if ty == "enum e" {
                        "FIRST".to_string()
                    } else {
                        format!("({ty}){}ULL", numbers.next())
                    });
                    ty.to_string()
                }
                11..=13 => {
                    let ty = numbers.of(ODD);
                    arguments.push(format!("({ty})1"));
                    ty.to_string()
                }
                _ => {
                    let ty = format!("R{}", numbers.next() % RECORDS);
                    arguments.push(format!("({ty}){{}}"));
                    ty
                }
            };
            parameters.push(format!("{ty} p{p}"));
        }
        let result = match numbers.next() % 10 {
            0..=3 => "long".to_string(),
            4..=7 => format!("R{}", numbers.next() % RECORDS),
            _ => numbers.of(ODD).to_string(),
        };
        let format: String = words.iter().map(|_| ", %lld").collect();
        let values: String = words.iter().map(|p| format!(", (long long)p{p}")).collect();
        let _ = writeln!(text, "__attribute__((noinline, noclone)) {result} f{f}({}) {{", parameters.join(", "));
        let _ = writeln!(text, "    static {result} r; fprintf(out, \"(f{f}{format})\\n\"{values}); return r;\n}}");
        let _ = writeln!(calls, "    f{f}({});", arguments.join(", "));
        all.push(words);
    }
    let _ = writeln!(
        text,
        "int main(void) {{\n    out = fopen(\"{}\", \"w\");\n{calls}    return fclose(out);\n}}",
        told.display()
    );
    (text, all)
}

/// Parameters that a script was refused for: the functions' numbers, by the lines of the script, and theirs.
fn refused(errors: &str) -> Vec<(usize, usize)> {
    let of_line = |line: &str| {
        let (at, message) = line.split_once(": ERROR: `args.p")?;
        let line: usize = at.split(':').rev().nth(1)?.parse().ok()?;
        Some((line.checked_sub(1)?, message.split('`').next()?.parse().ok()?))
    };
    errors.lines().filter_map(of_line).collect()
}

/// Compares what generated functions say with what scripts read; how many parameters were compared, and how many refused.
fn compare(seed: u64, options: &[&str]) -> Option<(usize, usize)> {
    let folder = folder(&format!("c{seed}"));
    let (source, told) = (folder.join("program.c"), folder.join("told"));
    let (text, functions) = generate(seed, &told);
    std::fs::write(&source, text).expect("the source is written");
    let program = compile("gcc", &[&["-w", "-g"], options].concat(), &source, &folder)?;
    let mut dropped = BTreeSet::new();
    let printed = loop {
        let mut script = String::new();
        for (f, words) in functions.iter().enumerate() {
            let known = words.iter().filter(|p| !dropped.contains(&(f, **p)));
            let values: String = known.map(|p| format!(", (int64)args.p{p}")).collect();
            let _ = writeln!(script, "uprobe:BIN:f{f} {{ print((\"f{f}\"{values}, 0)); }}");
        }
        match run(&program, &script) {
            Ok(printed) => break printed,
            Err(errors) => {
                let before = dropped.len();
                dropped.extend(refused(&errors));
                assert!(dropped.len() > before, "{errors}");
            }
        }
    };
    let told = std::fs::read_to_string(told).expect("what the program got");
    let mut compared = 0;
    for (f, line) in told.lines().enumerate() {
        let values = line.trim_matches(['(', ')']).split(", ").skip(1).zip(&functions[f]);
        let kept: Vec<&str> = values.filter(|(_, p)| !dropped.contains(&(f, **p))).map(|(value, _)| value).collect();
        let wanted: String =
            [format!("(f{f}")].into_iter().chain(kept.iter().map(|v| (*v).to_string())).collect::<Vec<_>>().join(", ");
        let found = printed.lines().find(|l| l.starts_with(&format!("(f{f},")));
        assert_eq!(found, Some(format!("{wanted}, 0)").as_str()), "f{f} of {}", source.display());
        compared += kept.len();
    }
    assert_eq!(told.lines().count(), FUNCTIONS);
    Some((compared, dropped.len()))
}

/// Records that are packed and aligned, unions, numbers of 16 bytes and complex ones, in registers, on the stack and as results.
#[test]
fn c_functions_get_what_scripts_read() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    for (seed, options) in [(1, &["-O1"][..]), (2, &["-O0"]), (3, &["-O2", "-gdwarf-4"])] {
        let Some((compared, refused)) = compare(seed, options) else { return println!("skipped: no gcc") };
        println!("{compared} parameters compared, {refused} refused");
        // Only x86-64 has all of this known.
        assert!(!cfg!(target_arch = "x86_64") || refused * 20 < compared, "{compared} compared, {refused} refused");
    }
}

/// Objects that a function of their class copies or ends go by their address, as parameters and as results.
#[test]
fn cpp_functions_get_what_scripts_read() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let source = include_str!("../../../testdata/kernel/passed.cc");
    let name_of = |line: &'static str| {
        let inside = line.strip_prefix("F(").or_else(|| line.strip_prefix("R("))?;
        inside.split([',', ' ']).find(|w| w.starts_with("take_") || w.starts_with("give_"))
    };
    let names: Vec<&str> = source.lines().filter_map(name_of).collect();
    assert_eq!(names.len(), 31);
    for options in [&["-w", "-g", "-O1"][..], &["-w", "-g", "-O0"], &["-w", "-gdwarf-4", "-O2"]] {
        let Some(program) = of_testdata("g++", options, "passed.cc", "cc") else { return println!("skipped: no g++") };
        let mut script: String =
            names.iter().map(|n| format!("uprobe:BIN:{n} {{ print((\"{n}\", args.a, args.b)); }}\n")).collect();
        script.push_str(
            r#"uprobe:BIN:_Z4packIJisEEiiDpT_i { print(("pack", args.a, args.b)); print(args); }
            uprobe:BIN:_ZN6sharedC1Eii { print(("whole", args.x, args.y)); }
            uprobe:BIN:_ZN6sharedC2Eii { print(("part", args.x, args.y)); }"#,
        );
        let text = run(&program, &script).unwrap_or_else(|errors| panic!("{errors}"));
        for name in names.iter().chain(&["pack", "whole"]) {
            let line = format!("({name}, -1, -2)");
            assert!(text.lines().any(|l| l == line), "{options:?}: no {line}: {text}");
        }
        assert!(text.contains("(part, -4, 4)"), "{options:?}: {text}");
        assert!(text.contains("{ .a = -1, ._1 = 3, ._2 = 4, .b = -2 }"), "{options:?}: {text}");
    }
}

/// What is not passed as C passes it is refused, and all behind it.
#[test]
fn rust_functions_are_read_as_far_as_they_are_like_c() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let options = ["-g", "-Copt-level=1", "--edition=2024"];
    let Some(program) = of_testdata("rustc", &options, "passed.rs", "rs") else { return println!("skipped: no rustc") };
    let script = r#"uprobe:BIN:scalars { print((args.a, args.c, args.t, *args.p, args.b, args.q, args.far)); }
        uprobe:BIN:nothing { print(("nothing", args.a, args.b)); }
        uprobe:BIN:boxed { print(("boxed", args.a, *(uint64 *)args.v, args.b)); }"#;
    let text = run(&program, script).unwrap_or_else(|errors| panic!("{errors}"));
    let lines: Vec<&str> = text.lines().filter(|l| !l.is_empty()).collect();
    assert_eq!(lines, ["(-1, 65, 1, 7, -2, 0x0, -3)", "(nothing, -1, -2)", "(boxed, -1, 5, -2)"]);
    for name in ["text", "tuple", "option", "vector", "array", "number", "wide", "unit"] {
        let text = run(&program, &format!("uprobe:BIN:{name} {{ print(args.a); }}"));
        assert_eq!(text.as_deref().map(str::trim), Ok("-1"), "{name}");
    }
    let behind = ["text", "tuple", "option", "vector", "array", "number", "wide", "unit"].map(|n| (n, "b"));
    for (name, parameter) in behind.into_iter().chain([("large", "a"), ("result", "b")]) {
        let errors = run(&program, &format!("uprobe:BIN:{name} {{ print(args.{parameter}); }}")).expect_err(name);
        assert!(errors.contains("where the function gets it is not known"), "{name}: {errors}");
    }
}

/// Up to DWARF 4 bits are counted from the top of their unit, and fields of packed records may begin behind it.
#[test]
fn bit_fields_are_where_they_are_in_all_versions() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    for version in ["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"] {
        let options = [version, "-O1"];
        let Some(program) = of_testdata("gcc", &options, "bits.c", version) else { return println!("skipped: no gcc") };
        let script = "uprobe:BIN:look { print((args.t->a, args.t->b, args.t->c, args.t->d, args.t->e, args.t->f));
            print((args.l->x, args.l->y, args.l->z, args.l->w)); }";
        let text = run(&program, script).unwrap_or_else(|errors| panic!("{errors}"));
        let lines: Vec<&str> = text.lines().filter(|l| !l.is_empty()).collect();
        let tight = format!("(5, {}, 99, {}, 99, -200)", 0x7edc_ba98, 0xab_cdef_0123_4567_u64);
        assert_eq!(lines, [tight.as_str(), "(-4000000000, -60, 200, 1)"], "{version}");
    }
}
