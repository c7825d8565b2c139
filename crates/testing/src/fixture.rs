//! A small kernel as committed data: what the tests compile for.

use std::path::PathBuf;

use btc_target::{Sections, Source};
use btf_rs::Btf;

use crate::directory::testdata;

/// The cut-out under `testdata/target`.
pub struct Fixture {
    folder: PathBuf,
}

impl Fixture {
    /// The committed cut-out.
    pub fn new() -> Fixture {
        Fixture { folder: testdata("target") }
    }

    /// Path of its BTF, for `--btf`.
    pub fn btf_path(&self) -> PathBuf {
        self.folder.join("vmlinux.btf")
    }

    /// Names in a folder, sorted.
    fn names(&self, folder: &str) -> Option<Vec<String>> {
        let entries = std::fs::read_dir(self.folder.join(folder)).ok()?;
        let mut names: Vec<String> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        Some(names)
    }
}

impl Default for Fixture {
    fn default() -> Self {
        Fixture::new()
    }
}

impl Source for Fixture {
    fn tracepoint_format(&self, category: &str, event: &str) -> Option<String> {
        if [category, event].iter().any(|name| name.contains('/') || name.starts_with('.')) {
            return None;
        }
        std::fs::read_to_string(self.folder.join(format!("events/{category}/{event}.format"))).ok()
    }

    fn tracepoints(&self) -> Option<Vec<(String, String)>> {
        let mut all = Vec::new();
        for category in self.names("events")? {
            for file in self.names(&format!("events/{category}"))? {
                all.push((category.clone(), file.trim_end_matches(".format").to_string()));
            }
        }
        Some(all)
    }

    fn functions(&self) -> Option<Vec<(String, String)>> {
        let text = std::fs::read_to_string(self.folder.join("functions.txt")).ok()?;
        let mut all: Vec<_> = text.lines().map(|name| (String::new(), name.to_string())).collect();
        all.sort_unstable();
        Some(all)
    }

    /// The binary of the tests is `/bin/user`; `/bin/plain` has no debug information, and that of `/bin/broken` ends
    /// too early.
    fn debug_info(&self, binary: &str) -> Result<Option<Sections>, String> {
        let cut = match binary {
            "/bin/user" => usize::MAX,
            "/bin/broken" => 100,
            "/bin/plain" => return Ok(None),
            other => return Err(format!("there is no binary or library `{other}` here")),
        };
        let names = self.names("user").unwrap_or_default();
        let sections = names.into_iter().filter(|name| name.starts_with("debug_")).map(|name| {
            let mut bytes = std::fs::read(self.folder.join("user").join(&name)).unwrap_or_default();
            bytes.truncate(cut);
            (format!(".{name}"), bytes)
        });
        Ok(Some(Sections { machine: 62, contents: sections.collect() }))
    }

    fn btf(&self) -> Option<Btf> {
        Btf::from_bytes(&std::fs::read(self.btf_path()).ok()?).ok()
    }
}
