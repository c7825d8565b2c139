//! What the tests of this crate share: compiling a case, and an object as text.

use std::collections::BTreeMap;
use std::fmt::Write;

use btc_driver::elf::{self, Contents};
use btc_driver::{Compilation, Emit, Files, Header, Includes, Options, compile};
use btc_target::{NoSource, Source};
use btc_testing::{Case, Fixture};

/// The headers that test scripts may include.
pub struct Headers;

impl Includes for Headers {
    fn load(&mut self, path: &str, angled: bool, _from: &str) -> Option<Header> {
        let text = match (path, angled) {
            ("point.h", false) => "#pragma once\nstruct point { int x; int y; };\n",
            ("loop.h", false) => "#include \"loop.h\"\n",
            _ => return None,
        };
        Some(Header { name: path.to_string(), text: text.to_string(), system: angled })
    }
}

impl Files for Headers {
    fn import(&mut self, path: &str, _: &str) -> Option<Vec<(String, String)>> {
        let text = match path {
            "mean.bt" => "macro mean(a, b) { (a + b) / 2 }\n",
            "broken.bt" => "macro broken(a { a }\n",
            _ => return None,
        };
        Some(vec![(path.to_string(), text.to_string())])
    }
}

/// Compiles a case up to `emit`. Its first line may say `kernel: none` and `unsafe`.
pub fn compile_to(case: &Case, emit: Emit) -> Compilation {
    let fixture = Fixture::new();
    let source: &dyn Source = if case.has("kernel: none") { &NoSource } else { &fixture };
    let options = Options { emit, allow_unsafe: case.has("unsafe"), ..Options::default() };
    compile(&case.file, &case.text, source, &mut Headers, &options)
}

/// A stage's text, with diagnostics behind it.
pub fn stage(case: &Case, emit: Emit) -> String {
    let compilation = compile_to(case, emit);
    let mut out = compilation.output.as_ref().map_or_else(String::new, |o| String::from_utf8_lossy(o).into_owned());
    out.push_str(&compilation.messages(false));
    out
}

/// The scripts that become objects in tests.
pub fn scripts() -> impl Iterator<Item = Case> {
    let folders = ["object", "codegen", "tour"].map(btc_testing::testdata);
    let entries = folders.into_iter().flat_map(|f| std::fs::read_dir(f).expect("the folder can be read").flatten());
    entries.filter(|e| e.path().extension().is_some_and(|e| e == "bt")).map(|entry| {
        let text = std::fs::read_to_string(entry.path()).expect("the script can be read");
        Case::new(&entry.file_name().to_string_lossy(), text)
    })
}

/// The object of a case, which must compile.
pub fn object(case: &Case) -> Vec<u8> {
    let compilation = compile_to(case, Emit::Object);
    let messages = compilation.messages(false);
    compilation.output.unwrap_or_else(|| panic!("{}: {messages}", case.file))
}

/// A number in an object.
pub fn number(bytes: &[u8], at: usize, size: usize) -> usize {
    bytes[at..at + size].iter().rev().fold(0, |n, b| n << 8 | usize::from(*b))
}

/// Where in the file the header of a section stands.
fn header(bytes: &[u8], name: &str) -> usize {
    let (table, count, names) = (number(bytes, 0x28, 8), number(bytes, 0x3c, 2), number(bytes, 0x3e, 2));
    let at = |n: usize| table + 64 * n;
    let strings = number(bytes, at(names) + 24, 8);
    let named = |n: &usize| bytes[strings + number(bytes, at(*n), 4)..].starts_with(format!("{name}\0").as_bytes());
    at((0..count).find(named).expect("the section exists"))
}

/// The range of a section in the file.
pub fn section(bytes: &[u8], name: &str) -> std::ops::Range<usize> {
    let header = header(bytes, name);
    let start = number(bytes, header + 24, 8);
    start..start + number(bytes, header + 32, 8)
}

/// The same object with another manifest, behind all else.
pub fn with(bytes: &[u8], manifest: &btc_abi::Manifest) -> Vec<u8> {
    let (mut bytes, header, encoded) = (bytes.to_vec(), header(bytes, ".btc.manifest"), btc_abi::wire::encode(manifest));
    let (start, length) = (bytes.len() as u64, encoded.len() as u64);
    bytes[header + 24..header + 32].copy_from_slice(&start.to_le_bytes());
    bytes[header + 32..header + 40].copy_from_slice(&length.to_le_bytes());
    bytes.extend(encoded);
    bytes
}

/// Sections, symbols, types, relocations and maps of an object.
pub fn dump(object: &[u8]) -> String {
    let contents = elf::read(object).unwrap_or_else(|e| panic!("{e}"));
    let mut out = String::new();
    for s in &contents.sections {
        // Sizes of these change with the compiler's version and say nothing by themselves.
        let varies = [".BTF", ".strtab", ".symtab", ".shstrtab", ".btc.manifest"].iter().any(|n| s.name.starts_with(n));
        let size = if varies { "-".to_string() } else { s.size.to_string() };
        let _ = writeln!(out, "section {:?} {size}{}", s.name, if s.code { " code" } else { "" });
    }
    for s in &contents.symbols {
        let place = s.section.map_or_else(|| "extern".to_string(), |n| contents.sections[n].name.clone());
        let binding = match (s.weak, s.global) {
            (true, _) => "weak",
            (_, true) => "global",
            _ => "local",
        };
        let _ = writeln!(out, "symbol {binding} {:?} in {place:?} at {} size {}", s.name, s.value, s.size);
    }
    for program in &contents.programs {
        for r in &program.relocations {
            let _ = writeln!(out, "relocation {}+{}: {:?} kind {}", program.name, r.offset / 8, r.symbol, r.kind);
        }
    }
    for c in &contents.core {
        let _ = writeln!(out, "core {}+{}: {} {} kind {}", c.section, c.offset / 8, c.root, c.access, c.kind);
    }
    types(&contents, &mut out);
    manifest(&contents, &mut out);
    out
}

/// Names of BTF kinds, by number.
const KINDS: [&str; 20] = [
    "void", "int", "ptr", "array", "struct", "union", "enum", "fwd", "typedef", "volatile", "const", "restrict",
    "func", "proto", "var", "datasec", "float", "decl_tag", "type_tag", "enum64",
];

/// Named types one by one, others by number.
fn types(contents: &Contents, out: &mut String) {
    let mut unnamed: BTreeMap<&str, usize> = BTreeMap::new();
    for ty in &contents.types {
        let kind = KINDS.get(ty.kind as usize).copied().unwrap_or("?");
        if ty.name.is_empty() {
            *unnamed.entry(kind).or_default() += 1;
        } else {
            let _ = writeln!(out, "type {kind} {:?} {} items", ty.name, ty.vlen);
        }
    }
    for (kind, count) in unnamed {
        let _ = writeln!(out, "type {kind} without name: {count}");
    }
}

fn manifest(contents: &Contents, out: &mut String) {
    let bytes = contents.manifest.as_deref().expect("the object has a manifest");
    let manifest = btc_abi::wire::decode(bytes).unwrap_or_else(|e| panic!("{e}"));
    for p in &manifest.probes {
        let _ = writeln!(out, "probe {:?} {} {:?}", p.name, p.program, p.attach);
    }
    for m in &manifest.maps {
        let _ = writeln!(out, "map {m:?}");
    }
    for r in &manifest.records {
        let _ = writeln!(out, "record {r:?}");
    }
    for l in &manifest.losses {
        let _ = writeln!(out, "loss {l:?}");
    }
    for p in &manifest.patches {
        let _ = writeln!(out, "patch {p:?}");
    }
    for r in &manifest.requirements {
        let _ = writeln!(out, "needs {r:?}");
    }
    for s in &manifest.settings {
        let _ = writeln!(out, "setting {s:?}");
    }
}

/// A small generator of numbers (splitmix64): the same on every machine.
pub struct Random(u64);

impl Random {
    /// Numbers of that seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (n ^ n >> 31) % limit
    }
}
