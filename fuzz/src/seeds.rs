//! Fills the corpora: `seeds FOLDER`, a folder in it for each target.

use std::path::{Path, PathBuf};
use std::process::Command;

use btc_fuzz::objects;
// The counters that the compiler has put in are its.
use libfuzzer_sys as _;
use object::{Object, ObjectSection};

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata");

/// Lists as the kernel writes them.
const LISTS: &[&str] = &[
    "55d0a000-55d0b000 r-xp 00002000 fe:00 1234   /usr/bin/true\n7ffe1000-7ffe3000 r-xp 00000000 00:00 0   [vdso]\n",
    "ffffffff81000000 T alpha\nffffffff81000100 t __traceiter_beta\t[gamma]\n0000000000000000 A fixed\n",
    "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n",
];

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Seeds of one target.
struct Corpus {
    folder: PathBuf,
    count: usize,
}

impl Corpus {
    fn of(root: &Path, target: &str) -> Result<Corpus> {
        let folder = root.join(target);
        std::fs::create_dir_all(&folder)?;
        Ok(Corpus { folder, count: 0 })
    }

    fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.count += 1;
        Ok(std::fs::write(self.folder.join(format!("seed-{}", self.count)), bytes)?)
    }
}

/// All files below a folder with an ending.
fn files(folder: &Path, ending: &str, all: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, ending, all)?;
        } else if path.extension().is_some_and(|e| e == ending) {
            all.push(path);
        }
    }
    Ok(())
}

fn texts(root: &Path, target: &str, ending: &str) -> Result<()> {
    let mut all = Vec::new();
    files(Path::new(TESTDATA), ending, &mut all)?;
    all.sort();
    let mut corpus = Corpus::of(root, target)?;
    all.iter().try_for_each(|path| corpus.add(&std::fs::read(path)?))
}

/// A program of the tests, compiled small.
fn program(root: &Path, source: &str, flags: &[&str]) -> Result<Vec<u8>> {
    let output = root.join("program");
    let source = Path::new(TESTDATA).join(source);
    let done = Command::new("cc").args(flags).arg("-o").arg(&output).arg(&source).status()?;
    if !done.success() {
        return Err(format!("cc cannot compile {}", source.display()).into());
    }
    let bytes = std::fs::read(&output)?;
    std::fs::remove_file(output)?;
    Ok(bytes)
}

/// What a section of an ELF file holds.
fn section(file: &[u8], name: &str) -> Result<Vec<u8>> {
    let parsed = object::File::parse(file)?;
    let section = parsed.section_by_name(name).ok_or_else(|| format!("no section {name}"))?;
    Ok(section.data()?.to_vec())
}

fn binaries(root: &Path) -> Result<()> {
    let debug = ["-g", "-O1", "-c"];
    let plain = program(root, "target/user/user.c", &debug)?;
    let old = program(root, "target/user/user.c", &[&debug[..], &["-gdwarf-4"]].concat())?;
    let probes = program(root, "kernel/static_probes.c", &["-O1", "-c"])?;
    let mut elf = Corpus::of(root, "elf")?;
    let mut dwarf = Corpus::of(root, "dwarf")?;
    for file in [&plain, &old, &probes] {
        elf.add(file)?;
    }
    dwarf.add(&plain)?;
    dwarf.add(&old)?;
    Corpus::of(root, "unwind")?.add(&[&0x1000u64.to_le_bytes(), &section(&plain, ".eh_frame")?[..]].concat())?;
    let notes = section(&probes, ".note.stapsdt")?;
    // The string's length is taken from the input's end.
    let operands = "-4@%eax 8@16(%rbp,%rcx,4) 4@$-5 8@[sp, 12]";
    Corpus::of(root, "usdt")?.add(&[operands.as_bytes(), &notes].concat())
}

fn main() -> Result<()> {
    let root = std::env::args_os().nth(1).map(PathBuf::from).ok_or("usage: seeds FOLDER")?;
    texts(&root, "parse", "bt")?;
    texts(&root, "compile", "bt")?;
    texts(&root, "roundtrip", "ir")?;
    let (mut object, mut btf) = (Corpus::of(&root, "object")?, Corpus::of(&root, "btf")?);
    for bytes in objects::all() {
        object.add(bytes)?;
        btf.add(&section(bytes, ".BTF")?)?;
    }
    let mut kernels = Vec::new();
    files(Path::new(TESTDATA), "btf", &mut kernels)?;
    kernels.iter().filter(|path| std::fs::metadata(path).is_ok_and(|m| m.len() < 1 << 16)).try_for_each(|path| btf.add(&std::fs::read(path)?))?;
    let mut manifest = Corpus::of(&root, "manifest")?;
    for n in 0..objects::SCRIPTS.len() as u8 {
        manifest.add(&[n, 1, 2, 3, 4, 5, 6, 7, 8])?;
    }
    binaries(&root)?;
    Corpus::of(&root, "perf_map")?.add(b"\x10\x20\0\0\0\0\0\x002000 10 later\n1000 8 Klass::method (x.js:1)\n0x3000 0x4 last\n")?;
    let mut proc = Corpus::of(&root, "proc")?;
    LISTS.iter().try_for_each(|text| proc.add(text.as_bytes()))?;
    // One file holds the formats of many events.
    let formats = std::fs::read_to_string(Path::new(TESTDATA).join("formats/6.1.formats"))?;
    formats.split('@').skip(1).take(8).try_for_each(|event| proc.add(event.as_bytes()))
}
