//! The compiler pipeline: a script and a target in, an object or any stage's text out.
//!
//! [`compile`] is the whole of it, in order. Touches no file: the script's text, the
//! kernel's bytes and included files come through its arguments.

pub mod docs;
mod emit;
mod hash;
mod imports;
mod internal;

use btc_abi::{MOST_MAP_BYTES, Manifest};
use btc_diagnostics::{Code, Diagnostic, FileId, Span, here};
use btc_target::{Source, Target};

pub use btc_bpf::disassemble;
pub use btc_diagnostics::{Diagnostics, Severity, SourceMap, render, render_json};
pub use btc_elf as elf;
pub use btc_sema::SETTINGS;
pub use btc_syntax::{Header, Includes};
pub use emit::{Emit, disassembly};
pub use hash::sha256;
pub use imports::{Files, NoFiles};

/// What the user decides of a compile.
#[derive(Clone, Debug)]
pub struct Options {
    /// What comes out.
    pub emit: Emit,
    /// Positional parameters, when they are known.
    pub params: Option<Vec<String>>,
    /// Whether the script runs at once, with these parameters and no others.
    pub runs_at_once: bool,
    /// `--unsafe`
    pub allow_unsafe: bool,
    /// Settings of the environment, by lower-case name.
    pub environment: Vec<(String, String)>,
    /// Whether the object leaves the script's text out.
    pub strip_source: bool,
    /// Headers to read before the script.
    pub includes: Vec<String>,
    /// Macros that are defined from the start beside [`BPFTRACE_HAVE_BTF`], with their value.
    ///
    /// [`BPFTRACE_HAVE_BTF`]: btc_syntax::Options
    pub defines: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            emit: Emit::Object,
            params: None,
            runs_at_once: false,
            allow_unsafe: false,
            environment: Vec::new(),
            strip_source: false,
            includes: Vec::new(),
            defines: Vec::new(),
        }
    }
}

/// The outcome of a compile.
pub struct Compilation {
    /// The texts that diagnostics refer to.
    pub sources: SourceMap,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
    /// What was asked for; `None` after an error.
    pub output: Option<Vec<u8>>,
    /// The user binaries that its probes name, as they name them, as far as it was understood.
    pub binaries: Vec<String>,
    /// After a mistake of the compiler: the last form of the script that could be made, as text.
    pub reached: Option<String>,
}

impl Compilation {
    /// All diagnostics as text.
    pub fn messages(&self, colour: bool) -> String {
        let diagnostics: String = self.diagnostics.iter().map(|d| render(d, &self.sources, colour)).collect();
        diagnostics + self.reached.as_deref().unwrap_or_default()
    }

    /// All diagnostics as JSON, an object a line.
    pub fn messages_json(&self) -> String {
        self.diagnostics.iter().map(|d| render_json(d, &self.sources)).collect()
    }
}

/// Compiles a script.
pub fn compile(
    name: &str,
    text: &str,
    source: &dyn Source,
    files: &mut dyn Files,
    options: &Options,
) -> Compilation {
    let mut sources = SourceMap::default();
    let (mut diagnostics, mut binaries) = (Diagnostics::new(), Vec::new());
    let file = sources.add(name, text);
    let run = || stages(&mut sources, file, source, files, options, &mut diagnostics, &mut binaries);
    let output = internal::guarded(run).unwrap_or_else(|mistake| {
        diagnostics.push(mistake);
        None
    });
    let output = output.filter(|_| !diagnostics.has_errors());
    let wrong = diagnostics.iter().any(|d| d.code == Code::Internal);
    let reached = if wrong { reached(name, text, source, files, options) } else { None };
    Compilation { sources, diagnostics, output, binaries, reached }
}

/// The last form of a script before the stage that fails: a compile does the same each time.
fn reached(
    name: &str,
    text: &str,
    source: &dyn Source,
    files: &mut dyn Files,
    options: &Options,
) -> Option<String> {
    [Emit::Ir, Emit::RawIr, Emit::Hir].into_iter().filter(|form| *form < options.emit).find_map(|emit| {
        let options = Options { emit, ..options.clone() };
        let (mut sources, mut d) = (SourceMap::default(), Diagnostics::new());
        let file = sources.add(name, text);
        let form = internal::guarded(|| stages(&mut sources, file, source, files, &options, &mut d, &mut Vec::new())).ok()??;
        String::from_utf8(form).ok()
    })
}

/// The attach points of a script, for listings: its code is not looked at. The normal forms, and what was wrong.
pub fn attach_points(
    name: &str,
    text: &str,
    target: &Target,
    files: &mut dyn Files,
    options: &Options,
) -> (Vec<String>, SourceMap, Diagnostics) {
    let mut sources = SourceMap::default();
    let mut d = Diagnostics::new();
    let file = sources.add(name, text);
    let ast = imports::parse(&mut sources, file, &syntax_options(options), files, &mut d);
    let mut all = Vec::new();
    if !d.has_errors() {
        let points = btc_sema::attach_points(&ast, target, &checks(options), &mut d);
        all.extend(points.iter().map(|(provider, attach)| (provider.normal)(attach)));
    }
    (all, sources, d)
}

fn syntax_options(options: &Options) -> btc_syntax::Options {
    let mut syntax = btc_syntax::Options::default();
    syntax.includes.clone_from(&options.includes);
    syntax.defines.extend_from_slice(&options.defines);
    syntax
}

fn checks(options: &Options) -> btc_sema::Options {
    btc_sema::Options {
        params: options.params.clone(),
        runs_at_once: options.runs_at_once,
        allow_unsafe: options.allow_unsafe,
        environment: options.environment.clone(),
    }
}

/// A script in the standard form.
pub struct Formatted {
    /// The texts that diagnostics refer to.
    pub sources: SourceMap,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
    /// Its text; `None` after an error.
    pub text: Option<String>,
}

/// Lays a script out in the standard form; comments stay.
pub fn format(name: &str, text: &str, files: &mut dyn Files) -> Formatted {
    let mut sources = SourceMap::default();
    let mut diagnostics = Diagnostics::new();
    let file = sources.add(name, text);
    let syntax = btc_syntax::Options::default();
    let text = btc_syntax::format(&mut sources, file, &syntax, &mut imports::Parser(files), &mut diagnostics);
    Formatted { sources, diagnostics, text }
}

/// The pipeline. `None` after an error, which is in `d`.
fn stages(
    sources: &mut SourceMap,
    file: FileId,
    source: &dyn Source,
    files: &mut dyn Files,
    options: &Options,
    d: &mut Diagnostics,
    binaries: &mut Vec<String>,
) -> Option<Vec<u8>> {
    let syntax = syntax_options(options);
    if options.emit == Emit::Tokens {
        return Some(btc_syntax::tokens(sources, file, &syntax, &mut imports::Parser(files), d).into_bytes());
    }
    let ast = imports::parse(sources, file, &syntax, files, d);
    if options.emit == Emit::Ast {
        return Some(btc_syntax::ast::print(&ast, false).into_bytes());
    }
    if d.has_errors() {
        return None;
    }
    if ast.probes.is_empty() {
        let end = Span::new(file, sources.text(file).len(), sources.text(file).len());
        let message = "the script has no probe";
        d.push(Diagnostic::error(Code::Syntax, end, message).help("add one, such as `BEGIN { … }`"));
        return None;
    }
    let target = Target::new(source);
    let hir = btc_sema::check(&ast, &target, &checks(options), d);
    binaries.extend(hir.probes.iter().filter_map(|p| p.attach.binary()).map(str::to_string));
    if target.is_exhausted() {
        let message = "the kernel's types (BTF) cannot be read: they contain each other too often, or without end";
        let help = "name the BTF of a kernel, such as a copy of /sys/kernel/btf/vmlinux";
        d.push(Diagnostic::error(Code::UnknownType, Span::new(file, 0, 0), message).help(help));
    }
    if d.has_errors() {
        return None;
    }
    if let Some(span) = hir.untyped() {
        here::enter(span);
        d.push(internal::mistake("a value without a type".to_string()));
        return None;
    }
    if options.emit == Emit::Hir {
        return Some(btc_hir::print(&hir).into_bytes());
    }
    let (mut module, manifest) = btc_lower::lower(&hir, sources);
    if let Some(error) = too_long(&module).or_else(|| too_large(&hir, &module, &manifest)) {
        d.push(error);
        return None;
    }
    if options.emit == Emit::RawIr {
        return Some(btc_ir::print(&module).into_bytes());
    }
    btc_opt::run(&mut module, btc_opt::Level::Full);
    if options.emit == Emit::Ir {
        return Some(btc_ir::print(&module).into_bytes());
    }
    back_end(sources, module, manifest, options, d)
}

/// What is wrong with a script that has more code than the compiler takes; the passes never see it.
fn too_long(module: &btc_ir::Module) -> Option<Diagnostic> {
    let mut ops = 0;
    let long = module.functions.iter().find(|f| {
        ops += f.ops();
        f.is_full || ops >= btc_lower::MAX_OPS
    })?;
    let (message, help) = match long.is_full {
        true => ("this action is too long: it needs more instructions than the kernel takes", SHORTER),
        false => ("this script is too long: its actions up to this one are more than btc compiles at once", "split it into several scripts"),
    };
    Some(Diagnostic::error(Code::TooLarge, long.span, message).help(help))
}

/// What is wrong with a script whose map is larger than an object may define.
fn too_large(hir: &btc_hir::Program, module: &btc_ir::Module, manifest: &Manifest) -> Option<Diagnostic> {
    let mut maps = hir.maps.iter().zip(&manifest.maps);
    maps.find_map(|(map, told)| {
        let made = module.maps.iter().find(|m| m.symbol == told.symbol)?;
        let each = u64::from(made.key_size) + u64::from(made.value_size);
        let most = MOST_MAP_BYTES / each.max(1);
        let message = format!("{} has {} entries, and of this size there is room for {most}", map.name, made.max_entries);
        let help = "name a smaller number where the map is declared, or by max_map_keys";
        (u64::from(made.max_entries) > most).then(|| Diagnostic::error(Code::TooLarge, map.span, message).help(help))
    })
}

/// The way out of actions that are too long.
const SHORTER: &str = "split it over several probes, or write a loop for what repeats";

/// From IR to the object.
fn back_end(
    sources: &SourceMap,
    mut module: btc_ir::Module,
    manifest: Manifest,
    options: &Options,
    d: &mut Diagnostics,
) -> Option<Vec<u8>> {
    if let Some(broken) = btc_ir::validate(&module).first() {
        here::enter(span_of(&module, &broken.function));
        d.push(internal::mistake(format!("invalid IR: {broken}")));
        return None;
    }
    let programs = match btc_codegen::compile(&mut module) {
        Ok(programs) => programs,
        Err(e) => {
            d.push(refusal(&module, &e));
            return None;
        }
    };
    if options.emit == Emit::Asm {
        return Some(disassembly(&programs, sources).into_bytes());
    }
    let manifest = complete(manifest, sources, &module, &programs, options);
    let encoded = btc_abi::wire::encode(&manifest);
    let texts: Vec<btc_object::SourceText> = (0..sources.len())
        .map(|i| FileId(i as u32))
        .map(|f| btc_object::SourceText { name: sources.name(f), text: sources.text(f), is_shown: !options.strip_source })
        .collect();
    let input = btc_object::Input {
        module: &module,
        programs: &programs,
        manifest: &encoded,
        sources: &texts,
    };
    match btc_object::write(&input) {
        Ok(object) => Some(object),
        Err(e) => {
            here::enter(Span::default());
            d.push(internal::mistake(format!("a bad object: {e:?}")));
            None
        }
    }
}

/// What only the whole compile knows of the manifest.
fn complete(
    mut manifest: Manifest,
    sources: &SourceMap,
    module: &btc_ir::Module,
    programs: &[btc_bpf::Program],
    options: &Options,
) -> Manifest {
    manifest.compiler = format!("btc {}", env!("CARGO_PKG_VERSION"));
    manifest.sources = sources
        .own()
        .map(|f| btc_abi::Source {
            name: sources.name(f).rsplit('/').next().unwrap_or_default().to_string(),
            hash: sha256(sources.text(f)),
            text: (!options.strip_source).then(|| sources.text(f).to_string()),
        })
        .collect();
    manifest.patches = btc_object::patches(module, programs);
    let patches = &manifest.patches;
    manifest.named.retain(|named| !named.all.is_empty() || !patches.iter().any(|patch| reads(patch, named)));
    manifest
}

/// Whether an instruction reads an argument that a program names: it is bound with the instruction.
fn reads(patch: &btc_abi::Patch, named: &btc_abi::NamedArgument) -> bool {
    matches!(&patch.value, btc_abi::PatchValue::Argument { of, name, shape, .. }
        if patch.program == named.program && (of, name, shape) == (&named.of, &named.name, &named.shape))
}

/// Code generation's refusal as a diagnostic at the probe.
fn refusal(module: &btc_ir::Module, e: &btc_codegen::CodegenError) -> Diagnostic {
    use btc_codegen::CodegenError::{Invalid, TooDeep, TooLarge, TooLong, TooManyMaps};
    let (function, code, message, help) = match e {
        TooLarge { function, needed, limit } => {
            let message = format!("this action needs {needed} bytes of stack at once, and there are {limit}");
            (function, Code::TooLarge, message, "use fewer variables, or split it over several probes")
        }
        TooLong { function, insns, limit } => {
            let message = format!("this action is too long: {insns} instructions, and the kernel takes {limit}");
            (function, Code::TooLarge, message, SHORTER)
        }
        TooManyMaps { function, maps, limit } => {
            let message = format!("this action uses {maps} maps, and the kernel lets a program use {limit}");
            let help = "split it over several probes, or use one map with keys; plain values without a key do not count";
            (function, Code::TooLarge, message, help)
        }
        TooDeep { function, frames, limit } => {
            let message = format!("this action's loops over maps are nested too deep: {frames} functions, and the kernel takes {limit}");
            (function, Code::TooLarge, message, "nest fewer loops over maps in each other")
        }
        Invalid { function, .. } => {
            here::enter(span_of(module, function));
            return internal::mistake(format!("no code for this probe: {e}"));
        }
    };
    Diagnostic::error(code, span_of(module, function), message).help(help)
}

/// The place of a function in the script; the script as a whole for a name that none has.
fn span_of(module: &btc_ir::Module, function: &str) -> Span {
    module.functions.iter().find(|f| f.name == function).map_or_else(Span::default, |f| f.span)
}
