//! Folders of test files with a snapshot beside each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// A test file.
pub struct Case {
    /// Its name without folder and ending.
    pub stem: String,
    /// Its name without folder.
    pub file: String,
    /// Its text.
    pub text: String,
    /// The options of its first line, a comment such as `// kernel: fixture, unsafe`.
    options: Vec<String>,
}

impl Case {
    /// A case of that name and text.
    pub fn new(file: &str, text: String) -> Case {
        let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let first = text.lines().next().unwrap_or_default();
        let options = first.strip_prefix("// ").map_or_else(Vec::new, |line| {
            line.split(',').map(|option| option.trim().to_string()).collect()
        });
        Case { stem, file: file.to_string(), text, options }
    }

    /// Whether its first line names the option.
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|o| o == option)
    }
}

/// The path of a folder or file of `testdata`.
pub fn testdata(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name);
    path.canonicalize().unwrap_or_else(|e| panic!("testdata/{name}: {e}"))
}

/// Compares what `show` makes of each file of `testdata/<phase>` with the snapshot beside
/// it, which holds the file's text and then that. All files are looked at before the
/// first difference fails the test, and a snapshot without its file fails it too.
pub fn check_dir(phase: &str, show: impl Fn(&Case) -> String) {
    let dir = testdata(phase);
    let (files, snapshots) = list(&dir);
    assert!(!files.is_empty(), "testdata/{phase} holds no test");
    let mut failed = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(dir.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let case = Case::new(file, text);
        if catch_unwind(AssertUnwindSafe(|| compare(&dir, &case, &show(&case)))).is_err() {
            failed.push(case.stem);
        }
    }
    for snapshot in snapshots {
        if !files.iter().any(|f| Path::new(f).with_extension("snap") == Path::new(&snapshot)) {
            failed.push(format!("{snapshot} (its test file is gone)"));
        }
    }
    assert!(failed.is_empty(), "testdata/{phase}: {}", failed.join(", "));
}

/// Names of the test files and of the snapshots, sorted.
fn list(dir: &Path) -> (Vec<String>, Vec<String>) {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut names: Vec<String> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    let ends = |name: &String, ending: &str| Path::new(name).extension().is_some_and(|e| e == ending);
    let files = names.iter().filter(|n| ends(n, "bt") || ends(n, "ir")).cloned().collect();
    (files, names.into_iter().filter(|n| ends(n, "snap")).collect())
}

fn compare(dir: &Path, case: &Case, result: &str) {
    let shown = format!("{}\n----\n{}", case.text.trim_end(), result);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(dir);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(case.stem.as_str(), shown));
}
