//! `btc compile`: a script to an object, or to the text of a stage.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use btc_driver::{Emit, Options};
use btc_runtime::inputs;

use crate::cli::{CompileArgs, text};
use crate::input;
use crate::output;
use crate::report;
use crate::script::{Input, environment};

pub fn run(args: &CompileArgs) -> ExitCode {
    match compile(args) {
        Ok(code) => code,
        Err(message) => report::error(message),
    }
}

fn compile(args: &CompileArgs) -> Result<ExitCode, String> {
    let emit = Emit::named(&args.emit)
        .ok_or_else(|| format!("there is no stage `{}`; the stages are {}", args.emit, Emit::NAMES.join(", ")))?;
    let input = match (&args.program, &args.file) {
        (Some(text), _) => Input::inline(text),
        (None, Some(path)) => Input::read(path)?,
        (None, None) => return Err("no script given".into()),
    };
    // Behind a script of the command line all words are parameters.
    let first = args.file.iter().filter(|_| args.program.is_some()).map(|word| text(word.as_os_str()).map(str::to_string));
    let params: Vec<String> = first.chain(args.params.iter().cloned().map(Ok)).collect::<Result<_, _>>()?;
    if input.is_object() {
        return Err(format!("`{}` is an object already", input.name));
    }
    let options = Options {
        emit,
        params: Some(params).filter(|p| !p.is_empty()),
        allow_unsafe: args.allow_unsafe,
        environment: environment(),
        strip_source: args.strip_source,
        ..Options::default()
    };
    let compilation = input.compile(&args.target, &args.target.binaries(), options)?;
    report::diagnostics(&compilation);
    // Whether anything of them had to be read or not.
    compilation.binaries.iter().for_each(|binary| inputs::note(Path::new(binary)));
    let Some(output) = compilation.output else { return Ok(ExitCode::FAILURE) };
    match (&args.output, emit) {
        (Some(path), _) => write(path, &output)?,
        (None, Emit::Object) => write(&object_name(input.path.as_deref()), &output)?,
        (None, _) => report::print(&output)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// `accept.bt` becomes `accept.o`, in the current folder's sense of the same path.
fn object_name(script: Option<&Path>) -> PathBuf {
    let Some(path) = script else { return "out.o".into() };
    match path.extension() {
        Some(end) if end == "bt" => path.with_extension("o"),
        _ => path.with_added_extension("o"),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if path == "-" {
        return report::print(bytes);
    }
    input::check_output(path)?;
    output::write(path, bytes)
}
