//! Loops load at the first try: what a round leaves on the stack does not keep its ways apart for the verifier.

mod support;

use support::{btc, text, unfit};

/// Ways to go round a hundred thousand times with a number `$i`.
const FORMS: &[&str] = &[
    "for ($i : 0..100000) { BODY }",
    "for ($i : 0..@n) { BODY }",
    "$i = 0; while ($i < 100000) { BODY $i++; }",
    "$i = (uint64)0; while (1) { BODY $i++; if ($i == @n) { break; } }",
    "for ($o : 0..300) { for ($i : 0..300) { BODY } }",
];

/// What a round stores of its number: as value, as key, as part of one, on some ways only.
const BODIES: &[&str] = &[
    "@a[1] = $i;",
    "@a[$i % 10] = $i;",
    "@b[$i & 7, (uint8)$i] = $i;",
    "@c[$i] = ($i, 2 * $i);",
    "@d[($i, 1)] += $i;",
    "if (rand % 2) { @a[$i] = 2; }",
    "if (rand % 2) { @a[1] = $i; } else { @b[$i, (uint8)1] = 3; }",
    "if (@a[$i]) { delete(@a, $i); }",
    "@h[$i & 3] = hist($i); @s[$i] = stats($i);",
    "$j = $i + 1; @a[$j] = $i; print(($i, $j));",
    "if (has_key(@a, $i)) { @d[($i, 2)] = @a[$i + 1]; }",
    "@t[\"text\", $i] = (int8)$i; if ($i % 3 == 0) { continue; } @t[comm, $i] = 1;",
];

/// Loops that stand in one another: how often each goes round.
const ROUNDS: &[&str] = &["0..3", "0..8", "0..9", "0..20", "0..@n"];
/// Deepest nest.
const DEEPEST: usize = 4;
/// What stands in the middle of a nest, of the numbers of all its loops.
const MIDDLES: &[&str] = &[
    "@h = hist(SUM);",
    "@h = hist(SUM, 3);",
    "@l = lhist(SUM, 0, 100, 10);",
    "@h = hist(SUM); @l = lhist(SUM, 0, 100, 10); @s = stats(SUM);",
    "if (SUM % 3 == 0) { continue; } @c++; if (SUM > 40) { break; } @h = hist(SUM);",
    "$n += @a[SUM] ? SUM : 1; if ($n > 10) { @h = hist($n); }",
    "@t[SUM, comm] = SUM; printf(\"%d %s\\n\", SUM, comm);",
];

/// What is loaded again in another form, or not at all, of these scripts.
fn again(scripts: &[String]) -> Vec<String> {
    let mut bad = Vec::new();
    for script in scripts {
        let run = btc(&["run", "-v", "--dry-run", "-e", script]);
        let said = text(&run.stderr);
        // It would be loaded again in another form, after seconds.
        if !run.status.success() || said.contains("too large") || said.contains("too complex") {
            bad.push(format!("{script}\n  {}", said.lines().last().unwrap_or_default()));
        }
    }
    bad
}

/// Why loops have to be walked round by round here, if they have.
fn without_iterators() -> Option<&'static str> {
    let kernel = std::fs::read_to_string("/proc/kallsyms").unwrap_or_default();
    let none = "no iterators over numbers before Linux 6.4: each round is followed";
    unfit().or((!kernel.contains(" bpf_iter_num_new")).then_some(none))
}

#[test]
fn rounds_are_alike() {
    if let Some(reason) = without_iterators() {
        return println!("skipped: {reason}");
    }
    let each = |form: &&str| BODIES.iter().map(|body| form.replace("BODY", body)).collect::<Vec<String>>();
    let script = |body: String| format!("BEGIN {{ @n = 100000; @a[0] = 1; {body} }}");
    let scripts: Vec<String> = FORMS.iter().flat_map(each).map(script).collect();
    let bad = again(&scripts);
    assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), scripts.len(), bad.join("\n"));
}

/// The verifier walks the native rounds of loops in loops so often as the product of all.
#[test]
fn nests_are_walked_a_few_times() {
    if let Some(reason) = without_iterators() {
        return println!("skipped: {reason}");
    }
    let mut scripts = Vec::new();
    for deep in 2..=DEEPEST {
        for (rounds, middle) in ROUNDS.iter().flat_map(|rounds| MIDDLES.iter().map(move |middle| (rounds, middle))) {
            let sum = (0..deep).map(|n| format!("$i{n}")).collect::<Vec<String>>().join(" + ");
            let head: String = (0..deep).map(|n| format!("for ($i{n} : {rounds}) {{ ")).collect();
            let body = middle.replace("SUM", &format!("({sum})"));
            scripts.push(format!("BEGIN {{ @n = 10; @a[0] = 1; $n = 0; {head}{body}{} }}", " }".repeat(deep)));
        }
    }
    let bad = again(&scripts);
    assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), scripts.len(), bad.join("\n"));
}
