//! Snapshots of `testdata/lexer` and `testdata/parser`: the source, then what comes of it.
#![allow(clippy::disallowed_methods)]

use std::fmt::Write;
use std::path::Path;

use btc_diagnostics::{Diagnostics, FileId, SourceMap, render};
use btc_syntax::{Header, Includes, Options, ast, parse, tokens};

/// The headers that test scripts may include.
struct Headers;

impl Includes for Headers {
    fn load(&mut self, path: &str, angled: bool, _from: &str) -> Option<Header> {
        let text = match (path, angled) {
            ("mine.h", false) => "#pragma once\n#define SIZE 4\nstruct mine { char c[SIZE]; };\nint f(void) { return 1; }\n",
            ("linux/numbers.h", true) => "#define SEVEN 7\nenum { EIGHT = 8 };\nstruct kernel { int odd @ $$ };\n",
            ("loop.h", false) => "#include \"loop.h\"\n",
            _ => return None,
        };
        Some(Header { name: path.to_string(), text: text.to_string(), system: angled })
    }
}

fn check_dir(name: &str, show: impl Fn(&mut SourceMap, FileId, &mut Diagnostics) -> String) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name);
    let dir = dir.canonicalize().expect("the folder exists");
    let entries = std::fs::read_dir(&dir).expect("the folder can be read");
    let mut paths: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    for path in paths.iter().filter(|p| p.extension().is_some_and(|e| e == "bt")) {
        let text = std::fs::read_to_string(path).expect("the script can be read");
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut sources = SourceMap::default();
        let file = sources.add(format!("{stem}.bt"), text.clone());
        let mut d = Diagnostics::new();
        let mut shown = format!("{}\n----\n{}", text.trim_end(), show(&mut sources, file, &mut d));
        for diagnostic in d.iter() {
            let _ = write!(shown, "{}", render(diagnostic, &sources, false));
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&dir);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(stem, shown));
    }
}

#[test]
fn lexer() {
    check_dir("lexer", |sources, file, d| tokens(sources, file, &Options::default(), &mut Headers, d));
}

#[test]
fn parser() {
    check_dir("parser", |sources, file, d| {
        let program = parse(sources, file, &Options::default(), &mut Headers, d);
        if d.has_errors() { String::new() } else { ast::print(&program, false) }
    });
}
