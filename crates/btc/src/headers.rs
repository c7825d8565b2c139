//! Where `#include` looks for headers.

use std::path::{Path, PathBuf};

use btc_driver::Header;

use crate::input;

/// Folders to look in.
pub struct Folders {
    /// Those of `-I`: the user's own headers.
    own: Vec<PathBuf>,
    /// Those of the kernel and the C library; `None` until one is wanted.
    system: Option<Vec<PathBuf>>,
}

impl Folders {
    /// `-I` folders first, then those that C compilers take from the environment.
    pub fn new(own: &[PathBuf]) -> Folders {
        let listed = ["CPATH", "C_INCLUDE_PATH"].map(|name| std::env::var_os(name).unwrap_or_default());
        let environment = listed.iter().flat_map(std::env::split_paths);
        let all = own.iter().cloned().chain(environment);
        Folders { own: all.filter(|p| !p.as_os_str().is_empty()).collect(), system: None }
    }

    /// The header that a file in a folder includes, and where it lies; `angled` is for `<…>`.
    pub fn find(&mut self, path: &str, angled: bool, folder: &Path) -> Option<(PathBuf, Header)> {
        let beside = (!angled).then(|| folder.to_path_buf());
        let system = self.system.get_or_insert_with(system);
        // Headers of the system include their neighbours in quotes.
        let is_system = |folder: &Path| system.iter().any(|s| folder.starts_with(s));
        let own = beside.iter().chain(&self.own).map(|f| (f, is_system(f)));
        let all = own.chain(system.iter().map(|f| (f, true)));
        all.map(|(folder, system)| (folder.join(path), system)).find_map(|(file, system)| {
            let text = input::read(&file, input::Kind::File).ok()?;
            let text = String::from_utf8_lossy(&text).into_owned();
            let header = Header { name: file.display().to_string(), text, system };
            Some((file, header))
        })
    }
}

/// Headers of the running kernel, where they are installed, then those of the C library.
fn system() -> Vec<PathBuf> {
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86" };
    let mut roots: Vec<PathBuf> = Vec::new();
    for name in ["BPFTRACE_KERNEL_SOURCE", "BPFTRACE_KERNEL_BUILD"] {
        roots.extend(std::env::var_os(name).map(PathBuf::from));
    }
    if roots.is_empty() {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        roots.extend(["source", "build"].map(|n| Path::new("/lib/modules").join(release.trim()).join(n)));
    }
    let mut folders = Vec::new();
    for root in roots {
        for part in ["include", "include/generated", "include/uapi", "include/generated/uapi"] {
            folders.push(root.join(part));
            folders.push(root.join("arch").join(machine).join(part));
        }
    }
    let triple = format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH);
    folders.extend(["/usr/local/include", triple.as_str(), "/usr/include"].map(PathBuf::from));
    folders.retain(|f| f.is_dir());
    folders
}

/// What C compilers define on this machine, as far as headers ask for it.
pub fn defines() -> Vec<(String, String)> {
    let machine: &[&str] =
        if cfg!(target_arch = "aarch64") { &["__aarch64__"] } else { &["__x86_64__", "__amd64__"] };
    let common = ["__linux__", "__unix__", "__LP64__", "__STDC__"];
    let mut all: Vec<_> = common.iter().chain(machine).map(|n| (n.to_string(), "1".to_string())).collect();
    all.push(("__STDC_VERSION__".into(), "201112L".into()));
    all
}
