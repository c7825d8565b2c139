//! Fields of kernel structs: what objects read there on another kernel, in all forms of code that the compiler emits.
//!
//! Scripts read everything that is not the same on all kernels. Their objects are relocated by libbpf for each kernel and
//! run on made-up memory: what they show is what that kernel's types say is there, or they cannot be loaded.

use std::collections::{BTreeMap, BTreeSet};

use btc_abi::{Encoding, Manifest, Record};
use btc_elf::read;
use btc_runtime::unfit_reads;

use crate::kernel::Known;
use crate::machine::{KERNEL, Loaded, PATTERNS};
use crate::path::{Found, Leaf, Path, Shown, Step};
use crate::ways::{self, Way};
use crate::{Script, Tally, objects};

/// Where the structs are.
const ROOT: u64 = KERNEL | 0x7fff_8880_0001_0000;
/// Probes in one script.
const BATCH: usize = 100;

/// Paths that are not the same on all kernels that have their root.
fn differing(kernels: &[Known]) -> BTreeSet<Path> {
    let all: BTreeSet<Path> = kernels.iter().flat_map(|k| k.structs.paths()).collect();
    let differs = |path: &Path| {
        // Of types that share a name no path tells which is meant.
        if kernels.iter().any(|k| k.structs.shared.contains(&path.root)) {
            return false;
        }
        let root = Path { root: path.root.clone(), steps: Vec::new() };
        let there = kernels.iter().filter(|k| k.structs.find(&root).is_some());
        let found: Vec<Option<Found>> = there.map(|k| k.structs.find(path)).collect();
        found.iter().any(|f| *f != found[0])
    };
    all.into_iter().filter(differs).collect()
}

/// What is asked of a field on a kernel.
struct Case<'p> {
    path: &'p Path,
    found: Found,
    way: Way,
}

impl Case<'_> {
    fn script(&self) -> Script {
        let text = self.path.text(ROOT);
        Script { text: format!("begin {{ {} }}\n", self.way.action(&text, &self.found.leaf)), probe: text }
    }
}

/// What more than its value can be asked of a field, where that is not the same on all kernels that have it.
fn others(path: &Path, found: &Found, kernels: &[Known]) -> &'static [Way] {
    let is_other = |other: Found| (&other.leaf, other.unit) != (&found.leaf, found.unit);
    // One bit may be a truth value, which is a type of its own.
    let is_truth = matches!(found.leaf, Leaf::Number { bits: 1, .. }) && found.unit == Some(8);
    if is_truth || !matches!(found.leaf, Leaf::Number { .. }) || !kernels.iter().filter_map(|k| k.structs.find(path)).any(is_other) {
        return &[];
    }
    // A bit field has no address.
    if found.unit.is_some() { &ways::OTHERS[..ways::OTHERS.len() - 1] } else { &ways::OTHERS }
}

/// Whether it is of another kind on some kernel that has it.
fn is_of_other_kind(path: &Path, found: &Found, kernels: &[Known]) -> bool {
    let kind = std::mem::discriminant(&found.leaf);
    kernels.iter().filter_map(|k| k.structs.find(path)).any(|other| std::mem::discriminant(&other.leaf) != kind)
}

/// All that is asked of a kernel's fields.
fn cases<'p>(paths: &'p [Path], from: &Known, kernels: &[Known]) -> Vec<Case<'p>> {
    let mut cases = Vec::new();
    for path in paths {
        let Some(found) = from.structs.find(path) else { continue };
        if matches!(found.leaf, Leaf::Other | Leaf::Bytes(_)) || from.structs.is_declared(path) || reads_shared(path, from) {
            continue;
        }
        if is_of_other_kind(path, &found, kernels) {
            cases.push(Case { path, found: found.clone(), way: Way::Kind });
        }
        cases.extend([Way::Value].iter().chain(others(path, &found, kernels)).map(|way| Case { path, found: found.clone(), way: *way }));
    }
    cases
}

/// The fields that a script for a path reads, each by its record and the way in it.
fn reads(path: &Path, from: &Known) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let (mut record, mut way) = (path.root.clone(), String::new());
    for (n, step) in path.steps.iter().enumerate() {
        match step {
            Step::Member(name) if way.is_empty() => way.clone_from(name),
            Step::Member(name) => way += &format!(".{name}"),
            Step::Index(n) => way += &format!("[{n}]"),
            Step::Follow(name) => {
                let before = Path { root: path.root.clone(), steps: path.steps[..n].to_vec() };
                all.push((record, way));
                let Some(Found { leaf: Leaf::Pointer(to), .. }) = from.structs.find(&before) else { return all };
                (record, way) = (to, name.clone());
            }
        }
    }
    all.push((record, way));
    all
}

/// Whether a path goes by a pointer to one of several types that share a name: no script can tell which it means.
fn reads_shared(path: &Path, from: &Known) -> bool {
    reads(path, from).iter().any(|(record, _)| from.structs.shared.contains(record))
}

/// What a record shows.
fn shown(manifest: &Manifest, bytes: &[u8]) -> Shown {
    let record: &Record = &manifest.records[u32::from_le_bytes(bytes[..4].try_into().expect("a number")) as usize];
    let field = &record.fields[0];
    let value = &bytes[field.offset as usize..][..field.encoding.size() as usize];
    let number = |signed: bool| {
        let raw = value.iter().rev().fold(0i128, |n, b| n << 8 | i128::from(*b));
        let bits = value.len() * 8;
        Shown::Number(if signed && raw >> (bits - 1) & 1 == 1 { raw - (1 << bits) } else { raw })
    };
    match &field.encoding {
        Encoding::Int { signed, .. } | Encoding::Enum { signed, .. } => number(*signed),
        Encoding::Bool | Encoding::Pointer => number(false),
        Encoding::Str { .. } => Shown::Bytes(value.iter().copied().take_while(|b| *b != 0).collect()),
        Encoding::KernelRecord { .. } => Shown::Bytes(value.to_vec()),
        _ => Shown::Bytes(value.to_vec()),
    }
}

/// Whether that is right. A copy of a struct has room that may be larger.
fn is_right(shown: &Shown, n: usize, right: &Shown, found: &Found, case: &Case) -> bool {
    let (leaf, here) = (&found.leaf, &case.found);
    match (shown, right) {
        (Shown::Number(own), Shown::Number(right)) if n == 1 => *own as u64 == *right as u64,
        (Shown::Number(own), Shown::Number(right)) if *leaf == Leaf::Bool => own == right || *own == i128::from(*right != 0),
        // Of a record without a name the fields are copied that the object knows, not what lies between them.
        (Shown::Bytes(own), Shown::Bytes(right)) if !here.used.is_empty() && here.used.len() == right.len() => {
            let is = |(n, used): (usize, &bool)| own.get(n) == Some(&right[n]) || !used && own.get(n).is_none_or(|b| *b == 0);
            here.used.iter().enumerate().all(is)
        }
        (Shown::Bytes(own), Shown::Bytes(right)) if matches!(leaf, Leaf::Record(..)) => {
            own.starts_with(right) && own[right.len()..].iter().all(|b| *b == 0)
        }
        (own, right) => own == right,
    }
}

/// What a program of an object shows where a kernel has casts or has not.
fn compare(loaded: &Loaded, manifest: &Manifest, program: &str, casts: bool, case: &Case, right: Option<&Found>) -> Result<(), Option<String>> {
    // What is not read may be lacking: a script asks before it reads what some kernels have.
    if matches!(case.way, Way::Dropped | Way::Kind) && right.is_none() {
        return Err(None);
    }
    for pattern in PATTERNS {
        let records = loaded.run(program, pattern, casts).map_err(|why| if why.starts_with("no helper 195896080") || why.starts_with("libbpf") { None } else { Some(why) })?;
        for (n, record) in records.iter().enumerate() {
            let own = shown(manifest, record);
            let expected = right.and_then(|found| case.way.right(found, ROOT, pattern));
            match (&expected, right) {
                (Some(expected), Some(found)) if is_right(&own, n, expected, found, case) => {}
                _ => return Err(Some(format!("shows {own:x?}, right is {expected:x?}"))),
            }
        }
        if records.is_empty() {
            return Err(Some("shows nothing".into()));
        }
    }
    Ok(())
}

/// All pairs of kernels.
pub fn all(kernels: &[Known]) -> Tally {
    let mut tally = Tally::default();
    let every = std::env::var("BTC_EVERY").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let paths: Vec<Path> = differing(kernels).into_iter().step_by(every).collect();
    println!("{} paths", paths.len());
    let mut needless: Vec<String> = Vec::new();
    for from in kernels {
        let cases = cases(&paths, from, kernels);
        let scripts: Vec<Script> = cases.iter().map(Case::script).collect();
        let by_line: BTreeMap<&str, &Case> = scripts.iter().map(|s| s.text.trim_end()).zip(&cases).collect();
        for batch in scripts.chunks(BATCH) {
            for object in objects(from, batch, &mut tally) {
                tally.objects += 1;
                let contents = read(&object).expect("an object");
                let manifest = btc_runtime::manifest(&object).expect("a manifest");
                let source = manifest.sources[0].text.clone().expect("the script");
                let lines: Vec<&str> = source.lines().collect();
                for to in kernels {
                    let loaded = Loaded::new(&contents, &to.goal);
                    let unfit = unfit_reads(&object, to).expect("a manifest");
                    let unfit: BTreeSet<(String, String)> = unfit.into_iter().map(|(read, _)| (read.record, read.path)).collect();
                    for probe in &manifest.probes {
                        let line = lines[probe.place.line as usize - 1];
                        let case = by_line[line];
                        let right = to.structs.find(case.path);
                        let refused = reads(case.path, from).iter().any(|read| unfit.contains(read));
                        for casts in [true, false] {
                            let what = || format!("{line} from {} on {}{}", from.name, to.name, if casts { "" } else { ", by helper" });
                            let done = match refused {
                                true => Err(None),
                                false => compare(&loaded, &manifest, &probe.program, casts, case, right.as_ref()),
                            };
                            match done {
                                Ok(()) => tally.equal += 1,
                                Err(None) => {
                                    tally.errors += 1;
                                    // What libbpf refuses it refuses natively too: where it is in doubt which type is meant.
                                    if from.name == to.name && refused {
                                        tally.wrong.push(format!("{}: is an error", what()));
                                    }
                                    if right.as_ref().is_some_and(|r| r.leaf == case.found.leaf && r.at.len() == case.found.at.len()) {
                                        needless.push(what());
                                    }
                                }
                                Err(Some(why)) => tally.wrong.push(format!("{}: {why}; there {right:?}, here {:?}", what(), case.found)),
                            }
                        }
                    }
                }
            }
        }
        println!("{}: {} fields: {} equal, {} errors, {} wrong", from.name, scripts.len(), tally.equal, tally.errors, tally.wrong.len());
        if let Ok(file) = std::env::var("BTC_DUMP") {
            for (end, list) in [("wrong", &tally.wrong), ("needless", &needless), ("refused", &tally.refused)] {
                std::fs::write(format!("{file}.{end}"), list.join("\n")).expect("the list can be written");
            }
        }
    }
    println!("{} needless errors", needless.len());
    tally
}
