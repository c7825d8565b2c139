//! `btc list`: probes by pattern, of a script or of an object; kernel types; arguments and
//! definitions on demand.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use btc_driver::elf;
use btc_providers::{Found, search};
use btc_runtime::{Keep, shown, standard_output};
use btc_target::{Tag, Target, glob, is_glob};

use crate::cli::{ListArgs, text};
use crate::kernel::Kernel;
use crate::report;
use crate::script::Input;

pub fn run(args: &ListArgs) -> ExitCode {
    match list(args) {
        Ok(code) => code,
        Err(message) => report::error(message),
    }
}

fn list(args: &ListArgs) -> Result<ExitCode, String> {
    let binaries = btc_runtime::Options { pid: args.pid, ..args.target.binaries() };
    let kernel = Kernel::new(args.target.btf.as_deref())?.with_functions(args.traceable_functions.as_deref());
    let kernel = kernel.for_run(&binaries);
    let target = Target::new(&kernel);
    let mut listing = Listing {
        target: &target,
        verbose: args.verbose,
        visible: std::io::stdout().is_terminal(),
        out: BufWriter::new(Box::new(standard_output().map_err(|e| report::unwritten(&e))?)),
        count: 0,
    };
    let input = match &args.program {
        Some(text) => Some(Input::inline(text)),
        None if Path::new(&args.pattern).is_file() => Some(Input::read(args.pattern.as_ref())?),
        None => None,
    };
    report::may_show()?;
    match input {
        None => listing.pattern(text(&args.pattern)?),
        Some(input) if input.is_object() => listing.points(&object(&input)?),
        Some(input) => {
            let (points, sources, diagnostics) = input.attach_points(&target, &args.target)?;
            report::all(&diagnostics, &sources);
            if diagnostics.has_errors() {
                return Ok(ExitCode::FAILURE);
            }
            // What it includes is known now.
            report::may_show()?;
            listing.points(&points);
        }
    }
    listing.out.flush().map_err(|e| report::unwritten(&e))?;
    if listing.count == 0 {
        report::note(format_args!("no probe and no type matches `{}`", args.pattern.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// The attach points of an object.
fn object(input: &Input) -> Result<Vec<String>, String> {
    let wrong = |e: &dyn std::fmt::Display| format!("`{}`: {e}", input.name);
    let contents = elf::read(&input.bytes).map_err(|e| wrong(&e))?;
    let bytes = contents.manifest.ok_or_else(|| wrong(&"a BPF object, but not one of btc's: it has no manifest"))?;
    let manifest = btc_abi::wire::decode(&bytes).map_err(|e| wrong(&e))?;
    Ok(manifest.probes.into_iter().map(|p| p.name).collect())
}

/// A listing that is being written.
struct Listing<'a> {
    target: &'a Target<'a>,
    verbose: bool,
    /// Whether a terminal would obey what stands in names of others.
    visible: bool,
    out: BufWriter<Box<dyn Write + 'a>>,
    count: usize,
}

impl Listing<'_> {
    /// Whatever a pattern means: types, or probes.
    fn pattern(&mut self, pattern: &str) {
        let mut probes = Vec::new();
        for part in pattern.split(',') {
            let words = part.trim().split_once(char::is_whitespace);
            match words.and_then(|(word, name)| Some((Tag::named(word)?, name.trim()))) {
                Some((tag, name)) => self.types(tag, name),
                None => probes.push(part),
            }
        }
        if !probes.is_empty() {
            self.probes(&probes.join(","));
        }
    }

    fn types(&mut self, tag: Tag, pattern: &str) {
        let Some(btf) = self.target.btf() else { return };
        for (name, id) in btf.tags(tag).iter().filter(|(name, _)| glob(pattern, name)) {
            match self.verbose.then(|| btf.definition(*id)).flatten() {
                Some(text) => self.write(&format!("vmlinux: {text};\n"), Keep::Layout),
                None => self.line(&format!("{} {name}", tag.word())),
            }
        }
    }

    fn probes(&mut self, pattern: &str) {
        let target = self.target;
        search(target, pattern, &mut |found| self.found(found));
    }

    /// What a script or object attaches to: each as a search finds it, in full and wildcards as all that they
    /// mean here; itself where it is more than a name, such as a timer. BEGIN and END are attached to nothing.
    fn points(&mut self, points: &[String]) {
        for point in points {
            let before = self.count;
            self.probes(point);
            let (kind, rest) = point.split_once(':').unwrap_or((point, ""));
            if let Some(provider) = btc_providers::find(kind)
                && self.count == before
                && !is_glob(point)
                && !rest.is_empty()
            {
                self.found(&Found { provider, rest });
            }
        }
    }

    fn found(&mut self, found: &Found) {
        self.line(&found.name());
        if self.verbose {
            for field in found.fields(self.target) {
                self.line(&format!("    {field}"));
            }
        }
    }

    /// A name, or what a name is of.
    fn line(&mut self, text: &str) {
        self.write(text, Keep::Seen);
    }

    /// Who reads the listing may stop: then nothing is left to be told.
    fn write(&mut self, text: &str, keep: Keep) {
        self.count += 1;
        let shown = self.visible.then(|| shown(text, keep));
        // What goes wrong comes again when the rest is written, at the end.
        let _ = writeln!(self.out, "{}", shown.as_deref().unwrap_or(text));
    }
}
