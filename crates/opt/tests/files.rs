//! Snapshots of `testdata/opt`: a module before and after the passes that its first line
//! names (`// passes: cse dce`, or `all`).
#![allow(clippy::disallowed_methods)]

use std::path::Path;

use btc_ir::{parse, print, validate};
use btc_opt::{Level, apply, pass, run};

#[test]
fn passes() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/opt");
    let dir = dir.canonicalize().expect("the folder exists");
    let entries = std::fs::read_dir(&dir).expect("the folder can be read");
    let mut paths: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    for path in paths.iter().filter(|p| p.extension().is_some_and(|e| e == "ir")) {
        let text = std::fs::read_to_string(path).expect("the file can be read");
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let first = text.lines().next().unwrap_or_default();
        let names = first.strip_prefix("// passes: ").expect("the first line names passes");
        let mut module = parse(&text).unwrap_or_else(|e| panic!("{stem}: {e}"));
        assert_eq!(validate(&module), [], "{stem}");
        for name in names.split_whitespace() {
            match pass(name) {
                Some(pass) => {
                    apply(&mut module, pass);
                    assert!(!apply(&mut module, pass), "{stem}: `{name}` goes on\n{}", print(&module));
                }
                None if name == "all" => run(&mut module, Level::Full),
                None => panic!("{stem}: no pass `{name}`"),
            }
        }
        for function in &mut module.functions {
            function.values = 0;
        }
        let after = print(&module).lines().filter(|l| !l.starts_with("  values = ")).fold(
            String::new(),
            |mut all, line| {
                all.push_str(line);
                all.push('\n');
                all
            },
        );
        let shown = format!("{}\n----\n{after}", text.trim_end());
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&dir);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(stem, shown));
    }
}
