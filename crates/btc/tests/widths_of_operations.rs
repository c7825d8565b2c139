//! What shows how wide a number is asks for more than its value: a script that does so must be told to be exact
//! (`Manifest::exact`), or its objects would show something else on a kernel where a field is narrower.
//!
//! Each operation is tried on the same number of two types. Where the two show different things, it has to be so marked.

mod support;

use support::{btc, text, unfit};

/// A number below 0 and one above, with the types that hold it.
const NUMBERS: &[(&str, &str, &str)] = &[
    ("-2", "int32", "int64"),
    ("-3", "int8", "int32"),
    ("7", "int16", "int64"),
    ("250", "uint8", "uint32"),
    ("4294967290", "uint32", "uint64"),
];

/// What a script can do with a number X.
const OPERATIONS: &[&str] = &[
    // Values.
    "print(X);", "print((X, 1));", "print((a=X, b=\"s\"));", "@m = X; print(@m);", "@m[X] = 1; print(@m);", "@m[X, 1] = X; print(@m);",
    "$y = X; print($y);", "let $y = X; print($y);", "$y = (X, X); print($y.1);", "@m[1] = (X, 1); print(@m[1].0);",
    // Operators.
    "print(X + 1);", "print(X - 1);", "print(X * 3);", "print(X / 2);", "print(X % 7);", "print(X << 3);", "print(X >> 1);",
    "print(X >> 40);", "print(X << 40);", "print(X & 255);", "print(X | 1);", "print(X ^ 1);", "print(~X);", "print(-X);", "print(!X);",
    "print(- -X);", "print(~~X);", "print(X + (uint64)1);", "print(X * (uint64)3);", "print(X / (uint64)3);", "print(X % (uint64)3);",
    "print(X / (int64)-3);", "print((uint64)100 / X);", "print((int64)-100 / X);", "print((int64)-100 % X);", "print(1 << (X & 63));",
    // Comparisons.
    "print(X == -2);", "print(X < 5);", "print(X > 250);", "print(X < (uint64)5);", "print(X > (int64)-1);", "print(X == (uint64)4294967294);",
    "print(X != (int64)250);", "print(X && 1);", "print(X || 0);", "print(X ? 1 : 2);", "print((X, 1) == (-2, 1));", "print((X, 1) != ((int64)-2, 1));",
    "print(X == 0xfffffffe);", "print(1 ? X : (uint64)1);", "print(0 ? (int64)1 : X);", "if (X) { print(1); }", "if (X < 0) { print(1); }",
    // Assignments.
    "$y = X; $y++; print($y);", "$y = X; $y--; print($y);", "$y = X; $y += 5; print($y);", "$y = X; $y *= 5; print($y);", "$y = X; print(++$y);",
    "$y = X; $y <<= 30; print($y);", "$y = X; $y |= 1024; print($y);", "$y = X; $y = (int64)5; print($y);", "@m = X; @m++; print(@m);",
    "@m = X; @m += 70000; print(@m);", "@m[X]++; print(@m);", "$y = X; print(~$y);", "@m = X; print(~@m);", "@m[1] = X; print(-@m[1]);",
    "$y = (X, 1); print(~$y.0);", "@m[X] = 1; for ($kv : @m) { print($kv.0); print(~$kv.0); }", "for ($i : 0..(X & 3)) { print($i); }",
    // Casts.
    "print((uint8)X);", "print((int8)X);", "print((uint16)X);", "print((int16)X);", "print((uint32)X);", "print((int32)X);", "print((uint64)X);",
    "print((int64)X);", "print((bool)X);", "print((uint64)X / 3);", "print((int64)X < 0);", "print((uint8[])X);", "print((uint8[8])X);",
    "print((uint8[1])X);", "print((uint16[4])X);", "print(((uint8[8])X)[7]);", "print((void *)X);", "print((uint64)(void *)X);",
    "print((uint8 *)X);", "print((uint64)(struct task_struct *)X);", "print((void *)X == (void *)-2);", "print((enum pid_type)X);",
    "print((uint32)X >> 4);", "print((int64)(uint32)X);",
    // Types.
    "print(sizeof(X));", "print((typeof(X))-1);", "let $y : typeof(X) = 1; print(~$y);",
    // Functions.
    "printf(\"%d %u %x %o\\n\", X, X, X, X);", "printf(\"%ld %lu %lx\\n\", X, X, X);", "printf(\"%lld %llu %llx\\n\", X, X, X);",
    "printf(\"%hd %hhx %c\\n\", X, X, X);", "printf(\"%5d|%-8d|%08lld|%+d\\n\", X, X, X, X);", "printf(\"%p\\n\", X);", "printf(\"%s\\n\", X);",
    "print(bswap(X));", "@m = sum(X); print(@m);", "@m = avg(X); print(@m);", "@m = min(X); print(@m);", "@m = max(X); print(@m);",
    "@m = stats(X); print(@m);", "@m = hist(X); print(@m);", "@m = hist(X, 2); print(@m);", "@m = lhist(X, 0, 1000, 10); print(@m);",
    "@m[X] = count(); print(@m);", "@m = sum(X); print(@m + 1);", "print(str(X) == \"\");", "print(strerror(X));", "print(ksym(X));",
    "print(ntop(X));", "print(macaddr(X));", "print(strftime(\"%s\", X));", "print(buf(X, 2) == buf(X, 2));", "print(has_key(@h, X));",
    "print(signal_name(X));", "print(str_concat(\"a\", str(X)));", "print(abs(X));", "print(cgroup_path(X) == \"\");", "print(fold(X));",
];

/// What a script shows, and whether its object is exact; nothing where it is not taken.
fn shown(script: &str, object: &str) -> Option<(String, bool)> {
    if !btc(&["compile", "-e", script, "-o", object]).status.success() {
        return None;
    }
    let bytes = std::fs::read(object).expect("an object");
    let exact = btc_runtime::manifest(&bytes).expect("a manifest").exact;
    Some((text(&btc(&["run", "-q", object]).stdout), exact))
}

/// What is wrong with an operation, and on how many numbers it showed anything.
fn tried(operation: &str, object: &str) -> (Vec<String>, usize) {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (number, narrow, wide) in NUMBERS {
        let script = |ty: &str| {
            let operation = operation.replace('X', "$x");
            format!("BEGIN {{ @h[(int64)1] = 1; $x = ({ty})({number} + (int64)nsecs * 0); {operation} exit(); }}")
        };
        let (Some(a), Some(b)) = (shown(&script(narrow), object), shown(&script(wide), object)) else { continue };
        seen += 1;
        if a.0 != b.0 && !(a.1 && b.1) {
            wrong.push(format!("{operation} of {number} as {narrow} and {wide}:\n{}{}", a.0, b.0));
        }
    }
    (wrong, seen)
}

#[test]
fn what_shows_a_width_is_exact() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let half = |operations: &'static [&'static str], name: &str| -> Vec<(Vec<String>, usize)> {
        let object = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).display().to_string();
        operations.iter().map(|operation| tried(operation, &object)).collect()
    };
    let (first, second) = OPERATIONS.split_at(OPERATIONS.len() / 2);
    let all = std::thread::scope(|s| {
        let other = s.spawn(move || half(second, "widths-b.o"));
        let mut all = half(first, "widths-a.o");
        all.extend(other.join().expect("it ends"));
        all
    });
    let taken: usize = all.iter().filter(|(_, seen)| *seen > 0).count();
    let wrong: Vec<String> = all.into_iter().flat_map(|(wrong, _)| wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{taken} of {} operations are taken", OPERATIONS.len());
    assert!(taken + 8 > OPERATIONS.len(), "only {taken} of {} operations are taken", OPERATIONS.len());
}
