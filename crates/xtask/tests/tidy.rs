//! House rules as tests: who may import whom, what a file looks like, what lies where.
//!
//! They read the tree as text and need nothing but `cargo test`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const MAX_FILE: usize = 600;
const MAX_FUNCTION: usize = 80;

/// Allowed imports among our own packages, by folder: normal dependencies only. What is
/// not listed is refused, and what is listed must be used. `docs/architecture.md` says why.
const LAYERS: &[(&str, &str)] = &[
    // Data.
    ("diagnostics", ""),
    ("types", ""),
    ("abi", ""),
    ("bpf", ""),
    ("dwarf", "abi"),
    ("elf", "abi bpf"),
    ("target", "dwarf types"),
    ("ir", "abi diagnostics types"),
    // Definitions.
    ("builtins", "abi diagnostics ir target types"),
    ("providers", "abi diagnostics ir target types"),
    ("hir", "abi builtins diagnostics providers types"),
    // Phases: they import data and definitions, never each other. `sema` may see the
    // syntax tree, which is its input.
    ("syntax", "abi diagnostics"),
    ("sema", "abi builtins diagnostics hir providers syntax target types"),
    ("lower", "abi builtins diagnostics hir ir providers target types"),
    ("opt", "ir"),
    ("codegen", "bpf diagnostics ir"),
    ("object", "abi bpf elf ir"),
    // Top.
    (
        "driver",
        "abi bpf builtins codegen diagnostics elf hir ir lower object opt providers sema syntax target types",
    ),
    ("btc", "abi driver providers runtime target"),
    ("runtime", "abi dwarf elf"),
    // Tests and tools.
    ("testing", "elf target"),
    ("random", "abi bpf codegen diagnostics driver ir lower target"),
    ("bench", "driver target"),
    ("xtask", ""),
];

/// Files longer than [`MAX_FILE`] lines, with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Functions longer than [`MAX_FUNCTION`] lines, as `file: name`, with the reason.
const LONG_FUNCTIONS: &[(&str, &str)] =
    &[("crates/lower/src/expr.rs: scalar", "one match with a short arm for each kind of expression")];

/// What the top folder may hold besides names that begin with a dot.
const TOP: &[&str] = &[
    "Cargo.lock", "Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "clippy.toml", "crates", "docs",
    "fuzz", "grammar", "runtime", "rust-toolchain.toml", "rustfmt.toml", "target", "testdata",
];

/// Crates that talk to the outer world, and so have a `clippy.toml` of their own.
const WITH_IO: &[&str] = &["bench", "btc", "random", "testing", "xtask"];

/// Files of the runtime that open files by themselves, with the reason. All that others own is opened in
/// `runtime/src/foreign.rs`.
const OPENERS: &[(&str, &str)] = &[
    ("runtime/src/attach/clone.rs", "the kernel's own: its types and release"),
    ("runtime/src/attach/libraries.rs", "the loader's own: its cache and configuration"),
    ("runtime/src/attach/perf.rs", "the kernel's own: counters and processors"),
    ("runtime/src/attach/tracefs.rs", "the kernel's own"),
    ("runtime/src/binding.rs", "the program's own pid namespace"),
    ("runtime/src/foreign.rs", "the one place"),
    ("runtime/src/inputs.rs", "what the user names as input"),
    ("runtime/src/named_files.rs", "files that the script or the object names"),
    ("runtime/src/output/sink.rs", "the output"),
    ("runtime/src/privileges.rs", "the kernel's own: what this process may do"),
    ("runtime/src/render/cgroup.rs", "the kernel's own: mounts"),
    ("runtime/src/render/names.rs", "the system's own: users"),
    ("runtime/src/run.rs", "the kernel's own: its release; iterators that the run made"),
    ("runtime/src/sizes.rs", "the kernel's own: memory"),
    ("runtime/src/symbols/kernel.rs", "the kernel's own: its symbols"),
    ("runtime/src/symbols/unwind/table.rs", "this process's own memory, and a file that it makes of it"),
];

fn root() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    path.canonicalize().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut names: Vec<String> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

/// Folders of all packages of the workspace by their short name.
fn packages() -> BTreeMap<String, PathBuf> {
    let crates = root().join("crates");
    let folders = names(&crates).into_iter().map(|n| (n.clone(), crates.join(n)));
    let all = folders.chain([("runtime".to_string(), root().join("runtime"))]);
    all.filter(|(_, path)| path.join("Cargo.toml").is_file()).collect()
}

/// Every Rust file of the repository, as path from the root and text.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, all: &mut Vec<PathBuf>) {
        for name in names(folder) {
            let path = folder.join(&name);
            let skipped = name.starts_with('.') || path.join("CACHEDIR.TAG").is_file() || name == "corpus";
            if path.is_dir() && !skipped {
                walk(&path, all);
            } else if path.extension().is_some_and(|e| e == "rs") {
                all.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    for folder in ["crates", "runtime", "fuzz"] {
        walk(&root().join(folder), &mut paths);
    }
    let name = |p: &Path| p.strip_prefix(root()).unwrap_or(p).display().to_string();
    paths.iter().map(|p| (name(p), read(p))).collect()
}

/// Names under `[dependencies]` of ours, without the prefix.
fn imports(manifest: &str) -> BTreeSet<String> {
    let section = manifest.split("\n[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let ours = section.lines().filter_map(|l| l.strip_prefix("btc-"));
    ours.map(|l| l.chars().take_while(char::is_ascii_lowercase).collect()).collect()
}

#[test]
fn layers() {
    let table: BTreeMap<&str, &str> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (name, folder) in packages() {
        let found = imports(&read(&folder.join("Cargo.toml")));
        let Some(allowed) = table.get(name.as_str()) else {
            wrong.push(format!("`{name}` is not in the table"));
            continue;
        };
        let allowed: BTreeSet<String> = allowed.split_whitespace().map(str::to_string).collect();
        wrong.extend(found.difference(&allowed).map(|n| format!("`{name}` must not import `{n}`")));
        wrong.extend(allowed.difference(&found).map(|n| format!("`{name}` no longer imports `{n}`: shorten the table")));
    }
    for (name, _) in LAYERS.iter().filter(|(n, _)| !packages().contains_key(*n)) {
        wrong.push(format!("`{name}` is in the table only"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_begin_with_a_header() {
    let without: Vec<String> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert!(without.is_empty(), "files that do not begin with `//! `: {}", without.join(", "));
}

#[test]
fn files_are_short() {
    let long: BTreeSet<String> =
        sources().into_iter().filter(|(_, text)| text.lines().count() > MAX_FILE).map(|(path, _)| path).collect();
    compare(&long, LONG_FILES, "longer than 600 lines");
}

#[test]
fn functions_are_short() {
    let mut long = BTreeSet::new();
    for (path, text) in sources() {
        for (name, lines) in functions(&text) {
            if lines > MAX_FUNCTION {
                long.insert(format!("{path}: {name}"));
            }
        }
    }
    compare(&long, LONG_FUNCTIONS, "longer than 80 lines");
}

/// The found exceptions are the listed ones, each with a reason.
fn compare(found: &BTreeSet<String>, listed: &[(&str, &str)], what: &str) {
    let known: BTreeSet<String> = listed.iter().map(|(name, _)| name.to_string()).collect();
    let new: Vec<&String> = found.difference(&known).collect();
    assert!(new.is_empty(), "{what}: {new:?}");
    let stale: Vec<&String> = known.difference(found).collect();
    assert!(stale.is_empty(), "not {what} any more, take them off the list: {stale:?}");
    assert!(listed.iter().all(|(_, reason)| !reason.is_empty()));
}

/// Functions of a formatted file with their lengths in lines: from the `fn` to the brace
/// that closes at the same depth of indentation.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut all = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = &line[..line.len() - code.len()];
        let words = ["pub", "pub(crate)", "pub(super)", "const", "unsafe", "async", "extern", "\"C\""];
        let mut rest = code;
        while let Some((_, after)) = rest.split_once(' ').filter(|(word, _)| words.contains(word)) {
            rest = after;
        }
        let Some(head) = rest.strip_prefix("fn ") else { continue };
        let name = head.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let close = format!("{indent}}}");
        let bodyless = |l: &&str| l.ends_with(';') && l.starts_with(indent) && !l[indent.len()..].starts_with(' ');
        let end = lines[start..].iter().position(|l| l.starts_with(&close) || bodyless(l));
        let end = if line.ends_with('}') { Some(0) } else { end };
        all.push((name, end.unwrap_or(0) + 1));
    }
    all
}

/// What processes own may be a pipe, a device or without end: one module looks before it opens.
#[test]
fn foreign_files_are_opened_in_one_place() {
    const CALLS: [&str; 9] = [
        "File::open(", "File::create(", "OpenOptions", "fs::read(", "fs::read_to_string(", "ReadCache::new(", "libc::open", "fs::open",
        "Mmap",
    ];
    let mut openers = BTreeSet::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with("runtime/src/") && !path.ends_with("/tests.rs")) {
        let code = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
        let code = code.split("#[cfg(all(test,").next().unwrap_or_default();
        let opens = |line: &&str| CALLS.iter().any(|call| line.contains(call)) && !line.contains("c\"/dev/null\"");
        if code.lines().find(opens).is_some() {
            openers.insert(path);
        }
    }
    compare(&openers, OPENERS, "opening files by itself, which `runtime/src/foreign.rs` is for");
}

#[test]
fn top_folder_is_tidy() {
    let strange: Vec<String> =
        names(&root()).into_iter().filter(|n| !n.starts_with('.') && !TOP.contains(&n.as_str())).collect();
    assert!(strange.is_empty(), "the top folder holds {strange:?}");
}

/// Clippy refuses files, environment and processes below `crates/`; a crate is exempt by a
/// `clippy.toml` of its own.
#[test]
fn only_some_crates_talk_to_the_world() {
    let common = read(&root().join("crates/clippy.toml"));
    for call in ["std::fs::read", "std::env::var", "std::process::Command"] {
        assert!(common.contains(call), "crates/clippy.toml does not mention `{call}`");
    }
    let exempt: Vec<String> =
        packages().into_iter().filter(|(_, folder)| folder.join("clippy.toml").is_file()).map(|(n, _)| n).collect();
    assert_eq!(exempt.iter().filter(|n| *n != "runtime").collect::<Vec<_>>(), WITH_IO);
    let manifest = read(&root().join("Cargo.toml"));
    for lint in ["disallowed_methods = \"deny\"", "disallowed_types = \"deny\""] {
        assert!(manifest.contains(lint), "Cargo.toml lacks `{lint}` among the lints");
    }
    // The compiler's own code makes no exception for itself; tests and build scripts may.
    for (path, text) in sources() {
        let in_source = path.starts_with("crates/") && path.contains("/src/");
        let exempt = WITH_IO.iter().any(|n| path.starts_with(&format!("crates/{n}/")));
        assert!(!in_source || exempt || !text.contains("allow(clippy::disallowed"), "{path} lets itself off");
    }
}

#[test]
fn every_package_takes_the_common_lints() {
    for (name, folder) in packages() {
        let manifest = read(&folder.join("Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name}: no `[lints] workspace = true`");
    }
}

/// `docs/kernels.md` says of each kind of probe which case proves it: all kinds are there, and so are the cases.
#[test]
fn kernels_are_proven() {
    let page = read(&root().join("docs/kernels.md"));
    let quoted = |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_string).collect() };
    let table = page.split("\n## ").next().unwrap_or_default().lines();
    let rows: Vec<Vec<&str>> =
        table.filter(|l| l.starts_with("| ")).map(|l| l.split('|').map(str::trim).collect()).collect();
    assert!(rows.len() > 15, "{} rows", rows.len());
    for row in rows.iter().skip(1) {
        assert!(row.len() == 9 && !quoted(row[2]).is_empty(), "{row:?} names no case");
        for case in quoted(row[2]) {
            let places = [format!("testdata/run/{case}.bt"), format!("testdata/guest/{case}.sh")];
            assert!(places.iter().any(|p| root().join(p).is_file()), "docs/kernels.md: there is no case `{case}`");
        }
    }
    let providers = sources().into_iter().filter(|(path, _)| path.starts_with("crates/providers/src/"));
    for (path, text) in providers {
        for name in text.lines().filter_map(|l| l.trim().strip_prefix("name: \"")?.strip_suffix("\",")) {
            let known = page.contains(&format!("`{name}`")) || page.contains(&format!("`{name}:"));
            assert!(known || name.is_empty(), "docs/kernels.md says nothing of `{name}` ({path})");
        }
    }
}
