//! What the user asks for: options of the command line and the environment.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

use btc_abi::Manifest;

use crate::{Error, sizes, symbols};

/// Form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As bpftrace prints.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Who wrote what is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Author {
    /// Anybody: an object, which may come from elsewhere.
    #[default]
    Unknown,
    /// The user, who runs a script: the paths in it are the user's own.
    User,
}

/// When output is written out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Buffering {
    /// Whole lines.
    #[default]
    Line,
    /// Large blocks.
    Full,
    /// At once.
    None,
}

/// A parameter such as `--depth=20`, and its value.
pub type Named = (String, Option<String>);

/// Splits what follows a script or object: words are positional parameters, `--name` and `--name=value` behind
/// a `--` are named ones.
pub fn parameters(words: &[String]) -> (Vec<String>, Vec<Named>) {
    let (mut positional, mut named, mut behind) = (Vec::new(), Vec::new(), false);
    for word in words {
        match word.strip_prefix("--") {
            Some("") if !behind => behind = true,
            Some(text) if behind && !text.is_empty() => named.push(match text.split_once('=') {
                Some((name, value)) => (name.to_string(), Some(value.to_string())),
                None => (text.to_string(), None),
            }),
            _ => positional.push(word.clone()),
        }
    }
    (positional, named)
}

/// What is run of a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Its trace.
    #[default]
    Trace,
    /// Its `test:` probes and nothing else.
    Test,
    /// Its `bench:` probes and nothing else.
    Bench,
}

/// What the kernel may offer and `--no-feature` leaves out.
pub const FEATURES: &[&str] = &["kprobe_multi", "kprobe_session", "uprobe_multi"];

/// How to run an object.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `-c`: a command to run and trace; its end ends the run.
    pub child: Option<OsString>,
    /// `-p`: a process to trace; its end ends the run.
    pub pid: Option<u32>,
    /// `--dwarf-pid`: more processes whose stacks are unwound by tables.
    pub unwound: Vec<u32>,
    /// Values of `$1`, `$2`, …
    pub positional: Vec<String>,
    /// Values of named parameters; a flag has none.
    pub named: Vec<Named>,
    /// `-o`: a file for the output.
    pub output: Option<PathBuf>,
    /// Who wrote it.
    pub author: Author,
    /// `--output-dir`: the folder below which captures are written; for an object the current one when not given.
    pub output_dir: Option<PathBuf>,
    /// `--input-dir`: the folder below which `cat()` reads; any when not given.
    pub input_dir: Option<PathBuf>,
    /// `-f`
    pub format: Format,
    /// `-B`
    pub buffering: Buffering,
    /// `-q`: no message about attached probes.
    pub quiet: bool,
    /// No warnings, not even about losses.
    pub no_warnings: bool,
    /// `--raw`: control characters go to a terminal as they are.
    pub raw: bool,
    /// Whether functions that change the system are allowed.
    pub allow_unsafe: bool,
    /// `-v`: libbpf's messages and the verifier's log.
    pub verbose: bool,
    /// `-k`: tell every failed helper at its place.
    pub print_failed_helpers: bool,
    /// Load everything, then stop.
    pub dry_run: bool,
    /// What is run of the script.
    pub mode: Mode,
    /// `--probe-filter`: a regular expression; probes whose names do not match are left out.
    pub probe_filter: Option<String>,
    /// `--traceable-functions`: a list of kernel functions instead of the kernel's own.
    pub traceable_functions: Option<PathBuf>,
    /// `--debuginfo`: folders with separate debug files.
    pub debug_folders: Vec<PathBuf>,
    /// `--no-feature`: what the kernel offers and is not to be used, of [`FEATURES`].
    pub without: Vec<String>,
    /// Overrides of the script's settings, as `(name, value)` with names such as
    /// `max_map_keys`; [`Options::take_environment`] fills them.
    pub settings: Vec<(String, String)>,
    /// Whether to print `__BPFTRACE_NOTIFY_PROBES_ATTACHED` once all is attached.
    pub notify_attached: bool,
}

/// The environment. What is no UTF-8 is no setting, and is left out.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

impl Options {
    /// Whether control characters may not go to a stream as they are. JSON never holds any.
    pub(crate) fn hides_controls(&self, stream: &impl IsTerminal) -> bool {
        !self.raw && stream.is_terminal()
    }

    /// Takes the settings of the environment: `BPFTRACE_MAX_MAP_KEYS` and its like.
    pub fn take_environment(&mut self) {
        for (name, value) in environment() {
            if name == "__BPFTRACE_NOTIFY_PROBES_ATTACHED" {
                self.notify_attached = true;
            } else if let Some(setting) = name.strip_prefix("BPFTRACE_") {
                self.settings.push((setting.to_ascii_lowercase(), value));
            }
        }
    }
}

/// Settings that the runtime obeys, from the script and above it from the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub max_map_keys: Option<u32>,
    pub print_maps_on_exit: bool,
    /// Whether warnings are left out.
    pub no_warnings: bool,
    /// Whether control characters of what processes and the kernel hold are made visible: the output is a terminal.
    pub visible: bool,
    pub trailer: String,
    pub max_cat_bytes: u64,
    pub ring_bytes: u32,
    /// Rows of the unwind tables, where there are some.
    pub unwind_rows: Option<u32>,
    pub symbols: symbols::Options,
}

/// Most and fewest bytes of the ring buffer when nobody says otherwise. The most holds what a busy reader
/// leaves for 10 ms at ten million records a second; more of it shows in the tracer's memory and start-up.
const RING_BYTES: std::ops::RangeInclusive<u64> = 256 << 10..=4 << 20;

/// The ring buffer's size in bytes, a power of two: one in 1024 of the memory that is available.
fn ring_of(available: Option<u64>) -> u32 {
    let part = available.map_or(u64::MAX, |bytes| bytes >> 10).clamp(*RING_BYTES.start(), *RING_BYTES.end());
    // Rounded down: the bounds are powers of two themselves.
    1 << part.ilog2()
}

impl Settings {
    pub(crate) fn new(manifest: &Manifest, options: &Options) -> Result<Settings, Error> {
        let mut settings = Settings {
            max_map_keys: None,
            print_maps_on_exit: true,
            no_warnings: options.no_warnings,
            visible: options.output.is_none() && options.format == Format::Text && options.hides_controls(&std::io::stdout()),
            trailer: "..".into(),
            max_cat_bytes: 10240,
            ring_bytes: ring_of(sizes::available()),
            unwind_rows: None,
            symbols: symbols::Options { debug_folders: options.debug_folders.clone(), ..Default::default() },
        };
        for (name, value) in manifest.settings.iter().chain(&options.settings) {
            settings.set(name, value)?;
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name.to_ascii_lowercase().as_str() {
            "max_map_keys" => self.max_map_keys = Some(number_in(name, value, 1..=u64::from(u32::MAX))? as u32),
            "print_maps_on_exit" => self.print_maps_on_exit = flag(name, value)?,
            "str_trunc_trailer" => self.trailer = value.to_string(),
            "max_cat_bytes" => self.max_cat_bytes = number(name, value)?,
            "show_debug_info" => self.symbols.debug_info = flag(name, value)?,
            "cpp_demangle" => self.symbols.demangle = flag(name, value)?,
            "perf_rb_pages" => {
                // The kernel wants a power of two that fits 32 bits. 0 is the default.
                let pages = number_in(name, value, 0..=(1 << 31) / page_size())?;
                self.ring_bytes = if pages == 0 { ring_of(sizes::available()) } else { (pages * page_size()).next_power_of_two() as u32 };
            }
            // The rest concerns the compiler.
            _ => {}
        }
        Ok(())
    }
}

/// Bytes of a page of memory.
pub(crate) fn page_size() -> u64 {
    // SAFETY: sysconf has no preconditions.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).unwrap_or(4096)
}

fn number(name: &str, value: &str) -> Result<u64, Error> {
    value.parse().map_err(|_| Error::new(format!("the setting {name} must be a number, not `{value}`")))
}

fn number_in(name: &str, value: &str, range: std::ops::RangeInclusive<u64>) -> Result<u64, Error> {
    number(name, value).ok().filter(|n| range.contains(n)).ok_or_else(|| {
        let (least, most) = range.into_inner();
        Error::new(format!("the setting {name} must be a number from {least} to {most}, not `{value}`"))
    })
}

fn flag(name: &str, value: &str) -> Result<bool, Error> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "enable" | "on" => Ok(true),
        "0" | "false" | "disable" | "off" => Ok(false),
        _ => Err(Error::new(format!("the setting {name} must be true or false, not `{value}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_overrides_the_script() {
        let manifest = Manifest {
            settings: vec![("max_map_keys".into(), "7".into()), ("print_maps_on_exit".into(), "false".into())],
            ..Manifest::default()
        };
        let options = Options { settings: vec![("max_map_keys".into(), "9".into())], ..Options::default() };
        let settings = Settings::new(&manifest, &options).unwrap();
        assert_eq!(settings.max_map_keys, Some(9));
        assert!(!settings.print_maps_on_exit);
    }

    #[test]
    fn the_ring_is_a_part_of_the_memory() {
        let ring = |available: &str| ring_of(sizes::told(&format!("MemTotal: 1 kB\nMemAvailable:   {available} kB\n")));
        assert_eq!(ring("900000"), 512 << 10);
        assert_eq!(ring("24000000"), 4 << 20);
        assert_eq!(ring("1000"), 256 << 10);
        assert_eq!(ring_of(sizes::told("")), 4 << 20);
    }

    #[test]
    fn numbers_have_bounds() {
        let settings = |name: &str, value: &str| {
            let options = Options { settings: vec![(name.into(), value.into())], ..Options::default() };
            Settings::new(&Manifest::default(), &options).map_err(|e| e.to_string())
        };
        for value in ["0", "-1", "4294967296", "4294967298", "100000000000", "x", "18446744073709551616"] {
            let error = settings("max_map_keys", value).unwrap_err();
            assert!(error.contains("from 1 to 4294967295") && error.contains(value), "{error}");
        }
        assert_eq!(settings("max_map_keys", "4294967295").unwrap().max_map_keys, Some(u32::MAX));
        for value in ["18446744073709551615", "1048576", "4294967296"] {
            assert!(settings("perf_rb_pages", value).unwrap_err().contains("perf_rb_pages must be a number from 0 to"));
        }
        let page = page_size();
        let ring = |pages: u64| u64::from(settings("perf_rb_pages", &pages.to_string()).unwrap().ring_bytes);
        assert_eq!([ring(1), ring(3), ring((1 << 31) / page)], [page, 4 * page, 1 << 31]);
        assert!(RING_BYTES.contains(&ring(0)));
    }

    #[test]
    fn nonsense_is_named() {
        let options = Options { settings: vec![("max_cat_bytes".into(), "x".into())], ..Options::default() };
        let error = Settings::new(&Manifest::default(), &options).unwrap_err();
        assert!(error.to_string().contains("max_cat_bytes"));
    }
}
