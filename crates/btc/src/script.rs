//! Scripts and the files they include.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use btc_driver::{Compilation, Diagnostics, Formatted, Header, Includes, Options, SourceMap};
use btc_target::Target;

use crate::cli::TargetArgs;
use crate::headers::{self, Folders};
use crate::input;
use crate::kernel::Kernel;

/// A script's name and bytes.
pub struct Input {
    /// As messages show it.
    pub name: String,
    /// The file that it was read from.
    pub path: Option<PathBuf>,
    /// Its bytes: text, or an object.
    pub bytes: Vec<u8>,
}

impl Input {
    /// A script given on the command line.
    pub fn inline(text: &str) -> Input {
        Input { name: "stdin".into(), path: None, bytes: text.as_bytes().to_vec() }
    }

    /// Reads a file; `-` is standard input.
    pub fn read(path: &Path) -> Result<Input, String> {
        if path == "-" {
            let bytes = input::all_of(std::io::stdin().lock(), "standard input")?;
            return Ok(Input { name: "stdin".into(), path: None, bytes });
        }
        let bytes = input::read(path, input::Kind::FileOrPipe)?;
        Ok(Input { name: path.display().to_string(), path: Some(path.to_path_buf()), bytes })
    }

    /// Whether it is an object rather than a script.
    pub fn is_object(&self) -> bool {
        self.bytes.starts_with(b"\x7fELF")
    }

    /// Compiles the script; user binaries are those that the process of the run sees, where it has one.
    pub fn compile(&self, target: &TargetArgs, run: &btc_runtime::Options, options: Options) -> Result<Compilation, String> {
        let kernel = Kernel::new(target.btf.as_deref())?.for_run(run);
        let options = Options { includes: target.includes.clone(), defines: headers::defines(), ..options };
        let mut files = self.files(target);
        Ok(btc_driver::compile(&self.name, self.text()?, &kernel, &mut files, &options))
    }

    /// The script's attach points, and what was wrong with them.
    pub fn attach_points(
        &self,
        kernel: &Target,
        target: &TargetArgs,
    ) -> Result<(Vec<String>, SourceMap, Diagnostics), String> {
        let options = Options {
            includes: target.includes.clone(),
            defines: headers::defines(),
            environment: environment(),
            ..Options::default()
        };
        let mut files = self.files(target);
        Ok(btc_driver::attach_points(&self.name, self.text()?, kernel, &mut files, &options))
    }

    /// The script in the standard form.
    pub fn format(&self, target: &TargetArgs) -> Result<Formatted, String> {
        let mut files = self.files(target);
        Ok(btc_driver::format(&self.name, self.text()?, &mut files))
    }

    /// The files that it may name.
    fn files(&self, target: &TargetArgs) -> Files {
        let mut files = Files { folders: Folders::new(&target.include_folders), paths: HashMap::new() };
        self.path.iter().for_each(|path| drop(files.name(path)));
        files
    }

    /// The script's text.
    pub fn text(&self) -> Result<&str, String> {
        std::str::from_utf8(&self.bytes)
            .map_err(|_| format!("`{}` is neither a script (UTF-8 text) nor an object", self.name))
    }
}

/// Settings of the environment: `BPFTRACE_MAX_STRLEN` and its like.
pub fn environment() -> Vec<(String, String)> {
    btc_runtime::environment()
        .filter_map(|(name, value)| Some((name.strip_prefix("BPFTRACE_")?.to_lowercase(), value)))
        .collect()
}

/// Files that scripts name.
struct Files {
    folders: Folders,
    /// Paths of those whose names, as messages show them, are not their paths: they are no text.
    paths: HashMap<String, PathBuf>,
}

impl Files {
    /// What a file is called, which lies at a path.
    fn name(&mut self, path: &Path) -> String {
        let name = path.display().to_string();
        if path.to_str().is_none() {
            self.paths.insert(name.clone(), path.to_path_buf());
        }
        name
    }

    /// The folder of a file of that name.
    fn folder(&self, name: &str) -> PathBuf {
        let path = self.paths.get(name).map_or(Path::new(name), PathBuf::as_path);
        path.parent().unwrap_or(Path::new("")).to_path_buf()
    }
}

impl Includes for Files {
    fn load(&mut self, path: &str, angled: bool, from: &str) -> Option<Header> {
        let (found, header) = self.folders.find(path, angled, &self.folder(from))?;
        Some(Header { name: self.name(&found), ..header })
    }
}

impl btc_driver::Files for Files {
    fn import(&mut self, path: &str, from: &str) -> Option<Vec<(String, String)>> {
        let found = self.folder(from).join(path);
        let mut names = vec![found.clone()];
        if found.is_dir() {
            let entries = std::fs::read_dir(&found).ok()?;
            names = entries.flatten().map(|e| e.path()).filter(|p| is_source(p)).collect();
            names.sort();
        }
        names
            .into_iter()
            .map(|p| Some((self.name(&p), input::read_text(&p).ok()?)))
            .collect()
    }
}

/// Whether a folder's import takes the file.
fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "bt" || e == "h")
}
