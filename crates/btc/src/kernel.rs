//! The running kernel, or another one's BTF, as the compiler asks for it.

use std::fs;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::{Path, PathBuf};

use btc_target::{Sections, Source, StaticSigns};
use btf_rs::{Backend, Btf};

use crate::input;

/// Where the running kernel keeps its types.
const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";
/// Where tracefs is mounted.
const TRACEFS: &[&str] = &["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// A kernel to compile for.
pub struct Kernel {
    /// Another kernel's BTF; then nothing is asked of the running one.
    btf: Option<PathBuf>,
    /// A list of kernel functions instead of the kernel's own.
    functions: Option<PathBuf>,
    /// How user binaries are looked for: the process that is traced, folders with separate debug files.
    binaries: btc_runtime::Options,
}

impl Kernel {
    /// The running kernel, or the one whose BTF is named; an error when that cannot be read.
    pub fn new(btf: Option<&Path>) -> Result<Kernel, String> {
        if let Some(path) = btf {
            open(path)?;
        }
        Ok(Kernel { btf: btf.map(Path::to_path_buf), functions: None, binaries: btc_runtime::Options::default() })
    }

    /// The same with a list of functions of the user's own.
    pub fn with_functions(self, functions: Option<&Path>) -> Kernel {
        functions.into_iter().for_each(input::note);
        Kernel { functions: functions.map(Path::to_path_buf), ..self }
    }

    /// The same for a process and with folders of separate debug files, as a run is told.
    pub fn for_run(self, run: &btc_runtime::Options) -> Kernel {
        Kernel { binaries: run.clone(), ..self }
    }

    fn tracefs(&self) -> Option<&'static str> {
        if self.btf.is_some() {
            return None;
        }
        TRACEFS.iter().copied().find(|t| fs::metadata(format!("{t}/events")).is_ok())
    }
}

impl Source for Kernel {
    fn tracepoint_format(&self, category: &str, event: &str) -> Option<String> {
        if [category, event].iter().any(|name| name.contains('/') || name.starts_with('.')) {
            return None;
        }
        let tracefs = self.tracefs()?;
        fs::read_to_string(format!("{tracefs}/events/{category}/{event}/format")).ok()
    }

    fn tracepoints(&self) -> Option<Vec<(String, String)>> {
        let events = format!("{}/events", self.tracefs()?);
        let mut all = Vec::new();
        // What lies under `ftrace` tells of its own records, and cannot be switched on.
        for category in folders(&events)?.into_iter().filter(|c| c != "ftrace") {
            for event in folders(&format!("{events}/{category}")).unwrap_or_default() {
                all.push((category.clone(), event));
            }
        }
        (!all.is_empty()).then(|| {
            all.sort_unstable();
            all
        })
    }

    fn functions(&self) -> Option<Vec<(String, String)>> {
        let text = match &self.functions {
            Some(path) => input::read_text(path).ok()?,
            // The kernel's own, which only root may read, is no secret: a script that names a function quotes nothing of it.
            None => fs::read_to_string(format!("{}/available_filter_functions", self.tracefs()?)).ok()?,
        };
        let mut all: Vec<(String, String)> = text
            .lines()
            .filter(|line| !line.contains("__ftrace_invalid_address__"))
            .map(|line| {
                let mut words = line.split_whitespace();
                let name = words.next().unwrap_or_default().to_string();
                let module = words.next().map_or("", |m| m.trim_matches(['[', ']']));
                (module.to_string(), name)
            })
            .collect();
        all.sort_unstable();
        all.dedup();
        (!all.is_empty()).then_some(all)
    }

    fn symbol_size(&self, binary: &str, symbol: &str) -> Option<u64> {
        btc_runtime::symbol_size(binary, symbol, &self.binaries)
    }

    fn binary_functions(&self, binary: &str) -> Vec<(String, String)> {
        btc_runtime::binary_functions(binary, &self.binaries)
    }

    fn bpf_functions(&self) -> Vec<(u32, String)> {
        if self.btf.is_some() { Vec::new() } else { btc_runtime::bpf_functions() }
    }

    fn debug_info(&self, binary: &str) -> Result<Option<Sections>, String> {
        btc_runtime::debug_info(binary, &self.binaries)
    }

    fn static_probes(&self, binary: &str) -> Vec<(String, String, String)> {
        btc_runtime::static_probes(binary, &self.binaries)
    }

    fn static_signs(&self, binary: &str) -> Vec<StaticSigns> {
        btc_runtime::static_signs(binary, &self.binaries)
    }

    fn module_btf(&self, module: &str, kernel: &Btf) -> Option<Btf> {
        if module.contains('/') || module.starts_with('.') {
            return None;
        }
        // Modules' types lie beside their kernel's, also where a folder of them was copied from elsewhere.
        let folder = self.btf.as_deref().unwrap_or(Path::new(KERNEL_BTF)).parent()?;
        let bytes = input::read(&folder.join(module), input::Kind::File).ok()?;
        Btf::from_split_bytes(&bytes, kernel).ok()
    }

    fn btf(&self) -> Option<Btf> {
        open(self.btf.as_deref().unwrap_or(Path::new(KERNEL_BTF))).ok()
    }
}

/// Names of the folders in a folder.
fn folders(path: &str) -> Option<Vec<String>> {
    let entries = fs::read_dir(path).ok()?;
    Some(
        entries
            .flatten()
            .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .collect(),
    )
}

/// Opens BTF by mapping it. Kernels before 6.16 cannot map their own file in sysfs: it is
/// copied to memory first.
fn open(path: &Path) -> Result<Btf, String> {
    input::note(path);
    if input::is_file(path)
        && let Ok(btf) = Btf::from_file_with_backend(path, Backend::Mmap) {
            return Ok(btf);
        }
    let bytes = input::read(path, input::Kind::File)?;
    let broken = |e: String| format!("`{}` is not a BTF file that can be read: {e}", path.display());
    // SAFETY: the name is a C string; the result is checked.
    let fd = unsafe { libc::memfd_create(c"btf".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(broken(std::io::Error::last_os_error().to_string()));
    }
    // SAFETY: the descriptor is new and owned by nobody else.
    let mut file = unsafe { fs::File::from_raw_fd(fd) };
    file.write_all(&bytes).map_err(|e| broken(e.to_string()))?;
    let copy = format!("/proc/self/fd/{}", file.as_raw_fd());
    Btf::from_file_with_backend(copy, Backend::Mmap).map_err(|e| broken(e.to_string()))
}
