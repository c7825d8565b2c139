//! Compiles within this process: time, instructions, object size.

use std::path::{Path, PathBuf};
use std::time::Instant;

use btc_driver::{Emit, NoFiles, Options as Compile, compile, elf};
use btc_target::Source;
use btf_rs::{Backend, Btf};

use crate::median;
use crate::options::Options;

/// The types of a kernel, and nothing else of it: the shipped table serves tracepoints.
pub struct Kernel {
    /// Path of its BTF.
    btf: String,
}

impl Kernel {
    /// The running kernel's, or those of a file.
    pub fn new(options: &Options) -> Kernel {
        let btf = options.btf.as_deref().unwrap_or("/sys/kernel/btf/vmlinux");
        Kernel { btf: btf.to_string() }
    }
}

impl Source for Kernel {
    fn tracepoint_format(&self, _: &str, _: &str) -> Option<String> {
        None
    }
    fn tracepoints(&self) -> Option<Vec<(String, String)>> {
        None
    }
    fn functions(&self) -> Option<Vec<(String, String)>> {
        None
    }
    fn btf(&self) -> Option<Btf> {
        // Opened at each compile, as a process does.
        Btf::from_file_with_backend(&self.btf, Backend::Mmap).or_else(|_| Btf::from_file(&self.btf)).ok()
    }
}

/// What a compile gave.
pub struct Outcome {
    /// The object; `None` when the script was refused.
    pub object: Option<Vec<u8>>,
    /// Milliseconds.
    pub time: f64,
    /// What the compiler said.
    pub messages: String,
}

/// Compiles once.
pub fn once(kernel: &Kernel, name: &str, text: &str) -> Outcome {
    let options = Compile { emit: Emit::Object, allow_unsafe: true, ..Compile::default() };
    let begin = Instant::now();
    let compilation = compile(name, text, kernel, &mut NoFiles, &options);
    let time = begin.elapsed().as_secs_f64() * 1e3;
    let messages = compilation.messages(false);
    Outcome { object: compilation.output, time, messages }
}

/// Compiles some times: the object and the median of the times.
pub fn median_of(kernel: &Kernel, name: &str, text: &str, runs: usize) -> Outcome {
    let mut last = once(kernel, name, text);
    last.time = median((0..runs).map(|_| once(kernel, name, text).time).collect());
    last
}

/// Programs of an object and their instructions.
pub fn programs(object: &[u8]) -> Vec<usize> {
    elf::read(object).map_or(Vec::new(), |c| c.programs.iter().map(|p| p.insns.len()).collect())
}

/// A table of all scripts.
pub fn scripts(options: &Options, scripts: &[PathBuf]) {
    let kernel = Kernel::new(options);
    println!("## Compiling in this process\n");
    println!("| script | ms | programs | instructions | largest | object |\n|---|---|---|---|---|---|");
    let (mut time, mut instructions, mut bytes) = (0.0, 0, 0);
    for path in scripts {
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        let shown = name(path);
        let outcome = median_of(&kernel, &shown, &text, options.runs);
        let Some(object) = outcome.object else {
            let first = outcome.messages.lines().next().unwrap_or_default();
            println!("| {shown} | refused: {first} |||||");
            continue;
        };
        let programs = programs(&object);
        let all: usize = programs.iter().sum();
        let largest = programs.iter().max().copied().unwrap_or(0);
        println!("| {shown} | {:.2} | {} | {all} | {largest} | {} |", outcome.time, programs.len(), object.len());
        time += outcome.time;
        instructions += all;
        bytes += object.len();
    }
    println!("| all | {time:.2} | | {instructions} | | {bytes} |\n");
}

/// The last two parts of a path.
pub fn name(path: &Path) -> String {
    let parts: Vec<_> = path.components().rev().take(2).map(|c| c.as_os_str().to_string_lossy()).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}
