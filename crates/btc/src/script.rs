//! Scripts and the files they include.

use std::path::Path;

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
    /// Its bytes: text, or an object.
    pub bytes: Vec<u8>,
}

impl Input {
    /// A script given on the command line.
    pub fn inline(text: &str) -> Input {
        Input { name: "stdin".into(), bytes: text.as_bytes().to_vec() }
    }

    /// Reads a file; `-` is standard input.
    pub fn read(path: &str) -> Result<Input, String> {
        if path == "-" {
            let bytes = input::all_of(std::io::stdin().lock(), "standard input")?;
            return Ok(Input { name: "stdin".into(), bytes });
        }
        Ok(Input { name: path.to_string(), bytes: input::read(Path::new(path), input::Kind::FileOrPipe)? })
    }

    /// Whether it is an object rather than a script.
    pub fn is_object(&self) -> bool {
        self.bytes.starts_with(b"\x7fELF")
    }

    /// Compiles the script; user binaries are those that the process of the run sees, where it has one.
    pub fn compile(&self, target: &TargetArgs, run: &btc_runtime::Options, options: Options) -> Result<Compilation, String> {
        let kernel = Kernel::new(target.btf.as_deref())?.for_run(run);
        let options = Options { includes: target.includes.clone(), defines: headers::defines(), ..options };
        let mut files = Files { folders: Folders::new(&target.include_folders) };
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
        let mut files = Files { folders: Folders::new(&target.include_folders) };
        Ok(btc_driver::attach_points(&self.name, self.text()?, kernel, &mut files, &options))
    }

    /// The script in the standard form.
    pub fn format(&self, target: &TargetArgs) -> Result<Formatted, String> {
        let mut files = Files { folders: Folders::new(&target.include_folders) };
        Ok(btc_driver::format(&self.name, self.text()?, &mut files))
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
}

impl Includes for Files {
    fn load(&mut self, path: &str, angled: bool, from: &str) -> Option<Header> {
        self.folders.find(path, angled, from)
    }
}

impl btc_driver::Files for Files {
    fn import(&mut self, path: &str, from: &str) -> Option<Vec<(String, String)>> {
        let found = Path::new(from).parent().unwrap_or(Path::new("")).join(path);
        let mut names = vec![found.clone()];
        if found.is_dir() {
            let entries = std::fs::read_dir(&found).ok()?;
            names = entries.flatten().map(|e| e.path()).filter(|p| is_source(p)).collect();
            names.sort();
        }
        names
            .into_iter()
            .map(|p| Some((p.display().to_string(), input::read_text(&p).ok()?)))
            .collect()
    }
}

/// Whether a folder's import takes the file.
fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "bt" || e == "h")
}
