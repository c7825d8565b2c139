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
