//! The scripts of `testdata/run`, and what each must print.
//!
//! `NAME.bt` is a script, `NAME.workload.sh` what the guest does while it runs, `NAME.expect`
//! its output. The expectation may begin with directives:
//!
//! | Directive | Meaning |
//! | --- | --- |
//! | `//! args: WORDS` | options of the runner |
//! | `//! params: WORDS` | parameters of the script |
//! | `//! limit: N` | seconds, 60 when absent |
//! | `//! warns K: WORDS` | on kernel K each line on standard error has these words, and there is one |
//! | `//! lacks K: REASON` | kernel K (`5.10`, …, `new`) cannot run it |
//! | `//! once lacks K: REASON` | kernel K cannot run it from an object made elsewhere |

use std::path::{Path, PathBuf};

use crate::kernels::Kernel;
use crate::shell::{self, Failure, Result};

/// One script with its expectation.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// The script's file.
    pub script: PathBuf,
    /// Options of the runner.
    pub args: String,
    /// Parameters of the script.
    pub params: String,
    /// Seconds it may take.
    pub limit: u64,
    /// Kernels that cannot run it, and why.
    pub lacks: Vec<Lack>,
    /// Kernels that something is told of on standard error, and words of that.
    pub warns: Vec<(String, String)>,
    /// The expected output.
    pub expected: String,
}

/// What a kernel cannot do.
#[derive(Clone, Debug)]
pub struct Lack {
    kernel: String,
    /// Only objects made elsewhere are concerned.
    once: bool,
    why: String,
}

impl Case {
    /// Why this kernel cannot run the case; `once` tells that its object was made elsewhere.
    pub fn lacking(&self, kernel: &Kernel, once: bool) -> Option<&str> {
        let lack = self.lacks.iter().find(|lack| lack.kernel == kernel.name && (once || !lack.once));
        lack.map(|lack| lack.why.as_str())
    }

    /// What is told of on standard error on this kernel.
    pub fn warning(&self, kernel: &Kernel) -> Option<&str> {
        let warning = self.warns.iter().find(|(name, _)| name == kernel.name);
        warning.map(|(_, words)| words.as_str())
    }
}

/// Where the scripts are.
pub fn folder() -> PathBuf {
    shell::root().join("testdata/run")
}

fn load(script: &Path, name: &str) -> Result<Case> {
    let file = script.with_extension("expect");
    let text = shell::read_text(&file)?;
    let mut case = Case {
        name: name.to_string(),
        script: script.to_path_buf(),
        args: String::new(),
        params: String::new(),
        limit: 60,
        lacks: Vec::new(),
        warns: Vec::new(),
        expected: String::new(),
    };
    for line in text.lines() {
        let Some(directive) = line.strip_prefix("//! ") else {
            case.expected += line;
            case.expected.push('\n');
            continue;
        };
        let wrong = || Failure::new(format!("{}: unknown directive `{directive}`", file.display()));
        let (key, value) = directive.split_once(':').ok_or_else(wrong)?;
        let value = value.trim().to_string();
        match key.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["args"] => case.args = value,
            ["params"] => case.params = value,
            ["limit"] => case.limit = value.parse().map_err(|_| wrong())?,
            ["warns", kernel] if !value.is_empty() => case.warns.push(((*kernel).to_string(), value)),
            [once @ .., "lacks", kernel] if !value.is_empty() && matches!(once, [] | ["once"]) => {
                case.lacks.push(Lack { kernel: (*kernel).to_string(), once: !once.is_empty(), why: value });
            }
            _ => return Err(wrong()),
        }
    }
    Ok(case)
}

/// All cases, or those named.
pub fn all(names: &[String]) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for script in shell::entries(&folder()) {
        if script.extension().is_none_or(|e| e != "bt") {
            continue;
        }
        let name = script.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        if names.is_empty() || names.contains(&name) {
            cases.push(load(&script, &name)?);
        }
    }
    Ok(cases)
}
