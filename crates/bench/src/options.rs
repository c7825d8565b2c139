//! The command line.

use std::path::PathBuf;

const HELP: &str = "\
btc-bench [options] [script or folder ...]
  --runs N           runs of each measurement (9)
  --btc FILE         the btc to start (beside this program)
  --btf FILE         BTF of the kernel to compile for (the running kernel's)
  --bpftrace FILE    a bpftrace to compare with (the one in PATH); its path in the root folder, with --chroot
  --chroot FOLDER    a root folder that bpftrace runs in
  --run              also run hello from text to exit; needs root";

/// What to measure, and how.
pub struct Options {
    /// Runs of each measurement.
    pub runs: usize,
    /// The `btc` binary.
    pub btc: PathBuf,
    /// BTF to compile for; the running kernel's when not given.
    pub btf: Option<String>,
    /// A bpftrace to compare with.
    pub bpftrace: Option<PathBuf>,
    /// The root folder of that bpftrace.
    pub chroot: Option<PathBuf>,
    /// Whether hello is run.
    pub run: bool,
    /// Scripts and folders of scripts.
    pub paths: Vec<PathBuf>,
}

impl Options {
    /// Reads the command line; the text to print and end with otherwise.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
        let own = std::env::current_exe().unwrap_or_default();
        let mut options = Options {
            runs: 9,
            btc: own.with_file_name("btc"),
            btf: None,
            bpftrace: find("bpftrace"),
            chroot: None,
            run: false,
            paths: Vec::new(),
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} takes a value\n{HELP}"));
            match arg.as_str() {
                "--runs" => options.runs = value()?.parse().map_err(|_| HELP.to_string())?,
                "--btc" => options.btc = value()?.into(),
                "--btf" => options.btf = Some(value()?),
                "--bpftrace" => options.bpftrace = Some(value()?.into()),
                "--chroot" => options.chroot = Some(value()?.into()),
                "--run" => options.run = true,
                _ if arg.starts_with('-') => return Err(HELP.to_string()),
                _ => options.paths.push(arg.clone().into()),
            }
        }
        Ok(options)
    }
}

/// A program in `PATH`.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
