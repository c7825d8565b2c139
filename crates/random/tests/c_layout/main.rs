//! Random C declarations are laid out and evaluated as the C compiler of the machine does: sizes, offsets, constants,
//! and the value of each member, read from a fixed pattern. `BTC_CASES` sets how many (400).

mod declare;

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use btc_random::checks::printed;
use declare::{Case, case};

/// Bytes that the members are read from.
const BYTES: usize = 4096;

fn pattern() -> Vec<u8> {
    (0..BYTES as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 29) as u8).collect()
}

/// What to ask of a case, as arguments of C's `printf`, and the same for a script. Each gives one line.
fn questions(case: &Case) -> Vec<(String, String)> {
    let number = |c: String, script: String| (format!("\"%lld\\n\", (long long){c}"), format!("print({script});"));
    let mut all = Vec::new();
    for name in &case.enumerators {
        all.push(number(name.clone(), format!("(int64){name}")));
    }
    for record in &case.records {
        all.push(number(format!("sizeof({record})"), format!("sizeof({record})")));
    }
    let Some(record) = case.records.last() else { return all };
    for name in &case.offsets {
        all.push(number(format!("offsetof({record}, {name})"), format!("offsetof({record}, {name})")));
    }
    let of_c = |path: &String| format!("(({record} *)bytes)->{path}");
    for path in &case.values {
        all.push(number(of_c(path), format!("(int64)$p->{path}")));
    }
    // The same in a copy on the stack.
    for path in case.values.iter().filter(|_| copies(case)) {
        all.push(number(of_c(path), format!("(int64)$copy.{path}")));
    }
    if case.flat {
        let shown: Vec<String> = case.values.iter().map(|name| format!(".{name} = %lld")).collect();
        let values: Vec<String> = case.values.iter().map(|path| format!("(long long){}", of_c(path))).collect();
        let whole = format!("\"{{ {} }}\\n\", {}", shown.join(", "), values.join(", "));
        all.push((whole, "print(*$p);".to_string()));
    }
    all
}

/// Whether the last record can be copied: what has no end cannot.
fn copies(case: &Case) -> bool {
    !case.text.contains("flex[]")
}

fn script(case: &Case) -> String {
    let mut text = case.text.clone();
    let record = case.records.last().map_or("", String::as_str);
    let _ = write!(text, "BEGIN {{ $p = ({record} *)$1; ");
    if copies(case) {
        let _ = write!(text, "$copy = *$p; ");
    }
    for (_, print) in questions(case) {
        text.push_str(&print);
        text.push(' ');
    }
    text + "}\n"
}

/// A program of C that answers the questions of all cases, a line each.
fn program(cases: &[Case]) -> String {
    let mut text = "#include <stddef.h>\n#include <stdio.h>\n".to_string();
    let bytes: Vec<String> = pattern().iter().map(u8::to_string).collect();
    let _ = writeln!(text, "_Alignas(4096) unsigned char bytes[] = {{ {} }};", bytes.join(", "));
    let mut main = String::new();
    for case in cases {
        text.push_str(&case.text);
        for (arguments, _) in questions(case) {
            let _ = writeln!(main, "  printf({arguments});");
        }
    }
    format!("{text}int main(void) {{\n{main}  return 0;\n}}\n")
}

/// The lines that the program of C prints.
fn answers(program: &str) -> Vec<String> {
    let folder: PathBuf = std::env::temp_dir().join(format!("btc-c-layout-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (source, binary) = (folder.join("layout.c"), folder.join("layout"));
    std::fs::write(&source, program).expect("the program is written");
    let built = Command::new("cc").args(["-std=gnu11", "-w", "-O0", "-o"]).arg(&binary).arg(&source).output();
    let built = built.expect("`cc` runs: this test needs the C compiler that the build needs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let run = Command::new(&binary).output().expect("the program runs");
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    String::from_utf8_lossy(&run.stdout).lines().map(str::to_string).collect()
}

#[test]
fn declarations_are_those_of_the_c_compiler() {
    let count: u64 = std::env::var("BTC_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    let cases: Vec<Case> = (0..count).map(case).collect();
    let wanted = answers(&program(&cases));
    let (mut at, mut compared, mut wrong) = (0, 0, Vec::new());
    for (id, case) in cases.iter().enumerate() {
        let questions = questions(case);
        let wanted = &wanted[at..at + questions.len()];
        at += questions.len();
        let script = script(case);
        let runs = match printed(&script, &pattern()) {
            Ok(runs) => runs,
            Err(error) => {
                wrong.push(format!("case {id}: {error}\n{script}"));
                continue;
            }
        };
        for (how, got) in runs {
            let differs = questions.iter().zip(wanted).enumerate().find(|(n, (_, wanted))| got.get(*n) != Some(wanted));
            if let Some((n, ((question, _), wanted))) = differs {
                wrong.push(format!("case {id}, {how}: {question} is {wanted}, not {:?}\n{script}", got.get(n)));
                break;
            }
            compared += wanted.len();
        }
    }
    println!("{compared} values of {count} declarations compared, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{} of {count} are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(8)].join("\n"));
    assert!(compared as u64 > count * 10, "{compared} values: too few to tell anything");
}

/// What is not understood is an error, and never taken for 0 or passed over.
#[test]
fn what_is_not_understood_is_an_error() {
    for (definition, wanted) in [
        ("struct S { char a[FOO]; };", "`FOO` is not defined"),
        ("struct S { char a[TASK_COMM_LEN]; };", "`TASK_COMM_LEN` is not defined"),
        ("struct S { char a[1 / 0]; };", "divides by zero"),
        ("struct S { char a[-1]; };", "the length of an array"),
        ("struct S { char a[$1]; };", "no constant"),
        ("struct S { char a[5ms]; };", "no durations"),
        ("struct S { int a:FOO; };", "`FOO` is not defined"),
        ("struct S { int a:33; };", "from 0 to 32"),
        ("struct S { _Bool a:2; };", "from 0 to 1"),
        ("struct S { int a:0; };", "has no name"),
        ("struct S { int *a:3; };", "cannot be of type"),
        ("enum E { A = FOO };", "`FOO` is not defined"),
        ("enum E { A = -1, B = 0xffffffffffffffff };", "no type of C"),
        ("enum E { A = 0xffffffffffffffff, B };", "no type of C"),
        ("enum E { A = 2147483647 + 1 };", "overflows"),
        ("enum E { A = 1 << 32 };", "more bits"),
        ("enum E { A } __attribute__((aligned(8)));", "not supported"),
        ("enum E { A = 1 }; enum F { A = 2 };", "another value"),
        ("struct S { int a __attribute__((mode(QI))); };", "`mode` is not known"),
        ("struct S { int a; } __attribute__((scalar_storage_order(\"big-endian\")));", "is not known"),
        ("struct S { int a __attribute__((aligned(3))); };", "power of two"),
        ("struct S { int * __attribute__((aligned(16))) a; };", "means nothing"),
        ("typedef struct { char a; int b; } T __attribute__((packed));", "means nothing"),
        ("struct S { struct S a; };", "no size"),
        ("struct S { void a; };", "no size"),
        ("struct S { int a; char a; };", "already"),
        ("#pragma pack(3)\n", "not known"),
        ("#pragma pack(push, name, 1)\n", "not known"),
        ("#pragma pack(pop)\n", "not known"),
        ("#pragma ms_struct on\n", "changes how records are laid out"),
        ("struct S { int a;\n#pragma pack(1)\nint b; };", "between definitions"),
        ("#if 1 / 0\n#endif\n", "divides by zero"),
    ] {
        let error = printed(&format!("{definition}\nBEGIN {{ print(1); }}"), &[]).expect_err(definition);
        assert!(error.contains(wanted), "{definition}: {error}");
    }
}

/// Numbers with a suffix of C, in a macro or not, are C's; others are the language's.
#[test]
fn numbers_of_c() {
    for (expression, wanted) in [
        ("A == 4294967295", "true"),
        ("B == 4294967295", "true"),
        ("A", "4294967295"),
        ("B + 1", "0"),
        ("~0U", "4294967295"),
        ("~0UL", "18446744073709551615"),
        ("-1 < 0U", "false"),
        ("-1 < 0L", "true"),
        ("1 ? -1 : 0U", "4294967295"),
        ("~0", "18446744073709551615"),
        ("1 << 31", "2147483648"),
        ("C", "8"),
    ] {
        let text = format!("#define A (~0U)\n#define B (1U - 2U)\n#define C sizeof(long)\nBEGIN {{ print({expression}); }}");
        for (how, lines) in printed(&text, &[]).expect(expression) {
            assert_eq!(lines, [wanted], "{expression}, {how}");
        }
    }
}

/// An enum that needs all 64 bits is known by all of them; `#if` calculates without a sign where C does.
#[test]
fn all_bits_count() {
    let text = "enum A { X = -1, Y = 4294967295 };\n#if -1 > 0U\n#define IS 1\n#else\n#define IS 0\n#endif\n\
                BEGIN { print(Y); print(X); printf(\"%s\\n\", Y); print(sizeof(enum A)); print(IS); }";
    for (how, lines) in printed(text, &[]).expect(text) {
        assert_eq!(lines, ["Y", "X", "Y", "8", "1"], "{how}");
    }
}
