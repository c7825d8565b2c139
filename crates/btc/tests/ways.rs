//! Actions without loops load, however often they ask: where ways meet, the verifier goes on with one of them.

mod support;

use std::fmt::Write as _;

use support::{btc, text, unfit};

/// Where numbers come from; A is the number of an argument, N that of the variable.
const ORIGINS: &[&str] = &[
    "(int64)argA + N",
    "(int64)((struct S *)argA)->f + N",
    "((struct S *)argA)->d",
    "@o[argA, N]",
    "(int64)((struct S *)argA)->next",
];

/// What is asked of a number V, with another one each time, K.
const QUESTIONS: &[&str] = &[
    "if (V == K) { @x++; }",
    "if (V < K * 10) { @c = count(); }",
    "if (V > K && V != -K) { $t = K; }",
    "@s = sum(V > K ? V : K);",
    "@m[V, K] = K;",
    "if (V % 7 == K % 7) { @y = V; }",
    "printf(\"%d\\n\", ((struct S *)V)->f);",
    "if (V & K) { @x++; } else { @z = count(); }",
    "if (K < V) { V++; }",
    "V = V > K ? V - K : V + 1;",
    "if (((struct S *)V)->name == \"abc\") { @x++; }",
    "if (V == 1) { $t = 1; } else if (V == 2) { $t = 2; } else if (V > 7) { $t = 3; } else { $t = V; } @k[$t] = count();",
    "@h[V > K] = hist(V);",
    "$q = V > K ? \"abc\" : \"de\"; @q[$q] = count();",
    "if (!V) { @x++; } else { V = V - 1; }",
    "if (V == K) { $t++; } if ($t == K) { @x++; }",
    "$p = (V, V > K); @p[$p] = count();",
    "@x += ((struct S *)arg0)->array[V & 7];",
];

/// How a number O is kept, in variables that end in N, and how it is then named.
const KEPT: &[(&str, &str)] = &[
    ("$vN = O;", "$vN"),
    ("$vN = O; $wN = &$vN;", "$vN"),
    ("$vN = O; $wN = &$vN;", "(*$wN)"),
    ("$vN = (O, N);", "$vN.0"),
    ("$vN = (x=O, y=(N, O));", "$vN.y.1"),
    ("$vN = (uint64[1])(O);", "$vN[0]"),
    ("$vN = (int32[2])(O);", "$vN[1]"),
    ("$vN = (O, N); if (arg0 == N) { $vN = (N, N); }", "$vN.0"),
];

/// A script that asks this of ten numbers, twelve times.
fn script(path: &str, origin: &str, (keep, name): (&str, &str), question: &str) -> String {
    let mut script = format!(
        "struct S {{ unsigned char a; short d; int f; struct S *next; char name[6]; int array[8]; }}
         uprobe:{path}:main {{ $t = (int64)0; @o[(uint64)0, 0] = (int64)0;\n"
    );
    for n in 0..10 {
        let origin = origin.replace('A', &(n % 6).to_string()).replace('N', &n.to_string());
        let keep = keep.replace('O', &origin).replace('N', &n.to_string());
        writeln!(script, "{keep}").expect("a string");
    }
    for k in 1..=12 {
        for n in 0..10 {
            script += &question.replace('V', &name.replace('N', &n.to_string())).replace('K', &k.to_string());
        }
        script.push('\n');
    }
    script + "}"
}

#[test]
fn ways_meet_again() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let program = support::program("kernel/places.c", "ways");
    let path = program.display().to_string();
    let pairs = ORIGINS.iter().flat_map(|o| QUESTIONS.iter().map(|q| (*o, *q)));
    let scripts: Vec<String> = pairs.map(|(origin, question)| script(&path, origin, KEPT[0], question)).collect();
    let bad = refused(&scripts);
    assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), scripts.len(), bad.join("\n"));
}

/// What lies on the stack the verifier knows as one number with what is loaded from there.
#[test]
fn numbers_in_memory_are_not_told_apart() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let program = support::program("kernel/places.c", "ways_kept");
    let path = program.display().to_string();
    let asks = |q: &&&str| !q.contains("V = ") && !q.contains("V++");
    let pairs = KEPT[1..].iter().flat_map(|kept| QUESTIONS.iter().filter(asks).map(|q| (*kept, *q)));
    let scripts: Vec<String> = pairs.map(|(kept, question)| script(&path, ORIGINS[0], kept, question)).collect();
    let bad = refused(&scripts);
    assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), scripts.len(), bad.join("\n"));
}

/// Those of the scripts that do not load, with what is said, two at a time.
fn refused(scripts: &[String]) -> Vec<String> {
    let refusals = |scripts: &[String]| -> Vec<String> {
        let run = |script: &String| {
            let run = btc(&["-q", "--dry-run", "-e", script]);
            let said = text(&run.stderr);
            (!run.status.success()).then(|| format!("{script}\n  {}", said.lines().next().unwrap_or_default()))
        };
        scripts.iter().filter_map(run).collect()
    };
    let (first, second) = scripts.split_at(scripts.len() / 2);
    let mut bad = std::thread::scope(|s| {
        let other = s.spawn(|| refusals(second));
        let mut bad = refusals(first);
        bad.extend(other.join().expect("it ends"));
        bad
    });
    bad.sort();
    bad
}

/// Fields of one struct are in one half of memory, which is asked for once.
#[test]
fn fields_of_a_struct_are_read_again_and_again() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let program = support::program("kernel/places.c", "ways_fields");
    let fields = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let print = format!("printf(\"{}\\n\", {});\n", "%d ".repeat(8), fields.map(|f| format!("$s->{f}")).join(", "));
    let script = format!(
        "struct S {{ unsigned char a; signed char b; unsigned short c; short d; unsigned e; int f; unsigned long g; long h; }}
         uprobe:{}:main {{ $s = (struct S *)arg0;\n{} }}",
        program.display(),
        print.repeat(24)
    );
    let run = btc(&["-q", "--dry-run", "-e", &script]);
    assert!(run.status.success(), "{}", text(&run.stderr));
}
