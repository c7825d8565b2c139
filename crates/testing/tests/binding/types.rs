//! Types of the kernel that a script names, where their size or sign is not the same on all kernels: enums, typedefs of
//! numbers, and records.

use std::collections::{BTreeMap, BTreeSet};

use btc_runtime::unfit_reads;
use btc_target::Source;
use btf_rs::{Btf, BtfType, Type};

use crate::bound::Object;
use crate::kernel::Known;
use crate::machine::{KERNEL, Loaded, PATTERNS, World};
use crate::{Script, Tally, objects};

/// Where a record is.
const PLACE: u64 = KERNEL | 0x7fff_8880_0001_0000;
/// Types in one script.
const BATCH: usize = 50;
/// Typedefs and qualifiers within each other.
const DEPTH: u32 = 16;

/// Bytes and whether there is a sign, by how C writes the type.
type Sizes = BTreeMap<String, BTreeSet<(usize, bool)>>;

/// The number below typedefs and qualifiers; old kernels do not tell the sign of enums.
fn number(btf: &Btf, mut ty: Type, marks_signs: bool) -> Option<(usize, bool)> {
    for _ in 0..DEPTH {
        let id = match &ty {
            Type::Int(int) => return Some((int.size(), int.is_signed())).filter(|(size, _)| *size <= 8),
            Type::Enum(e) => {
                let negative = e.members.iter().any(|m| (m.val() as i32) < 0);
                return Some((e.size(), if marks_signs { e.is_signed() } else { negative }));
            }
            Type::Enum64(e) => return Some((e.size(), e.is_signed())),
            Type::Typedef(t) => t.get_type_id()?,
            Type::Const(t) | Type::Volatile(t) | Type::Restrict(t) => t.get_type_id()?,
            Type::TypeTag(t) => t.get_type_id()?,
            _ => return None,
        };
        ty = btf.resolve_type_by_id(id).ok()?;
    }
    None
}

fn sizes(kernel: &Known) -> Sizes {
    let btf = Source::btf(kernel).expect("btf-rs reads the types");
    let types: Vec<Type> = (1..=btf.base().type_id_range().1).filter_map(|id| btf.resolve_type_by_id(id).ok()).collect();
    let marks_signs = types.iter().any(|ty| matches!(ty, Type::Enum(e) if e.is_signed()));
    let mut all = Sizes::new();
    for ty in types {
        let (word, name) = match &ty {
            Type::Typedef(t) => ("", btf.resolve_name(t)),
            Type::Enum(e) => ("enum ", btf.resolve_name(e)),
            Type::Enum64(e) => ("enum ", btf.resolve_name(e)),
            Type::Struct(s) => ("struct ", btf.resolve_name(s)),
            Type::Union(u) => ("union ", btf.resolve_name(u)),
            _ => continue,
        };
        if let (Some(name), Type::Struct(record) | Type::Union(record)) = (name.as_ref().ok().filter(|n| !n.is_empty()), &ty) {
            all.entry(format!("{word}{name}")).or_default().insert((record.size(), false));
        }
        if let (Some(name), Some(size)) = (name.ok().filter(|n| !n.is_empty()), number(&btf, ty, marks_signs)) {
            all.entry(format!("{word}{name}")).or_default().insert(size);
        }
    }
    // Of several records of one name libbpf takes any.
    all.retain(|name, sizes| !is_record(name) || sizes.len() == 1);
    all
}

fn is_record(name: &str) -> bool {
    name.starts_with("struct ") || name.starts_with("union ")
}

/// A record larger than this is no part of a tuple.
const MOST_PART: usize = 100_000;

/// Behind the name of a record, for its bytes.
const BYTES: &str = ", its bytes";
/// A record of more bytes is not shown whole.
const MOST_SHOWN: usize = 400;

/// Shows how many bytes it has, by itself and in a tuple, and what the compiler decides by that: whether it has more than `least`.
fn record(name: &str, least: usize) -> Script {
    let part = if least < MOST_PART { format!("print(sizeof((*(({name} *)0), 1)));") } else { String::new() };
    let decided = format!("if comptime (sizeof({name}) > {least}) {{ print(1); }} else {{ print(2); }}");
    let text = format!("begin {{ print(sizeof({name})); {part} {decided} }}\n");
    Script { probe: name.to_string(), text }
}

/// Shows a record's bytes, where it is and of a copy. (What its size decides is another script: the first is refused where
/// this need not be.)
fn bytes(name: &str) -> Script {
    let place = format!("*({name} *){PLACE:#x}");
    let text = format!("begin {{ print(sizeof({name})); print(buf({place})); $copy = {place}; print(buf($copy)); }}\n");
    Script { probe: format!("{name}{BYTES}"), text }
}

/// Shows how many bytes it has, what it makes of a number, and all its bits.
fn script(name: &str, least: usize) -> Script {
    if is_record(name) {
        return record(name, least);
    }
    let text = format!("begin {{ print(sizeof({name})); print((int64)({name})-259); print((uint8[])({name})1); }}\n");
    Script { probe: name.to_string(), text }
}

/// What a value has without the room behind it, which is as large as where the object was made.
fn filled(value: &[u8]) -> Vec<u8> {
    value[..value.iter().rposition(|b| *b != 0).map_or(0, |n| n + 1)].to_vec()
}

/// What each type's program shows on a kernel, or why it does not.
fn shown(object: &Object, to: &Known) -> BTreeMap<String, Result<Vec<Vec<u8>>, String>> {
    let unfit = unfit_reads(&object.bytes, to).expect("the object has a manifest");
    let wrong = |name: &str| unfit.iter().find(|(read, _)| read.record.strip_prefix("typedef ").unwrap_or(&read.record) == name);
    let code = object.bind(to, None);
    let loaded = Loaded::bound(&object.contents, code.into_iter().collect());
    let source = object.manifest.sources[0].text.clone().expect("the script");
    let lines: Vec<&str> = source.lines().collect();
    let mut all = BTreeMap::new();
    for probe in &object.manifest.probes {
        let line = lines[probe.place.line as usize - 1];
        let name = line.trim_start_matches("begin { print(sizeof(").split(')').next().expect("a name");
        let world = World { pattern: PATTERNS[0], casts: true, answers: false, task: None };
        let done = match wrong(name) {
            Some((_, why)) => Err(why.clone()),
            // A record begins with its number.
            None => loaded.effects(&probe.program, world).map(|e| e.records.iter().map(|r| filled(&r[8..])).collect()),
        };
        let what = if line.contains("print(buf(") { BYTES } else { "" };
        all.insert(format!("{name}{what}"), done);
    }
    all
}

/// All that differ, in all pairs.
pub fn all(kernels: &[Known]) -> Tally {
    let mut tally = Tally::default();
    let sizes: Vec<Sizes> = kernels.iter().map(sizes).collect();
    let names: BTreeSet<&String> = sizes.iter().flat_map(BTreeMap::keys).collect();
    let differs = |name: &&&String| {
        let mut there = sizes.iter().filter_map(|s| s.get(**name));
        let first = there.next();
        there.any(|other| Some(other) != first)
    };
    let differing: Vec<&String> = names.iter().filter(differs).copied().collect();
    let numbers: Vec<&&String> = differing.iter().filter(|name| !is_record(name)).collect();
    println!("{} types of {} differ, of numbers these: {numbers:?}", differing.len(), names.len());
    let least = |name: &String| sizes.iter().filter_map(|s| s.get(name)).flatten().map(|(size, _)| *size).min().unwrap_or(0);
    let mut every = Vec::new();
    for (from, own) in kernels.iter().zip(&sizes) {
        let known: Vec<&String> = differing.iter().filter(|n| own.contains_key(**n)).copied().collect();
        let is_shown = |n: &&&String| is_record(n) && own[**n].iter().all(|(size, _)| (1..=MOST_SHOWN).contains(size));
        let whole = known.iter().filter(is_shown).map(|n| bytes(n));
        let scripts: Vec<Script> = known.iter().map(|n| script(n, least(n))).chain(whole).collect();
        let mut there = vec![BTreeMap::new(); kernels.len()];
        for batch in scripts.chunks(BATCH) {
            for object in objects(from, batch, &mut tally).into_iter().map(Object::new) {
                tally.objects += 1;
                kernels.iter().zip(&mut there).for_each(|(to, all)| all.extend(shown(&object, to)));
            }
        }
        every.push(there);
    }
    for (f, from) in kernels.iter().enumerate() {
        for (t, to) in kernels.iter().enumerate() {
            for (name, own) in &every[f][t] {
                let of = name.strip_suffix(BYTES).unwrap_or(name);
                let what = || format!("{name} from {} on {}: {own:x?}, native {:x?}", from.name, to.name, every[t][t].get(name));
                match (own, every[t][t].get(name)) {
                    (Ok(own), Some(Ok(native))) if own == native => tally.equal += 1,
                    (Err(_), _) if sizes[f][of] != *sizes[t].get(of).unwrap_or(&BTreeSet::new()) => tally.errors += 1,
                    // What the kernel lacks is not compared: its size goes into nothing that is read there.
                    (Ok(_), None) => tally.errors += 1,
                    _ => tally.wrong.push(what()),
                }
            }
        }
    }
    tally
}
