//! The loader alone: runs a finished object on a host.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use btc_runtime::inputs::{self, Kind};
use btc_runtime::{Buffering, Error, Format, Options, parameters};

const USAGE: &str = "\
usage: btc-run [options] OBJECT [$1 $2 …] [-- parameters]
  -c COMMAND       run and trace a command
  -p PID           trace a process
  --dwarf-pid PID  unwind the stacks of one more process (dw_ustack)
  -o FILE          write the output to a file
  -f text|json     form of the output
  -B line|full|none  buffering
  -q               no message about attached probes
  -k               tell failed helpers
  -v               tell what libbpf and the kernel say
  --unsafe         allow functions that change the system
  --output-dir DIR captures are written below this folder only (default: the current one)
  --input-dir DIR  cat() reads below this folder only
  --no-warnings    no warnings
  --raw            control characters go to a terminal as they are
  --dry-run        load, then stop
  --info           show what the object does to the host, and what it says of itself
  --version        show the version
Options may stand behind the object too, up to a `--`. Behind that stand parameters alone,
named ones as --name or --name=value.";

struct Arguments {
    object: PathBuf,
    info: bool,
    options: Options,
}

/// What a command line asks for.
enum Wish {
    Run(Box<Arguments>),
    /// To be told something.
    Know(&'static str),
}

fn choice<T: Copy>(option: &str, value: OsString, all: &[(&str, T)]) -> Result<T, Error> {
    let value = text(value)?;
    let found = all.iter().find(|(name, _)| *name == value);
    found.map(|(_, v)| *v).ok_or_else(|| Error::new(format!("{option} does not know `{value}`")))
}

/// A word that is no path: text.
fn text(word: OsString) -> Result<String, Error> {
    word.into_string().map_err(|word| Error::new(format!("the argument `{}` is not UTF-8 text", word.display())))
}

fn parse(args: impl Iterator<Item = OsString>) -> Result<Wish, Error> {
    let mut options = Options::default();
    let (mut words, mut info) = (Vec::new(), false);
    let mut args = args.skip(1);
    while let Some(word) = args.next() {
        let arg = word.to_string_lossy();
        let mut value = || args.next().ok_or_else(|| Error::new(format!("{arg} needs a value")));
        match arg.as_ref() {
            "-c" => options.child = Some(value()?),
            "-p" | "--dwarf-pid" => {
                let text = text(value()?)?;
                let pid = text.parse().map_err(|_| Error::new(format!("{arg} needs a process id, not `{text}`")))?;
                if arg == "-p" { options.pid = Some(pid) } else { options.unwound.push(pid) }
            }
            "-o" => options.output = Some(value()?.into()),
            "-f" => options.format = choice("-f", value()?, &[("text", Format::Text), ("json", Format::Json)])?,
            "-B" => {
                let all = [("line", Buffering::Line), ("full", Buffering::Full), ("none", Buffering::None)];
                options.buffering = choice("-B", value()?, &all)?;
            }
            "-q" => options.quiet = true,
            "-k" => options.print_failed_helpers = true,
            "-v" => options.verbose = true,
            "--output-dir" => options.output_dir = Some(value()?.into()),
            "--input-dir" => options.input_dir = Some(value()?.into()),
            "--unsafe" => options.allow_unsafe = true,
            "--no-warnings" => options.no_warnings = true,
            "--raw" => options.raw = true,
            "--dry-run" => options.dry_run = true,
            "--info" => info = true,
            "-h" | "--help" => return Ok(Wish::Know(USAGE)),
            "-V" | "--version" => return Ok(Wish::Know(concat!("btc-run ", env!("CARGO_PKG_VERSION")))),
            "--" => {
                words.push(word);
                words.extend(args.by_ref());
            }
            _ if arg.starts_with('-') && arg.len() > 1 => {
                return Err(Error::new(format!("unknown option {arg}; btc-run --help tells which there are")));
            }
            _ => words.push(word),
        }
    }
    // The object may stand behind the end of the options.
    let at = usize::from(words.first().is_some_and(|w| w == "--"));
    if words.len() <= at {
        return Err(Error::new("no object given; btc-run --help tells how"));
    }
    let object = words.remove(at).into();
    let words: Vec<String> = words.into_iter().map(text).collect::<Result<_, _>>()?;
    (options.positional, options.named) = parameters(&words);
    Ok(Wish::Run(Box::new(Arguments { object, info, options })))
}

fn print(text: &str) -> Result<(), Error> {
    let written = btc_runtime::standard_output().and_then(|mut out| writeln!(out, "{text}"));
    written.map_err(|e| Error::os("cannot write to standard output", &e))
}

fn start() -> Result<i32, Error> {
    let mut arguments = match parse(std::env::args_os())? {
        Wish::Know(text) => return print(text).map(|()| 0),
        Wish::Run(arguments) => arguments,
    };
    let bytes = inputs::read(&arguments.object, Kind::FileOrPipe).map_err(Error::new)?;
    if arguments.info {
        let manifest = btc_runtime::manifest(&bytes)?;
        // Debugging's form escapes what a terminal obeys.
        let effects: Vec<String> = btc_runtime::effects(&bytes, &manifest)?.iter().map(ToString::to_string).collect();
        let attaches: Vec<String> = manifest.probes.iter().map(|p| format!("runs at {:?}", p.attach)).collect();
        return print(&format!("effects on this host: {attaches:#?} {effects:#?}\n{manifest:#?}")).map(|()| 0);
    }
    arguments.options.take_environment();
    let verbose = arguments.options.verbose;
    let outcome = btc_runtime::run(&bytes, &arguments.options).inspect_err(|e| {
        if let (true, Some(details)) = (verbose, e.details()) {
            let _ = writeln!(std::io::stderr(), "{details}");
        }
    })?;
    Ok(outcome.exit_code)
}

fn main() -> ExitCode {
    match start() {
        Ok(code) => ExitCode::from(code as u8),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::from(1)
        }
    }
}
