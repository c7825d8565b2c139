//! Scripts that people wrote: bpftrace's tools, and all that this project keeps.
//!
//! Each is compiled for each kernel, and each object bound to each kernel. Where the bound code is what a native compile
//! bound to its own kernel is, to the last byte, it reads the same. Where it is not, both run on made-up memory, and what
//! they send and leave in maps is compared.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use btc_abi::{Attach, Encoding, Manifest, Probe, Typed};
use btc_driver::{Emit, Options, compile};
use btc_runtime::unfit_reads;

use crate::NoFiles;
use crate::bound::{Bound, Object};
use crate::kernel::Known;
use crate::machine::{Effects, Loaded, PATTERNS, World};

/// What came of a corpus.
#[derive(Default)]
pub struct Report {
    pub scripts: usize,
    pub objects: usize,
    pub pairs: usize,
    /// Instructions that the kernel decides, in all pairs, by what they came to.
    pub equal: usize,
    pub errors: usize,
    /// In code that is another than the native one, and that no run came to.
    pub unreached: usize,
    /// Programs that were compared by running them.
    pub ran: usize,
    /// Scripts that do not compile, by the error's code, for how many kernels.
    pub refused: BTreeMap<String, usize>,
    /// Objects that are an error as a whole on a kernel: the script does not compile for it, or reads what is something else there.
    pub foreign: usize,
    pub wrong: Vec<String>,
}

/// How a run ended.
enum End {
    Done(Box<Effects>),
    /// No verifier would take it.
    Refused,
    /// The machine cannot follow it.
    Lost(String),
}

fn scripts(folder: &Path, all: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())).flatten().map(|f| f.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            scripts(&path, all);
        } else if path.extension().is_some_and(|e| e == "bt") {
            all.push(path);
        }
    }
}

/// The object of a script, or the code of the first error.
fn object(kernel: &Known, text: &str) -> Result<Object, String> {
    let options = Options { emit: Emit::Object, allow_unsafe: true, ..Options::default() };
    let done = compile("all.bt", text, kernel, &mut NoFiles, &options);
    let messages = done.messages(false);
    let first = messages.lines().find(|l| l.contains("ERROR:")).unwrap_or_default();
    let code = first.rsplit_once('[').map_or(first, |(_, code)| code.trim_end_matches(']'));
    done.output.map(Object::new).ok_or_else(|| code.to_string())
}

/// Whether values are described alike; enums are known by what they are called on the target.
fn described_alike(one: &Manifest, other: &Manifest) -> bool {
    let enums = |m: &Manifest| -> Vec<(String, bool)> { m.enums.iter().map(|e| (e.name.clone(), e.kernel)).collect() };
    one.records == other.records && one.maps == other.maps && one.losses == other.losses && enums(one) == enums(other)
}

/// The tracepoints of a kernel that probes of the object name by patterns, each of which is bound by itself, with the
/// programs of these.
fn events<'a>(object: &'a Object, kernel: &Known) -> BTreeMap<(String, String), BTreeSet<&'a str>> {
    let mut all: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for probe in &object.manifest.probes {
        let Some((category, event)) = pattern(probe) else { continue };
        for (c, e) in kernel.formats.keys().filter(|(c, e)| is_like(category, c) && is_like(event, e)) {
            all.entry((c.clone(), e.clone())).or_default().insert(&probe.program);
        }
    }
    all
}

/// Category and event of a tracepoint, where stars are in them.
fn pattern(probe: &Probe) -> Option<(&str, &str)> {
    let Attach::Tracepoint { category, event } = &probe.attach else { return None };
    (category.contains('*') || event.contains('*')).then_some((category, event))
}

/// Whether a name is what a pattern with stars stands for.
fn is_like(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    name.strip_prefix(head).is_some_and(|rest| (0..=rest.len()).any(|n| rest.get(n..).is_some_and(|rest| is_like(tail, rest))))
}

/// Programs whose probe has one place of binding.
fn single(object: &Object) -> BTreeSet<&str> {
    object.manifest.probes.iter().filter(|p| pattern(p).is_none()).map(|p| p.program.as_str()).collect()
}

fn entries(object: &Object) -> BTreeSet<&str> {
    object.manifest.probes.iter().map(|p| p.program.as_str()).collect()
}

/// An object bound to a kernel.
struct There<'a> {
    object: &'a Object,
    code: BTreeMap<&'a str, Bound>,
    loaded: Loaded<'a>,
}

impl<'a> There<'a> {
    fn new(object: &'a Object, kernel: &Known, event: Option<&Typed>) -> There<'a> {
        let code = object.bind(kernel, event);
        let loaded = Loaded::bound(&object.contents, code.clone().into_iter().collect());
        There { object, code, loaded }
    }

    fn run(&self, program: &str, world: World) -> End {
        match self.loaded.effects(program, world) {
            Ok(effects) => End::Done(Box::new(effects)),
            Err(why) if why == "no helper 195896080" => End::Refused,
            Err(why) => End::Lost(why),
        }
    }

    /// Whether no kernel of that kind would take a program.
    fn is_refused(&self, program: &str, worlds: &[World]) -> bool {
        self.code[program].is_err() || worlds.iter().any(|w| matches!(self.run(program, *w), End::Refused))
    }

    /// Whether all code of a program is that of another object.
    fn is(&self, native: &There, program: &str) -> bool {
        let entries = entries(self.object);
        let same = |name: &&str| self.code[name].is_ok() && native.code.get(name) == self.code.get(name);
        let mut functions = self.code.keys().filter(|name| **name == program || !entries.contains(*name));
        let calls = |o: &Object| -> Vec<Vec<(u64, String)>> {
            let own = o.contents.programs.iter().filter(|p| p.name == program);
            own.map(|p| p.relocations.iter().map(|r| (r.offset, r.symbol.clone())).collect()).collect()
        };
        functions.all(same)
            && calls(self.object) == calls(native.object)
            && described_alike(&self.object.manifest, &native.object.manifest)
    }
}

/// What programs may find; `comm` is what the script asks for, too.
fn worlds(text: &str) -> Vec<World> {
    let asked = text.split("comm == \"").nth(1).and_then(|rest| rest.split('"').next()).filter(|name| name.len() < 8);
    let asked = asked.map(|name| {
        let mut task = [0; 8];
        task[..name.len()].copy_from_slice(name.as_bytes());
        task
    });
    let mut all = Vec::new();
    for pattern in PATTERNS {
        for casts in [true, false] {
            for task in BTreeSet::from([None, asked]) {
                all.push(World { pattern, casts, answers: true, task });
            }
        }
    }
    all
}

/// What a record shows, field by field.
fn shown(manifest: &Manifest, bytes: &[u8]) -> Vec<Vec<u8>> {
    let number = u32::from_le_bytes(bytes[..4].try_into().expect("a number"));
    let record = &manifest.records[number as usize];
    let value = |encoding: &Encoding, at: u32| bytes[at as usize..][..encoding.size() as usize].to_vec();
    let mut all = vec![bytes[..4].to_vec()];
    for field in &record.fields {
        let (mut own, encoding) = (value(&field.encoding, field.offset), &field.encoding);
        match encoding {
            Encoding::Int { signed, .. } | Encoding::Enum { signed, .. } => {
                let fill = if *signed && own.last().is_some_and(|b| *b > 127) { 0xff } else { 0 };
                own.resize(8, fill);
            }
            // Behind the NUL lies what was there before.
            Encoding::Str { .. } => own = own.into_iter().take_while(|b| *b != 0).collect(),
            // There may be more room than the kernel's struct fills.
            Encoding::KernelRecord { .. } | Encoding::Tuple(_) => {
                let end = own.iter().rposition(|b| *b != 0).map_or(0, |n| n + 1);
                own.truncate(end);
            }
            _ => {}
        }
        all.push(own);
    }
    all
}

fn differ(own: &Effects, native: &Effects, manifests: [&Manifest; 2]) -> Option<String> {
    let show = |e: &Effects, m: &Manifest| -> Vec<Vec<Vec<u8>>> { e.records.iter().map(|r| shown(m, r)).collect() };
    let (a, b) = (show(own, manifests[0]), show(native, manifests[1]));
    if a != b {
        return Some(format!("sends {a:x?}, native {b:x?}"));
    }
    // A copy may have more room than it fills.
    let trim = |e: &Effects| -> BTreeMap<String, Vec<u8>> {
        let cut = |v: &Vec<u8>| v[..v.iter().rposition(|b| *b != 0).map_or(0, |n| n + 1)].to_vec();
        e.left.iter().map(|(name, value)| (name.clone(), cut(value))).collect()
    };
    let (a, b) = (trim(own), trim(native));
    (a != b).then(|| format!("leaves {a:x?}, native {b:x?}"))
}

impl Report {
    /// Compares one program by running it.
    fn run(&mut self, own: &There, native: &There, program: &str, worlds: &[World], what: &str) {
        self.ran += 1;
        let mut ran: HashSet<(String, usize)> = HashSet::new();
        for world in worlds {
            match (own.run(program, *world), native.run(program, *world)) {
                (End::Done(a), End::Done(b)) => {
                    if let Some(why) = differ(&a, &b, [&own.object.manifest, &native.object.manifest]) {
                        self.wrong.push(format!("{what}: {program} in {world:?}: {why}"));
                        return;
                    }
                    ran.extend(a.ran);
                }
                (End::Refused, _) => {
                    self.errors += own.object.sites(program).len();
                    return;
                }
                (End::Lost(a), End::Lost(b)) if a == b => {}
                (End::Lost(a), _) => self.wrong.push(format!("{what}: {program}: {a}")),
                (End::Done(_), End::Lost(b)) => self.wrong.push(format!("{what}: {program}, natively: {b}")),
                (End::Done(_), End::Refused) => self.wrong.push(format!("{what}: {program} is refused natively, and here not")),
            }
        }
        let sites = own.object.sites(program);
        let reached = sites.iter().filter(|at| ran.contains(&(program.to_string(), **at))).count();
        if reached == 0 && !sites.is_empty() {
            self.wrong.push(format!("{what}: {program}: no run comes to what the kernel decides"));
        }
        self.equal += reached;
        self.unreached += sites.len() - reached;
    }

    fn programs(&mut self, own: &There, native: &There, programs: &BTreeSet<&str>, worlds: &[World], what: &str) {
        for program in programs {
            if native.object.contents.programs.iter().all(|p| p.name != **program) {
                self.wrong.push(format!("{what}: {program} is only here"));
            } else if own.code[program].is_err() {
                self.errors += own.object.sites(program).len();
            } else if own.is(native, program) {
                self.equal += own.object.sites(program).len();
            } else {
                self.run(own, native, program, worlds, what);
            }
        }
    }

    /// What programs call: compared whole, or by the runs of its callers.
    fn functions(&mut self, own: &There, native: &There) {
        let entries = entries(own.object);
        for name in own.code.keys().filter(|name| !entries.contains(*name)) {
            let sites = own.object.sites(name).len();
            match native.code.get(name) {
                Some(code) if *code == own.code[name] => self.equal += sites,
                _ => self.unreached += sites,
            }
        }
    }

    /// An object that cannot be loaded on a kernel.
    fn refuse(&mut self, object: &Object) {
        self.pairs += 1;
        self.foreign += 1;
        self.errors += object.contents.programs.iter().map(|p| object.sites(&p.name).len()).sum::<usize>();
    }

    fn script(&mut self, name: &str, text: &str, kernels: &[Known]) {
        self.scripts += 1;
        let worlds = worlds(text);
        let objects: Vec<Option<Object>> = kernels.iter().map(|kernel| {
            object(kernel, text).map_err(|code| *self.refused.entry(code).or_default() += 1).ok()
        }).collect();
        self.objects += objects.iter().flatten().count();
        for (to, native) in kernels.iter().zip(&objects) {
            for (from, own) in kernels.iter().zip(&objects) {
                let Some(object) = own else { continue };
                let (own, what) = (There::new(object, to, None), format!("{name} from {} on {}", from.name, to.name));
                let unfit = unfit_reads(&object.bytes, to).expect("the object has a manifest");
                if let Some((read, why)) = unfit.first() {
                    self.refuse(object);
                    if from.name == to.name {
                        self.wrong.push(format!("{what}: {read:?}: {why}"));
                    }
                    continue;
                }
                match native {
                    Some(native) => {
                        self.pairs += 1;
                        self.programs(&own, &There::new(native, to, None), &single(object), &worlds, &what);
                        self.functions(&own, &There::new(native, to, None));
                        for ((category, event), programs) in events(object, to) {
                            let at = Typed::Tracepoint { category, event };
                            let (own, native) = (There::new(object, to, Some(&at)), There::new(native, to, Some(&at)));
                            self.programs(&own, &native, &programs, &worlds, &format!("{what} at {at:?}"));
                        }
                    }
                    // What does not compile there must not run there.
                    None if entries(object).iter().any(|program| own.is_refused(program, &worlds)) => {
                        self.refuse(object);
                    }
                    None => self.wrong.push(format!("{what}: does not compile there, and binds")),
                }
            }
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let done = self.equal + self.errors + self.wrong.len();
        writeln!(f, "{} scripts, {} objects, {} pairs: {done} comparisons", self.scripts, self.objects, self.pairs)?;
        writeln!(f, "{} equal, {} are one error ({} objects as a whole), {} wrong", self.equal, self.errors, self.foreign, self.wrong.len())?;
        writeln!(f, "{} programs compared by running; {} instructions there that no run comes to", self.ran, self.unreached)?;
        let refused: Vec<String> = self.refused.iter().map(|(code, n)| format!("{code} {n}")).collect();
        write!(f, "not compiled, by error: {}", refused.join(", "))
    }
}

/// All scripts of folders, for all pairs of kernels.
pub fn all(kernels: &[Known], folders: &[PathBuf]) -> Report {
    let mut report = Report::default();
    for folder in folders {
        let mut files = Vec::new();
        scripts(folder, &mut files);
        assert!(!files.is_empty(), "{} holds no scripts", folder.display());
        for file in files {
            let text = std::fs::read_to_string(&file).expect("the script can be read");
            report.script(&file.display().to_string(), &text, kernels);
        }
    }
    report
}
