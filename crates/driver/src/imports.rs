//! `import "…"`: other scripts, headers and folders of them, merged into one tree.

use std::collections::HashSet;

use btc_diagnostics::{Code, Diagnostic, Diagnostics, FileId, SourceMap};
use btc_syntax::ast::Program;
use btc_syntax::{Header, Includes, Options};

/// Files that a script refers to. Names are those shown in messages.
pub trait Files: Includes {
    /// The files that `import "path"` in the file named `from` means: one, or those of a
    /// folder in the order of their names. `None` when there is none.
    fn import(&mut self, path: &str, from: &str) -> Option<Vec<(String, String)>>;
}

/// None at all: for scripts without headers and imports.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles;

impl Includes for NoFiles {
    fn load(&mut self, _: &str, _: bool, _: &str) -> Option<Header> {
        None
    }
}

impl Files for NoFiles {
    fn import(&mut self, _: &str, _: &str) -> Option<Vec<(String, String)>> {
        None
    }
}

/// Includes as the parser wants them.
pub(crate) struct Parser<'f>(pub &'f mut dyn Files);

impl Includes for Parser<'_> {
    fn load(&mut self, path: &str, angled: bool, from: &str) -> Option<Header> {
        self.0.load(path, angled, from)
    }
}

/// Parses a file and all that it imports. What is imported comes first.
pub fn parse(
    sources: &mut SourceMap,
    file: FileId,
    options: &Options,
    files: &mut dyn Files,
    d: &mut Diagnostics,
) -> Program {
    let mut seen = HashSet::from([sources.name(file).to_string()]);
    merged(sources, file, options, files, &mut seen, d)
}

fn merged(
    sources: &mut SourceMap,
    file: FileId,
    options: &Options,
    files: &mut dyn Files,
    seen: &mut HashSet<String>,
    d: &mut Diagnostics,
) -> Program {
    let own = btc_syntax::parse(sources, file, options, &mut Parser(files), d);
    let mut all = Program::default();
    let from = sources.name(file).to_string();
    for import in &own.imports {
        let Some(found) = files.import(&import.path, &from) else {
            let message = format!("`{}` cannot be found or read", import.path);
            let help = "an import names a .bt or .h file, or a folder, beside the file that imports it";
            d.push(Diagnostic::error(Code::BadImport, import.span, message).help(help));
            continue;
        };
        for (name, text) in found {
            // A file that is imported twice counts once.
            if !seen.insert(name.clone()) {
                continue;
            }
            let header = name.ends_with(".h");
            let id = sources.add(name, text);
            let options = Options { header, includes: Vec::new(), ..options.clone() };
            append(&mut all, merged(sources, id, &options, files, seen, d));
        }
    }
    append(&mut all, own);
    all
}

/// Adds everything but the settings of an imported file, which are the main script's alone.
fn append(all: &mut Program, mut next: Program) {
    all.config = next.config;
    all.imports.append(&mut next.imports);
    all.definitions.append(&mut next.definitions);
    all.includes.append(&mut next.includes);
    all.map_declarations.append(&mut next.map_declarations);
    all.macros.append(&mut next.macros);
    all.probes.append(&mut next.probes);
    all.comments.append(&mut next.comments);
}
