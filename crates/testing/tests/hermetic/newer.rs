//! Helpers that Linux 5.10 has not: programs for it either never come to a call, or the user is told the line.

use std::collections::{BTreeMap, BTreeSet};

use btc_abi::{Manifest, Refused, RequirementKind};
use btc_bpf::helpers::{self, Helper};
use btc_builtins::helpers::NEWER;
use btc_driver::Emit;
use btc_testing::Case;

use crate::support::{compile_to, object, scripts};

const OLDEST: (u8, u8) = (5, 10);

/// All of them, whatever the other scripts of the tests call.
const ALL: &str = "BEGIN { @a[1] = 1; printf(\"%d\", nsecs(tai)); if (comm == \"x\") { @x = 1; } }
kprobe:vfs_* { @f[probe] = count(); }
interval:s:1 { for ($kv : @a) { @b = $kv.1; } @l = len(@a); }
uretprobe:/bin/true:main { @u = uaddr(\"x\"); }
kprobe:vfs_read { @d[dw_ustack] = count(); }
";

#[test]
fn newer_helpers_have_another_way_or_an_error() {
    let mut seen = BTreeSet::new();
    for case in scripts().chain([Case::new("newer.bt", ALL.into())]) {
        let compiled = compile_to(&case, Emit::Ir);
        let Some(text) = compiled.output.as_ref().map(|o| String::from_utf8_lossy(o).into_owned()) else { continue };
        seen.extend(text.lines().filter_map(called).filter(|h| h.since > OLDEST).map(|h| h.name));
        let manifest = btc_runtime::manifest(&object(&case)).expect("a manifest");
        for helper in reached(&text).into_iter().filter(|h| h.since > OLDEST) {
            assert!(is_told(&manifest, helper), "{}: {} is called on kernels without it", case.file, helper.name);
        }
    }
    for helper in NEWER {
        assert!(seen.contains(helper.name), "no script calls {}", helper.name);
    }
}

/// The line that takes a release is known before anything is loaded, or behind the guard.
#[test]
fn what_takes_a_newer_kernel_names_its_place() {
    let manifest = btc_runtime::manifest(&object(&Case::new("newer.bt", ALL.into()))).expect("a manifest");
    let releases = manifest.refusals.iter().filter_map(|r| match &r.what {
        Refused::Release { what, since } => Some((what.as_str(), since.as_str(), r.place.line, r.place.column)),
        _ => None,
    });
    let wanted = [("nsecs(tai)", "6.1", 1, 33), ("a loop over a map", "5.13", 3, 16), ("len() of a map", "5.13", 3, 52)];
    assert_eq!(releases.collect::<Vec<_>>(), wanted);
}

/// Whether the runtime looks before it loads, and names a line.
fn is_told(manifest: &Manifest, helper: &Helper) -> bool {
    let release = format!("{}.{}", helper.since.0, helper.since.1);
    let needs = manifest.requirements.iter().any(|r| r.kind == RequirementKind::Kernel && !r.optional && r.name == release);
    let named = |what: &Refused| matches!(what, Refused::Release { since, .. } if *since == release);
    needs && manifest.refusals.iter().any(|r| named(&r.what))
}

/// The helper that a line calls.
fn called(line: &str) -> Option<&'static Helper> {
    let (_, rest) = line.split_once("call helper")?;
    helpers::by_number(rest.split('(').next()?.parse().ok()?)
}

/// Helpers that functions can come to where the oldest kernel answers what the code asks for, and either way is
/// possible for all else.
fn reached(text: &str) -> Vec<&'static Helper> {
    let answers: BTreeMap<&str, i64> = text.lines().filter_map(answer).collect();
    text.split("\nfn").skip(1).flat_map(|function| reached_in(function, &answers)).collect()
}

/// `late0 = enum_exists "bpf_func_id" "BPF_FUNC_x" 158`
fn answer(line: &str) -> Option<(&str, i64)> {
    let (late, rest) = line.split_once(" = enum_exists \"bpf_func_id\" ")?;
    let number = rest.rsplit_once(' ')?.1.parse().ok()?;
    // What has no row is newer than those that have.
    let exists = helpers::by_number(number).is_some_and(|h| h.since <= OLDEST);
    Some((late, i64::from(exists)))
}

fn reached_in(function: &str, answers: &BTreeMap<&str, i64>) -> Vec<&'static Helper> {
    let mut known: BTreeMap<&str, i64> = BTreeMap::new();
    let mut blocks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut block = "";
    for line in function.lines().map(str::trim) {
        if line.starts_with("block") && line.ends_with(':') {
            block = line.trim_end_matches(':').split('(').next().unwrap_or_default();
        }
        blocks.entry(block).or_default().push(line);
        let Some((value, op)) = line.split_once(" = ") else { continue };
        let number = match op.split_once(' ') {
            Some(("const", number)) => number.parse().ok(),
            Some(("late", late)) => answers.get(late).copied(),
            _ => None,
        };
        known.extend(number.map(|n| (value, n)));
    }
    let (mut todo, mut done, mut found) = (vec!["block0"], BTreeSet::new(), Vec::new());
    while let Some(name) = todo.pop() {
        if !done.insert(name) {
            continue;
        }
        let lines = blocks.get(name).map(Vec::as_slice).unwrap_or_default();
        found.extend(lines.iter().filter_map(|line| called(line)));
        todo.extend(lines.last().into_iter().flat_map(|end| targets(end, &known)));
    }
    found
}

/// Where the end of a block leads: `jump block1`, `br.ne v1, v2, block1, block2(v3)`.
fn targets<'a>(end: &'a str, known: &BTreeMap<&str, i64>) -> Vec<&'a str> {
    let all: Vec<&str> = end.split([' ', ',', '(', ')']).filter(|w| w.starts_with("block")).collect();
    let words: Vec<&str> = end.split([' ', ',']).filter(|w| !w.is_empty()).collect();
    let value = |n: usize| known.get(words.get(n)?);
    match (words.first(), value(1), value(2)) {
        (Some(&"br.ne"), Some(a), Some(b)) => vec![all[usize::from(a == b)]],
        (Some(&"br.eq"), Some(a), Some(b)) => vec![all[usize::from(a != b)]],
        _ => all,
    }
}
