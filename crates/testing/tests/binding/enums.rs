//! Enums of the kernel: the numbers that scripts have for names, and the names that are shown for numbers, where these are
//! not the same on all kernels.

use std::collections::{BTreeMap, BTreeSet};

use btc_abi::{EnumNames, Encoding, GlobalValue};
use btc_runtime::{Kernel, Variants, enum_constant, enum_name, enum_names, unfit_reads};
use btc_target::Source;
use btf_rs::{Btf, BtfType, Type};

use crate::bound::Object;
use crate::kernel::Known;
use crate::machine::{KERNEL, Loaded, PATTERNS, World};
use crate::{Script, Tally, objects};

/// Where a number is that is counted with.
const PLACE: u64 = KERNEL | 0x7fff_8880_0001_0000;
/// Constants in one script.
const BATCH: usize = 100;
/// Typedefs and qualifiers within each other; records without names in each other.
const DEPTH: u32 = 16;

/// Values and names, in order.
type Values = Vec<(i64, String)>;

/// A kernel's enums by the test's own reading.
pub struct Enums {
    /// Those with a tag; some tags are many enums'.
    tagged: BTreeMap<String, Vec<Values>>,
    /// Those without.
    tagless: Vec<Values>,
    /// Those without a tag that something leads to: how a script asks for a value of that type.
    reached: BTreeMap<String, Values>,
}

struct Reading {
    btf: Btf,
    marks_signs: bool,
}

impl Reading {
    fn name<T: BtfType>(&self, ty: &T) -> String {
        self.btf.resolve_name(ty).unwrap_or_default()
    }

    /// Tag and values of an enum.
    fn values(&self, ty: &Type) -> Option<(String, Values)> {
        match ty {
            Type::Enum(e) => {
                let negative = e.members.iter().any(|m| (m.val() as i32) < 0);
                let signed = if self.marks_signs { e.is_signed() } else { negative };
                let value = |v: u32| if signed { i64::from(v as i32) } else { i64::from(v) };
                Some((self.name(e), e.members.iter().map(|m| (value(m.val()), self.name(m))).collect()))
            }
            Type::Enum64(e) => Some((self.name(e), e.members.iter().map(|m| (m.val() as i64, self.name(m))).collect())),
            _ => None,
        }
    }

    fn strip(&self, mut id: u32) -> Option<Type> {
        for _ in 0..DEPTH {
            let ty = self.btf.resolve_type_by_id(id).ok()?;
            id = match &ty {
                Type::Typedef(t) => t.get_type_id()?,
                Type::Const(t) | Type::Volatile(t) | Type::Restrict(t) => t.get_type_id()?,
                Type::TypeTag(t) => t.get_type_id()?,
                _ => return Some(ty),
            };
        }
        None
    }

    /// Fields of an enum without a tag, bit fields excepted: these are shown as numbers.
    fn fields(&self, ty: &Type, text: &str, depth: u32, all: &mut BTreeMap<String, Values>) {
        let (Type::Struct(record) | Type::Union(record)) = ty else { return };
        for member in record.members.iter().filter(|m| m.bitfield_size().is_none_or(|bits| bits == 0)) {
            let (name, Some(own)) = (self.name(member), member.get_type_id().and_then(|id| self.strip(id))) else { continue };
            match self.values(&own) {
                Some((tag, values)) if tag.is_empty() => {
                    all.entry(format!("{text}->{name}")).or_insert(values);
                }
                None if name.is_empty() && depth < DEPTH => self.fields(&own, text, depth + 1, all),
                _ => {}
            }
        }
    }
}

impl Enums {
    /// Reads all.
    pub fn of(kernel: &Known) -> Enums {
        let btf = Source::btf(kernel).expect("btf-rs reads the types");
        let types: Vec<Type> = (1..=btf.base().type_id_range().1).filter_map(|id| btf.resolve_type_by_id(id).ok()).collect();
        let marks_signs = types.iter().any(|ty| matches!(ty, Type::Enum(e) if e.is_signed()));
        let reading = Reading { btf, marks_signs };
        let mut all = Enums { tagged: BTreeMap::new(), tagless: Vec::new(), reached: BTreeMap::new() };
        let mut records: BTreeMap<String, u32> = BTreeMap::new();
        for ty in &types {
            match reading.values(ty) {
                Some((tag, values)) if tag.is_empty() => all.tagless.push(values),
                Some((tag, values)) => all.tagged.entry(tag).or_default().push(values),
                None => {}
            }
            match ty {
                Type::Struct(s) | Type::Union(s) if !reading.name(s).is_empty() => {
                    let word = if matches!(ty, Type::Struct(_)) { "struct" } else { "union" };
                    let name = format!("{word} {}", reading.name(s));
                    *records.entry(name.clone()).or_default() += 1;
                    reading.fields(ty, &format!("(({name} *){PLACE:#x})"), 0, &mut all.reached);
                }
                Type::Typedef(t) => {
                    let to = t.get_type_id().and_then(|id| reading.strip(id)).and_then(|ty| reading.values(&ty));
                    if let Some((_, values)) = to.filter(|(tag, _)| tag.is_empty()) {
                        all.reached.entry(format!("({})3", reading.name(t))).or_insert(values);
                    }
                }
                _ => {}
            }
        }
        // Of types that share a name no script tells which is meant.
        let shared = |text: &String| records.iter().any(|(name, n)| *n > 1 && text.starts_with(&format!("(({name} *)")));
        all.reached.retain(|text, _| !shared(text));
        all
    }

    /// All places of an enumerator: tag, value.
    fn places(&self, name: &str) -> BTreeSet<(String, i64)> {
        let tagged = self.tagged.iter().flat_map(|(tag, all)| all.iter().map(move |values| (tag.as_str(), values)));
        let all = tagged.chain(self.tagless.iter().map(|values| ("", values)));
        let found = all.flat_map(|(tag, values)| values.iter().filter(|(_, n)| n == name).map(move |(v, _)| (tag.to_string(), *v)));
        found.collect()
    }

    /// What an enumerator of an enum without a tag is, by those that have most names of what another kernel means by it: the
    /// enum there in which it is `value`. Nothing where that kernel has a tag for it.
    fn most_alike(&self, name: &str, value: i64, there: &Enums) -> BTreeSet<i64> {
        let meant: BTreeSet<&String> =
            there.tagless.iter().filter(|values| values.contains(&(value, name.to_string()))).flatten().map(|(_, n)| n).collect();
        let own = self.tagless.iter().filter_map(|values| Some((values, values.iter().find(|(_, n)| n == name)?.0)));
        let alike = |values: &Values| values.iter().filter(|(_, n)| meant.contains(n)).count();
        let all: Vec<(usize, i64)> = own.map(|(values, number)| (alike(values), number)).collect();
        let most = all.iter().map(|(n, _)| *n).max().filter(|_| !meant.is_empty());
        all.into_iter().filter(|(n, _)| Some(*n) == most).map(|(_, number)| number).collect()
    }

    fn all_places(&self) -> BTreeMap<String, BTreeSet<(String, i64)>> {
        let mut all: BTreeMap<String, BTreeSet<(String, i64)>> = BTreeMap::new();
        let tagged = self.tagged.iter().flat_map(|(tag, all)| all.iter().map(move |values| (tag.as_str(), values)));
        for (tag, values) in tagged.chain(self.tagless.iter().map(|values| ("", values))) {
            for (value, name) in values {
                all.entry(name.clone()).or_default().insert((tag.to_string(), *value));
            }
        }
        all
    }
}

/// Uses a constant as a number, and in arithmetic.
fn script(name: &str) -> Script {
    let text = format!("begin {{ print((int64){name}); $x = *(uint64 *){PLACE:#x}; print($x + {name}); print($x & {name}); print($x == {name}); }}\n");
    Script { probe: name.to_string(), text }
}

/// What a program counts with a constant on a kernel, or why it does not.
fn numbers(loaded: &Loaded, program: &str) -> Result<Vec<i64>, String> {
    let world = World { pattern: PATTERNS[0], casts: true, answers: false, task: None };
    let records = loaded.effects(program, world)?.records;
    // Behind a record's number and flags stands the value, of 4 or 8 bytes, truth values of one.
    let number = |r: &Vec<u8>| r[8..].iter().rev().fold(0i64, |n, b| n << 8 | i64::from(*b));
    Ok(records.iter().map(number).collect())
}

fn ask<T>(kernel: &Known, question: impl Fn(&btc_runtime::Types) -> T) -> T {
    let mut answer = None;
    kernel.types("", &mut |types| answer = Some(question(types)));
    answer.expect("a kernel has types")
}

/// By constant, what an object's programs count on a kernel.
type Counted = BTreeMap<String, Result<Vec<i64>, String>>;

fn counted(object: &Object, to: &Known, names: &BTreeSet<String>, all: &mut Counted) {
    let (mut contents, mut missing) = (object.contents.clone(), BTreeSet::new());
    for global in &object.manifest.globals {
        let GlobalValue::Constant(name, value) = &global.value else { continue };
        let Some(value) = ask(to, |types| enum_constant(types, &object.manifest, name, *value)) else {
            missing.insert(name.clone());
            continue;
        };
        let symbol = contents.symbols.iter().find(|s| s.name == global.symbol).expect("a variable");
        let (section, at) = (symbol.section.expect("a section"), symbol.value as usize);
        contents.sections[section].data[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    let unfit = unfit_reads(&object.bytes, to).expect("the object has a manifest");
    missing.extend(unfit.into_iter().map(|(read, _)| read.path));
    let code = object.bind(to, None);
    let loaded = Loaded::bound(&contents, code.into_iter().collect());
    let source = object.manifest.sources[0].text.clone().expect("the script");
    let lines: Vec<&str> = source.lines().collect();
    for probe in &object.manifest.probes {
        let line = lines[probe.place.line as usize - 1];
        let name = line.trim_start_matches("begin { print((int64)").split(')').next().expect("a name");
        assert!(names.contains(name), "{line}");
        let done = if missing.contains(name) { Err("no such constant, or it does not fit".into()) } else { numbers(&loaded, &probe.program) };
        all.insert(name.to_string(), done);
    }
}

/// Numbers: all constants whose values, tags or existence differ, in all pairs.
pub fn constants(kernels: &[Known]) -> Tally {
    let mut tally = Tally::default();
    let enums: Vec<Enums> = kernels.iter().map(Enums::of).collect();
    let places: Vec<_> = enums.iter().map(Enums::all_places).collect();
    let all: BTreeSet<&String> = places.iter().flat_map(BTreeMap::keys).collect();
    let differs = |name: &&&String| places.iter().any(|p| p.get(**name) != places[0].get(**name));
    let names: BTreeSet<String> = all.iter().filter(differs).map(|n| (*n).clone()).collect();
    println!("{} constants of {} differ", names.len(), all.len());
    let mut every: Vec<Vec<Counted>> = Vec::new();
    for (from, own) in kernels.iter().zip(&places) {
        let scripts: Vec<Script> = names.iter().filter(|n| own.contains_key(*n)).map(|n| script(n)).collect();
        let mut there: Vec<Counted> = kernels.iter().map(|_| Counted::new()).collect();
        for batch in scripts.chunks(BATCH) {
            for object in objects(from, batch, &mut tally).into_iter().map(Object::new) {
                tally.objects += 1;
                for (to, all) in kernels.iter().zip(&mut there) {
                    counted(&object, to, &names, all);
                }
            }
        }
        println!("{}: {} constants", from.name, scripts.len());
        every.push(there);
    }
    for (f, from) in kernels.iter().enumerate() {
        for (t, to) in kernels.iter().enumerate() {
            for (name, own) in &every[f][t] {
                let (native, right) = (every[t][t].get(name), enums[t].places(name));
                let what = || format!("{name} from {} on {}: {own:x?}, native {native:x?}, places {right:x?}, here {:x?}", from.name, to.name, places[f][name]);
                // Of many enums with that name a native compile takes the first; the object stays with its own.
                let mine = |place: &&(String, i64)| places[f][name].iter().any(|(tag, _)| *tag == place.0);
                // Of several without a tag it is the one with the other names that it had here.
                let natively = every[f][f].get(name).and_then(|n| n.as_ref().ok()?.first());
                let alike = natively.map(|n| enums[t].most_alike(name, *n, &enums[f])).unwrap_or_default();
                let is_meant = |n: &i64| alike.is_empty() || alike.contains(n) || right.iter().any(|(tag, _)| !tag.is_empty());
                let is_right = |numbers: &Vec<i64>| numbers.first().is_some_and(is_meant) && right.iter().filter(mine).any(|(_, n)| numbers.first() == Some(n));
                match (own, native) {
                    (Ok(own), Some(Ok(native))) if is_right(own) && (own == native || right.len() > 1) => tally.equal += 1,
                    (Ok(_), _) => tally.wrong.push(what()),
                    (Err(why), _) if from.name == to.name => tally.wrong.push(format!("{why}: {}", what())),
                    (Err(why), Some(Ok(_))) if places[f][name] == places[t][name] => tally.wrong.push(format!("{why}: {}", what())),
                    (Err(_), _) => tally.errors += 1,
                }
            }
        }
    }
    tally
}

/// The names that an object brings for a type, and the bytes of its values.
fn brought(kernel: &Known, value: &str) -> Result<(EnumNames, u8), String> {
    let script = Script { probe: value.to_string(), text: format!("begin {{ print({value}); }}\n") };
    let manifest = Object::new(crate::compile_for(kernel, &[script])?).manifest;
    let field = &manifest.records[0].fields[0].encoding;
    let Encoding::Enum { size, names, .. } = field else { return Err(format!("{value} is shown as {field:?}")) };
    Ok((manifest.enums[*names as usize].clone(), *size))
}

fn name_of<'v>(values: &'v Values, value: i64, size: u8) -> Option<&'v str> {
    let unused = 64 - 8 * u32::from(size);
    values.iter().rfind(|(v, _)| (*v as u64) << unused == (value as u64) << unused).map(|(_, name)| name.as_str())
}

/// Names: all enums whose values differ, in all pairs.
pub fn names(kernels: &[Known]) -> Tally {
    let mut tally = Tally::default();
    let enums: Vec<Enums> = kernels.iter().map(Enums::of).collect();
    // What a script asks for, and the enums that it may mean on each kernel.
    let means = |e: &Enums| -> BTreeMap<String, Vec<Values>> {
        let tagged = e.tagged.iter().map(|(tag, all)| (format!("(enum {tag})3"), all.clone()));
        tagged.chain(e.reached.iter().map(|(text, values)| (text.clone(), vec![values.clone()]))).collect()
    };
    let means: Vec<_> = enums.iter().map(means).collect();
    let all: BTreeSet<&String> = means.iter().flat_map(BTreeMap::keys).collect();
    let differs = |value: &&&String| {
        let mut there = means.iter().filter_map(|m| m.get(**value));
        let first = there.next();
        there.any(|values| Some(values) != first)
    };
    let differing: Vec<&String> = all.iter().filter(differs).copied().collect();
    println!("{} types of {} differ", differing.len(), all.len());
    for value in differing {
        let objects: Vec<Option<(EnumNames, u8)>> = kernels.iter().zip(&means).map(|(kernel, own)| {
            own.get(value)?;
            brought(kernel, value).map_err(|why| tally.refused.push(format!("{}: {value}: {why}", kernel.name))).ok()
        }).collect();
        tally.objects += objects.iter().flatten().count() as u64;
        for (t, to) in kernels.iter().enumerate() {
            let shown: Vec<Option<Option<Variants>>> =
                objects.iter().map(|o| o.as_ref().map(|(names, _)| ask(to, |types| enum_names(types, names)))).collect();
            let values: BTreeSet<i64> = means.iter().filter_map(|m| m.get(value)).flatten().flatten().map(|(v, _)| *v).chain([-77]).collect();
            for (f, from) in kernels.iter().enumerate() {
                let (Some(own), Some((_, size))) = (&shown[f], &objects[f]) else { continue };
                // What cannot be read there is never shown.
                let Some(there) = means[t].get(value) else {
                    tally.errors += 1;
                    continue;
                };
                let Some(own) = own else {
                    tally.errors += 1;
                    continue;
                };
                for n in &values {
                    let name = enum_name(own, *n as u64, *size);
                    let right: Vec<Option<&str>> = there.iter().map(|values| name_of(values, *n, *size)).collect();
                    // Of many with one tag no script tells which it means: it is the one that the object's is most like.
                    let native = shown[t].as_ref().and_then(|v| v.as_ref()).map(|v| enum_name(v, *n as u64, *size));
                    if right.contains(&name) && (right.len() > 1 || native.is_none_or(|native| native == name)) {
                        tally.equal += 1;
                    } else {
                        tally.wrong.push(format!("{value} = {n} from {} on {}: {name:?}, right {right:?}, native {native:?}", from.name, to.name));
                    }
                }
            }
        }
    }
    tally
}
