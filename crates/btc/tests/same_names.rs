//! Which function a name means, where several have it. A count of another one's calls is a wrong number.

use std::path::PathBuf;
use std::process::Command;

mod support;

use support::{btc, text, unfit};

/// The program of two source files; the other one comes first.
fn program(name: &str) -> PathBuf {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel/same_name.c");
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let other = program.with_extension("o");
    let cc = |args: &[&str], inputs: &[&PathBuf], output: &PathBuf| {
        let built = Command::new("cc").args(["-g", "-O1"]).args(args).arg("-o").arg(output).args(inputs).status();
        assert!(built.is_ok_and(|s| s.success()), "cc builds {}", output.display());
    };
    cc(&["-c", "-DOTHER"], &[&source], &other);
    cc(&[], &[&other, &source], &program);
    program
}

/// The calls of a function that were counted, and what was said.
fn calls(path: &str, binary: &str, function: &str) -> (Option<u64>, String) {
    let script = format!("uprobe:{binary}:{function} /pid == cpid/ {{ @n = count(); }}");
    let output = btc(&["-q", "-c", path, "-e", &script]);
    let printed = text(&output.stdout);
    let count = printed.lines().find_map(|l| l.strip_prefix("@n: ")).map(|n| n.parse().expect("a number"));
    (count, text(&output.stderr))
}

/// The one that all source files know; what others there are is told, and how they are named.
#[test]
fn of_functions_with_one_name_it_is_told_which_is_traced() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = program("same_name").display().to_string();
    for (function, counts) in [("helper", [5, 3]), ("twice", [2, 4])] {
        let (count, said) = calls(&path, &path, function);
        assert!(said.contains("2 functions have that name") && said.contains(":1:1-"), "{said}");
        let other = said.rsplit("as 0x").next().and_then(|rest| rest.split_whitespace().next()).expect("an address");
        let (count_of_other, said) = calls(&path, &path, &format!("0x{other}"));
        assert_eq!(said, "", "{function}");
        let mut both = [count.expect("a count"), count_of_other.expect("a count")];
        if function == "twice" {
            both.sort_unstable();
        }
        assert_eq!(both, counts, "{function}");
    }
    // What it takes is what the debug information of that one says.
    let script = format!("uprobe:{path}:helper /pid == cpid/ {{ @sum = sum(args.n); }}");
    let output = btc(&["-q", "-c", &path, "-e", &script]);
    assert!(text(&output.stdout).contains("@sum: 10"), "{}{}", text(&output.stdout), text(&output.stderr));
    let (count, said) = calls(&path, &path, "others");
    assert_eq!((count, said.as_str()), (Some(1), ""), "a name that only one has");
}

/// Of a function's versions the one that programs are linked with.
#[test]
fn old_versions_of_a_library_are_not_what_a_name_means() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = program("same_name_versions").display().to_string();
    let (count, said) = calls(&path, "libc", "sched_getaffinity");
    assert_eq!((count, said.as_str()), (Some(5), ""));
}

/// What is called once to choose a function is not called as often as that.
#[test]
fn a_function_that_only_chooses_is_told() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = program("same_name_chosen").display().to_string();
    let (_, said) = calls(&path, &path, "triple");
    assert!(said.contains("(an ifunc)") && said.contains("`triple`") && said.contains(":1:1-"), "{said}");
    let (_, said) = calls(&path, &path, "tri*");
    assert!(said.contains("(an ifunc)"), "{said}");
    let (count, said) = calls(&path, &path, "chosen");
    assert_eq!((count, said.as_str()), (Some(5), ""));
}
