//! Arguments of static probes are numbers with a sign where the binary's notes say so.

mod support;

use std::path::{Path, PathBuf};

use support::{btc, program, text, unfit};

/// What is printed when the script ends, and what is told beside it.
fn run(path: &Path, script: &str) -> (String, String) {
    let output = btc(&["run", "-q", "-c", &path.display().to_string(), "-e", script]);
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn negative_arguments_are_negative_in_all_that_is_made_of_them() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = program("kernel/signs.c", "signs");
    let script = format!(
        "usdt:{}:signs:tick {{
            @sum = sum(arg0); @min = min(arg1); @max = max(arg2); @below[arg0 < 0] = count(); @keys[arg2] = count();
            @hist = hist(arg0); @half[arg0 / 2 < -13] = count(); @last = arg1; @huge[arg3 < 0] = count(); $x = arg0; @x = $x;
        }}",
        path.display()
    );
    let (printed, messages) = run(&path, &script);
    let wanted = [
        "@sum: -435", "@min: -5", "@max: -7", "@below[true]: 29", "@keys[-7]: 30", "@half[true]: 2", "@last: -5",
        "(..., 0)", "@huge[false]: 30", "@x: -29",
    ];
    for line in wanted {
        assert!(printed.contains(line), "`{line}` is missing\n{printed}{messages}");
    }
    assert!(!messages.contains("negative"), "nothing is told of a number without sign\n{messages}");
}

/// One place with a sign gives it to all, be it a place of the same probe or of another that a wildcard finds. Without
/// one, numbers of 64 bits are whole.
#[test]
fn a_sign_at_one_place_is_a_sign_at_all() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let path = program("kernel/signs.c", "signs_places");
    let of = |probe: &str, action: &str| format!("usdt:{}:{probe} {{ {action} }}\n", path.display());
    let script = of("twice", "@twice = sum(arg0); @above[arg0 > 0] = count();")
        + &of("signs:t*", "@wild = min(arg0);")
        + &of("signs:plain", "@plain = max(arg0); @low = min(arg0);");
    let (printed, messages) = run(&path, &script);
    // 0 + 3 + … + 27 and, of the rest, -(1 + 2 + 4 + … + 29).
    for line in ["@twice: -165", "@above[true]: 9", "@wild: -29", "@plain: 18446744073709551615", "@low: 18446744073709551586"] {
        assert!(printed.contains(line), "`{line}` is missing\n{printed}{messages}");
    }
}

/// An object that was made for numbers without sign does not make large ones of negative ones; one that was made for
/// numbers with one, or without the binary, takes both.
#[test]
fn objects_are_not_run_where_a_sign_would_be_lost() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let (signed, plain) = (program("kernel/signs.c", "signs_object"), program("kernel/signs_none.c", "signs_none"));
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("signs_swapped");
    let object = path.with_extension("o").display().to_string();
    let script = format!("usdt:{}:signs:tick\n{{ @s = sum(arg2); }}", path.display());
    let compile = |binary: Option<&PathBuf>| {
        let _ = std::fs::remove_file(&path);
        if let Some(binary) = binary {
            std::fs::copy(binary, &path).expect("it can be copied");
        }
        let compiled = btc(&["compile", "-e", &script, "-o", &object]);
        assert!(compiled.status.success(), "{}", text(&compiled.stderr));
    };
    let run = |binary: &PathBuf| {
        std::fs::copy(binary, &path).expect("it can be copied");
        let output = btc(&["run", "-q", "-c", &path.display().to_string(), &object]);
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    };
    compile(Some(&plain));
    assert!(run(&plain).1.contains("@s: 128849018670"), "{}", run(&plain).1);
    let (ran, messages) = run(&signed);
    assert!(!ran && messages.contains(":2:") && messages.contains("`arg2`") && messages.contains("signs:tick"), "{messages}");
    for made_for in [Some(&signed), None] {
        compile(made_for);
        assert!(run(&signed).1.contains("@s: -210"), "{}", run(&signed).1);
        assert!(run(&plain).1.contains("@s: 128849018670"), "{}", run(&plain).1);
    }
}
