//! A kernel as files: its types, and the `format` files of its tracepoints in one.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use btc_runtime::{Kernel, Types};
use btc_target::{Btf, Source};

use crate::path::Structs;
use crate::relocate::Goal;

/// A kernel.
pub struct Known {
    /// Its name.
    pub name: String,
    bytes: Vec<u8>,
    types: Types,
    /// The compiler's reading.
    pub btf: Btf,
    /// The test's own reading of its structs.
    pub structs: Structs,
    /// What libbpf relocates for.
    pub goal: Goal,
    /// By category and event.
    pub formats: HashMap<(String, String), String>,
    /// Tags that are declared and not described, at least in some of the places that use them.
    pub declared: HashSet<String>,
}

/// All kernels of a folder: `NAME.btf` beside `NAME.formats`, where `@category/event` stands before a tracepoint's fields.
pub fn read(folder: &Path) -> Vec<Known> {
    let files = std::fs::read_dir(folder).expect("the folder can be read").flatten().map(|f| f.path());
    let mut all: Vec<Known> = files.filter(|f| f.extension().is_some_and(|e| e == "btf")).map(|f| one(&f)).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn one(path: &Path) -> Known {
    let bytes = std::fs::read(path).expect("the types can be read");
    let text = std::fs::read_to_string(path.with_extension("formats")).expect("the formats can be read");
    let mut formats: HashMap<(String, String), String> = HashMap::new();
    let mut at = None;
    for line in text.lines() {
        if let Some((category, event)) = line.strip_prefix('@').and_then(|l| l.split_once('/')) {
            at = Some((category.to_string(), event.to_string()));
        } else if let (Some(at), true) = (&at, line.contains("field:")) {
            let format = formats.entry(at.clone()).or_default();
            format.push_str(line);
            format.push('\n');
        }
    }
    let raw = btf_rs::Btf::from_bytes(&bytes).expect("btf-rs reads the types");
    let (_, last) = raw.base().type_id_range();
    let forward = |id| match raw.resolve_type_by_id(id).ok()? {
        btf_rs::Type::Fwd(f) => raw.resolve_name(&f).ok(),
        _ => None,
    };
    Known {
        declared: (1..=last).filter_map(forward).collect(),
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        types: Types::parse(&bytes).expect("libbpf reads the types"),
        btf: Btf::new(raw),
        structs: Structs::new(&bytes),
        goal: Goal::new(&bytes),
        bytes,
        formats,
    }
}

impl Kernel for Known {
    fn types(&self, module: &str, read: &mut dyn FnMut(&Types)) {
        if matches!(module, "" | "vmlinux") {
            read(&self.types);
        }
    }

    fn modules(&self) -> Vec<String> {
        Vec::new()
    }

    fn format(&self, category: &str, event: &str) -> Option<String> {
        self.formats.get(&(category.to_string(), event.to_string())).cloned()
    }
}

impl Source for Known {
    fn tracepoint_format(&self, category: &str, event: &str) -> Option<String> {
        self.format(category, event)
    }

    fn tracepoints(&self) -> Option<Vec<(String, String)>> {
        // In the order of every run.
        Some(self.formats.keys().cloned().collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn functions(&self) -> Option<Vec<(String, String)>> {
        None
    }

    fn btf(&self) -> Option<btf_rs::Btf> {
        btf_rs::Btf::from_bytes(&self.bytes).ok()
    }
}
