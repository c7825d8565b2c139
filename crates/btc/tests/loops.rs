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

#[test]
fn rounds_are_alike() {
    if let Some(reason) = unfit() {
        return println!("skipped: {reason}");
    }
    let kernel = std::fs::read_to_string("/proc/kallsyms").unwrap_or_default();
    if !kernel.contains(" bpf_iter_num_new") {
        return println!("skipped: no iterators over numbers before Linux 6.4: each round is followed");
    }
    let mut bad = Vec::new();
    for (form, body) in FORMS.iter().flat_map(|form| BODIES.iter().map(move |body| (form, body))) {
        let script = format!("BEGIN {{ @n = 100000; @a[0] = 1; {} }}", form.replace("BODY", body));
        let run = btc(&["run", "-v", "--dry-run", "-e", &script]);
        let said = text(&run.stderr);
        // It would be loaded again in another form, after seconds.
        if !run.status.success() || said.contains("too large") || said.contains("too complex") {
            bad.push(format!("{script}\n  {}", said.lines().last().unwrap_or_default()));
        }
    }
    assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), FORMS.len() * BODIES.len(), bad.join("\n"));
}
