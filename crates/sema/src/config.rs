//! Settings: `config = { … }` in the script, and what the environment says.

use btc_abi::Missing;
use btc_diagnostics::{Code, Diagnostic, Diagnostics, Severity, Span, did_you_mean};
use btc_syntax::ast::{self, ConfigValue};
use btc_target::{DEFAULT_MAP_KEYS, DEFAULT_MAX_STRLEN, MAX_STRLEN};
use btc_types::StackMode;

/// What the caller of the compiler decides.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Positional parameters, when they are known: always where the script runs at once. An object may be given others when
    /// it runs, except where a probe or a constant names one.
    pub params: Option<Vec<String>>,
    /// Whether the script runs at once, with these parameters and no others: then `$1` is what its text would be in the script.
    pub runs_at_once: bool,
    /// Whether `--unsafe` was given.
    pub allow_unsafe: bool,
    /// Settings of the environment, by lower-case name without `bpftrace_`. They win over the script.
    pub environment: Vec<(String, String)>,
}

impl Options {
    /// The text of `$n`, if it is known.
    pub(crate) fn param(&self, n: u32) -> Option<&str> {
        self.params.as_ref()?.get((n as usize).checked_sub(1)?).map(String::as_str)
    }
}

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// A number from the first to the last of these.
    Int(u64, u64),
    /// `true`, `false`, `0`, `1`.
    Bool,
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// A setting of bpftrace 0.27.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name in a config block.
    pub name: &'static str,
    /// What it takes.
    pub kind: SettingKind,
    /// What holds when nobody sets it.
    pub default: &'static str,
    /// One line for the documentation.
    pub doc: &'static str,
}

const fn row(name: &'static str, kind: SettingKind, default: &'static str, doc: &'static str) -> Setting {
    Setting { name, kind, default, doc }
}

/// What the kernel takes for compatible with the GPL (kernel: include/linux/license.h): btc's programs call helpers that
/// are for such only.
const LICENSES: &[&str] =
    &["GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"];
/// As many pages of 4 KiB as the kernel's ring buffer can have, whose size is a power of two that fits 32 bits.
const MOST_PAGES: u64 = 1 << 19;
const ANY: SettingKind = SettingKind::Int(0, u64::MAX);
const SYMBOL_CACHE: &[&str] = &["PER_PROGRAM", "PER_PID", "NONE"];
const MODES: &[&str] = &["bpftrace", "perf", "raw", "build_id"];
const MISSING: &[&str] = &["error", "warn", "ignore"];
const SWITCH: &[&str] = &["enable", "disable", "warn", "error"];

/// All settings.
pub const SETTINGS: &[Setting] = &[
    row("cache_user_symbols", SettingKind::Word(SYMBOL_CACHE), "PER_PID", "accepted; tables are read once for each file"),
    row("cpp_demangle", SettingKind::Bool, "true", "whether C++ and Rust names are demangled"),
    row("lazy_symbolication", SettingKind::Bool, "false", "accepted; symbols are looked up when printed, and those of ended processes too"),
    row("license", SettingKind::Word(LICENSES), "GPL", "licence of the loaded programs"),
    row("log_size", ANY, "1000000", "size of the verifier's log in bytes"),
    row("max_ast_nodes", ANY, "0", "limit on the size of a script"),
    row("max_bpf_progs", ANY, "1024", "most programs of a script"),
    row("max_cat_bytes", ANY, "10240", "most bytes that cat() prints"),
    row("max_map_keys", SettingKind::Int(1, u32::MAX as u64), "4096", "entries of a map"),
    row("max_probes", ANY, "1024", "most attach points of a script"),
    row("max_strlen", SettingKind::Int(1, MAX_STRLEN as u64), "1024", "bytes of text that str() reads"),
    row("max_type_res_iterations", ANY, "0", "accepted; btc needs no such limit"),
    row("missing_probes", SettingKind::Word(MISSING), "error", "what happens when a probe does not exist"),
    row("on_stack_limit", ANY, "32", "accepted; btc needs no such limit"),
    row("perf_rb_pages", SettingKind::Int(0, MOST_PAGES), "0", "pages of the ring buffer, 0 for as many as the memory suggests"),
    row("print_maps_on_exit", SettingKind::Bool, "true", "whether maps are printed at the end"),
    row("show_debug_info", SettingKind::Bool, "true", "whether stacks show files, lines and inlined functions"),
    row("stack_mode", SettingKind::Word(MODES), "bpftrace", "form of stacks"),
    row("str_trunc_trailer", SettingKind::Text, "..", "mark of a text that was cut, or that is just as long as fits"),
    row("unstable_dw_ustack", SettingKind::Word(SWITCH), "warn", "what the use of dw_ustack is: fine, a warning, an error"),
    row("unstable_import", SettingKind::Word(SWITCH), "enable", "accepted"),
    row("unstable_import_statement", SettingKind::Word(SWITCH), "enable", "accepted"),
    row("unstable_macro", SettingKind::Word(SWITCH), "enable", "accepted"),
    row("unstable_map_decl", SettingKind::Word(SWITCH), "enable", "accepted"),
    row("unstable_tseries", SettingKind::Word(SWITCH), "enable", "accepted"),
    row("unstable_typeinfo", SettingKind::Word(SWITCH), "enable", "accepted"),
    row("use_blazesym", SettingKind::Bool, "true", "accepted; btc always does"),
];

/// Settings in force for the compile.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What decides types.
    pub types: btc_builtins::Settings,
    /// Entries of a map, where set.
    pub max_map_keys: Option<u32>,
    /// What happens when a probe does not exist.
    pub missing: Missing,
    /// Licence.
    pub license: String,
    /// All that the script sets, for the runtime.
    pub set: Vec<(String, String)>,
}

/// Reads the config block; the environment wins.
pub(crate) fn read(program: &ast::Program, options: &Options, d: &mut Diagnostics) -> Settings {
    let mut settings = Settings {
        types: btc_builtins::Settings {
            max_strlen: DEFAULT_MAX_STRLEN,
            stack_mode: StackMode::Bpftrace,
            allow_unsafe: options.allow_unsafe,
            dw_ustack: Some(Severity::Warning),
        },
        max_map_keys: None,
        missing: Missing::Error,
        license: "GPL".to_string(),
        set: Vec::new(),
    };
    for entry in &program.config {
        let name = plain_name(&entry.key.name);
        let Some(setting) = SETTINGS.iter().find(|s| s.name == name) else {
            let help = did_you_mean(&name, SETTINGS.iter().map(|s| s.name));
            let message = format!("there is no setting `{}`", entry.key.name);
            d.push(Diagnostic::error(Code::BadConfig, entry.key.span, message).help_opt(help));
            continue;
        };
        if settings.set.iter().any(|(name, _)| name == setting.name) {
            let message = format!("`{}` is set again: this value holds, not the one before", setting.name);
            d.push(Diagnostic::warning(Code::BadConfig, entry.key.span.to(entry.value_span), message));
        }
        match value(setting, &entry.value) {
            Ok(text) => apply(&mut settings, setting.name, &text),
            Err(wanted) => {
                let message = format!("`{}` takes {wanted}", setting.name);
                d.push(Diagnostic::error(Code::BadConfig, entry.key.span.to(entry.value_span), message));
            }
        }
    }
    for (name, text) in &options.environment {
        // Other variables begin like settings, too.
        let Some(setting) = SETTINGS.iter().find(|s| s.name == name) else { continue };
        match value(setting, &ConfigValue::Word(text.clone())) {
            Ok(text) => apply(&mut settings, name, &text),
            Err(wanted) => {
                let message = format!("`BPFTRACE_{}` in the environment is `{text}`; it takes {wanted}", name.to_uppercase());
                d.push(Diagnostic::error(Code::BadConfig, Span::default(), message));
            }
        }
    }
    settings
}

/// `BPFTRACE_MAX_STRLEN` and `max_strlen` are the same.
fn plain_name(name: &str) -> String {
    let lower = name.to_lowercase();
    lower.strip_prefix("bpftrace_").unwrap_or(&lower).to_string()
}

/// The value as text, or what the setting takes.
fn value(setting: &Setting, value: &ConfigValue) -> Result<String, String> {
    let text = match value {
        ConfigValue::Int(n) => n.to_string(),
        ConfigValue::Str(s) | ConfigValue::Word(s) => s.clone(),
    };
    let ok = match setting.kind {
        SettingKind::Int(least, most) => text.parse().is_ok_and(|n: u64| (least..=most).contains(&n)),
        SettingKind::Bool => matches!(text.as_str(), "true" | "false" | "0" | "1" | "on" | "off" | "yes" | "no"),
        SettingKind::Text => true,
        SettingKind::Word(words) => words.contains(&text.as_str()),
    };
    let wanted = || match setting.kind {
        SettingKind::Int(0, u64::MAX) => "a number".to_string(),
        SettingKind::Int(least, most) => format!("a number from {least} to {most}"),
        SettingKind::Bool => "true or false".to_string(),
        SettingKind::Text => "a text".to_string(),
        SettingKind::Word(words) => format!("one of {}", words.join(", ")),
    };
    match (ok, setting.kind, text.as_str()) {
        (false, ..) => Err(wanted()),
        (_, SettingKind::Bool, "on" | "yes") => Ok("true".into()),
        (_, SettingKind::Bool, "off" | "no") => Ok("false".into()),
        _ => Ok(text),
    }
}

fn apply(settings: &mut Settings, name: &str, text: &str) {
    settings.set.retain(|(n, _)| n != name);
    settings.set.push((name.to_string(), text.to_string()));
    match name {
        "max_strlen" => {
            let n = text.parse().unwrap_or(DEFAULT_MAX_STRLEN);
            settings.types.max_strlen = n;
        }
        "max_map_keys" => settings.max_map_keys = Some(text.parse().unwrap_or(DEFAULT_MAP_KEYS)),
        "unstable_dw_ustack" => {
            settings.types.dw_ustack = match text {
                "enable" => None,
                "warn" => Some(Severity::Warning),
                _ => Some(Severity::Error),
            }
        }
        "license" => settings.license = text.to_string(),
        "missing_probes" => {
            settings.missing = match text {
                "warn" => Missing::Warn,
                "ignore" => Missing::Ignore,
                _ => Missing::Error,
            }
        }
        "stack_mode" => {
            settings.types.stack_mode = match text {
                "perf" => StackMode::Perf,
                "raw" => StackMode::Raw,
                "build_id" => StackMode::BuildId,
                _ => StackMode::Bpftrace,
            }
        }
        _ => {}
    }
}
