//! Prints figures of the compiler: time, memory, code size, growth. Asserts nothing: what is
//! fast enough depends on the machine, so a reader compares figures of one run.
//!
//! `cargo run -p btc-bench --release -- [options] [script or folder …]`; `--help` tells the
//! options. Without scripts, those of `testdata/run` and `testdata/tour` are taken.

mod events;
mod inside;
mod options;
mod process;
mod scaling;

use std::path::{Path, PathBuf};

use options::Options;

fn main() {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("{text}");
            std::process::exit(2);
        }
    };
    let scripts = scripts(&options);
    println!("# Figures of btc\n\n{} scripts; median of {} runs each. {}\n", scripts.len(), options.runs, load());
    sizes(&options);
    // Processes come first: a child counts its parent's peak of memory as its own until it
    // has executed another program, so this one must be small as long as any is started.
    process::scripts(&options, &scripts);
    process::hello(&options);
    events::costs(&options);
    scaling::processes(&options);
    inside::scripts(&options, &scripts);
    scaling::inside(&options);
}

/// The load of the machine, which explains odd figures.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("Load: {}.", text.split(' ').next().unwrap_or("not known"))
}

/// All scripts to compile, sorted.
fn scripts(options: &Options) -> Vec<PathBuf> {
    let mut todo = options.paths.clone();
    if todo.is_empty() {
        let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
        todo = vec![testdata.join("run"), testdata.join("tour")];
    }
    let mut found = Vec::new();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            todo.extend(entries.map(|e| e.path()).filter(|p| p.is_dir() || p.extension().is_some_and(|e| e == "bt")));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Sizes of the binaries.
fn sizes(options: &Options) {
    println!("## Binaries\n\n| file | bytes |\n|---|---|");
    let folder = options.btc.parent().unwrap_or(Path::new("."));
    for path in [options.btc.clone(), folder.join("btc-run")] {
        let size = std::fs::metadata(&path).map_or("not built".to_string(), |m| m.len().to_string());
        println!("| {} | {size} |", path.file_name().unwrap_or_default().to_string_lossy());
    }
    println!();
}

/// The middle of some numbers.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
