//! `btc run`: compiles a script where needed, then loads, attaches and prints.

use std::process::ExitCode;

use btc_driver::{Emit, Options};
use btc_runtime as runtime;

use crate::cli::{RunArgs, text};
use crate::report;
use crate::script::{Input, environment};

pub fn run(args: &RunArgs) -> ExitCode {
    match start(args) {
        Ok(code) => code,
        Err(message) => report::error(message),
    }
}

fn start(args: &RunArgs) -> Result<ExitCode, String> {
    let (input, rest) = match (&args.program, args.rest.as_slice()) {
        (Some(text), rest) => (Input::inline(text), rest),
        // The file may stand behind the end of the options.
        (None, [end, path, rest @ ..]) if end == "--" => (Input::read(path.as_ref())?, rest),
        (None, [path, rest @ ..]) if path != "--" => (Input::read(path.as_ref())?, rest),
        (None, _) => return Err("no script given: name a file, or give one with -e".into()),
    };
    let rest: Vec<String> = rest.iter().map(|word| text(word).map(str::to_string)).collect::<Result<_, _>>()?;
    let (mut positional, mut named) = runtime::parameters(&rest);
    let help = |(name, value): &runtime::Named| name == "help" && value.is_none();
    let wants_help = named.iter().any(help) || positional.iter().any(|word| word == "--help" || word == "-h");
    named.retain(|n| !help(n));
    positional.retain(|_| !wants_help);
    let mut options = run_options(args, positional.clone(), named)?;
    // Somebody who was given an object must not run a script, which may do more.
    if !input.is_object() && input.name.ends_with(".o") {
        return Err(format!("`{}` is named as an object and is none; a script has another name, or comes by standard input", input.name));
    }
    if input.is_object() {
        if wants_help {
            return parameter_help(&input.name, &input.bytes);
        }
        return execute(&input.bytes, &options);
    }
    options.author = runtime::Author::User;
    let emit = match &args.debug {
        Some(stage) => Emit::named(stage)
            .ok_or_else(|| format!("there is no stage `{stage}`; the stages are {}", Emit::NAMES.join(", ")))?,
        None => Emit::Object,
    };
    let compile = Options {
        emit,
        params: Some(positional),
        runs_at_once: true,
        allow_unsafe: args.allow_unsafe,
        environment: environment(),
        ..Options::default()
    };
    let compilation = input.compile(&args.target, &options, compile)?;
    if compilation.output.is_none() || !args.no_warnings {
        report::diagnostics(&compilation);
    }
    let Some(output) = compilation.output else { return Ok(ExitCode::FAILURE) };
    if args.debug.is_some() {
        return Ok(report::printed(output));
    }
    if wants_help {
        return parameter_help(&input.name, &output);
    }
    execute(&output, &options)
}

/// What parameters a script or object takes.
fn parameter_help(name: &str, object: &[u8]) -> Result<ExitCode, String> {
    let manifest = runtime::manifest(object).map_err(|e| e.to_string())?;
    Ok(report::printed(runtime::usage(name, &manifest)))
}

fn execute(object: &[u8], options: &runtime::Options) -> Result<ExitCode, String> {
    match runtime::run(object, options) {
        Ok(outcome) => Ok(ExitCode::from(outcome.exit_code as u8)),
        Err(e) => {
            let code = report::error(&e);
            e.details().filter(|_| options.verbose).into_iter().for_each(report::note);
            Ok(code)
        }
    }
}

fn run_options(
    args: &RunArgs,
    positional: Vec<String>,
    named: Vec<runtime::Named>,
) -> Result<runtime::Options, String> {
    let format = match args.format.as_str() {
        "text" => runtime::Format::Text,
        "json" => runtime::Format::Json,
        other => return Err(format!("there is no output format `{other}`: text or json")),
    };
    let buffering = match args.buffering.as_str() {
        "line" => runtime::Buffering::Line,
        "full" => runtime::Buffering::Full,
        "none" => runtime::Buffering::None,
        other => return Err(format!("there is no buffering mode `{other}`: line, full or none")),
    };
    let mut options = runtime::Options {
        child: args.child.clone(),
        pid: args.pid,
        unwound: args.unwound.clone(),
        positional,
        named,
        output: args.output.clone(),
        output_dir: args.output_dir.clone(),
        input_dir: args.input_dir.clone(),
        format,
        buffering,
        quiet: args.quiet,
        no_warnings: args.no_warnings,
        raw: args.raw,
        allow_unsafe: args.allow_unsafe,
        verbose: args.verbose,
        print_failed_helpers: args.failed_helpers,
        probe_filter: args.probe_filter.clone(),
        without: args.without.clone(),
        traceable_functions: args.traceable_functions.clone(),
        dry_run: args.dry_run,
        mode: match (args.test, args.bench) {
            (true, _) => runtime::Mode::Test,
            (_, true) => runtime::Mode::Bench,
            _ => runtime::Mode::Trace,
        },
        ..args.target.binaries()
    };
    options.take_environment();
    Ok(options)
}
