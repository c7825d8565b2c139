//! `testdata/language`: scripts that attach to nothing, run by the command, and what they print.
//!
//! The first line of a script may be `// args: …`, options before the file, or `// params: …`, what stands
//! behind it. Beside it stand `name.out`, standard output and the exit code; `BTC_BLESS=1` writes them.

use std::path::{Path, PathBuf};
use std::process::Command;

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/language");
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "bt"));
    paths.sort();
    paths
}

/// Standard output and the exit code. Times of tests are left out.
fn run(script: &Path) -> String {
    let text = std::fs::read_to_string(script).expect("the script can be read");
    let first = text.lines().next().unwrap_or_default();
    let words = |mark| first.strip_prefix(mark).unwrap_or_default().split_whitespace();
    let mut command = Command::new(env!("CARGO_BIN_EXE_btc"));
    command.args(words("// args: ")).arg(script).args(words("// params: "));
    let output = command.output().expect("btc runs");
    let mut shown = String::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let kept = line.split_once(" (").filter(|(_, time)| time.ends_with("\u{3bc}s)")).map_or(line, |(kept, _)| kept);
        shown += kept;
        shown.push('\n');
    }
    format!("{shown}exit code {}\n", output.status.code().unwrap_or(-1))
}

#[test]
fn scripts_print_what_they_should() {
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        return println!("skipped: not root");
    }
    let mut wrong = Vec::new();
    for script in scripts() {
        let (printed, expected) = (run(&script), script.with_extension("out"));
        if std::env::var_os("BTC_BLESS").is_some() {
            std::fs::write(&expected, &printed).expect("the file can be written");
        }
        let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
        if printed != wanted {
            wrong.push(format!("{}\n--- wanted\n{wanted}--- printed\n{printed}", script.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
