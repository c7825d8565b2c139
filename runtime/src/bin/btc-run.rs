//! The loader alone: runs a finished object on a host.

use std::fs::File;
use std::io::{Read, Write};
use std::process::ExitCode;

use btc_runtime::{Buffering, Error, Format, Options, parameters};

/// No object is larger: a script may have 64 MiB.
const MOST_BYTES: u64 = 64 << 20;

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
Options may stand behind the object too, up to a `--`. Behind that stand parameters alone,
named ones as --name or --name=value.";

struct Arguments {
    object: String,
    info: bool,
    options: Options,
}

fn choice<T: Copy>(option: &str, value: &str, all: &[(&str, T)]) -> Result<T, Error> {
    let found = all.iter().find(|(name, _)| *name == value);
    found.map(|(_, v)| *v).ok_or_else(|| Error::new(format!("{option} does not know `{value}`")))
}

fn parse(args: impl Iterator<Item = String>) -> Result<Arguments, Error> {
    let mut options = Options::default();
    let (mut words, mut info) = (Vec::new(), false);
    let mut args = args.skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| Error::new(format!("{arg} needs a value")));
        match arg.as_str() {
            "-c" => options.child = Some(value()?),
            "-p" | "--dwarf-pid" => {
                let text = value()?;
                let pid = text.parse().map_err(|_| Error::new(format!("{arg} needs a process id, not `{text}`")))?;
                if arg == "-p" { options.pid = Some(pid) } else { options.unwound.push(pid) }
            }
            "-o" => options.output = Some(value()?.into()),
            "-f" => options.format = choice("-f", &value()?, &[("text", Format::Text), ("json", Format::Json)])?,
            "-B" => {
                let all = [("line", Buffering::Line), ("full", Buffering::Full), ("none", Buffering::None)];
                options.buffering = choice("-B", &value()?, &all)?;
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
            "-h" | "--help" => return Err(Error::new(USAGE)),
            "--" => {
                words.push(arg);
                words.extend(args.by_ref());
            }
            _ if arg.starts_with('-') && arg.len() > 1 => return Err(Error::new(format!("unknown option {arg}\n{USAGE}"))),
            _ => words.push(arg),
        }
    }
    // The object may stand behind the end of the options.
    let at = usize::from(words.first().is_some_and(|w| w == "--"));
    if words.len() <= at {
        return Err(Error::new(USAGE));
    }
    let object = words.remove(at);
    (options.positional, options.named) = parameters(&words);
    Ok(Arguments { object, info, options })
}

/// The object's bytes: those of a regular file or a pipe, and no more than an object may have.
fn read(path: &str) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(std::io::Error::other(format!("it is larger than {} MiB", MOST_BYTES >> 20)));
    }
    Ok(bytes)
}

fn start() -> Result<i32, Error> {
    let mut arguments = parse(std::env::args_os().map(|word| word.to_string_lossy().into_owned()))?;
    let name = &arguments.object;
    let bytes = read(name).map_err(|e| Error::new(format!("cannot read `{name}`: {e}")))?;
    if arguments.info {
        let manifest = btc_runtime::manifest(&bytes)?;
        // Debugging's form escapes what a terminal obeys.
        let effects: Vec<String> = btc_runtime::effects(&bytes, &manifest)?.iter().map(ToString::to_string).collect();
        let attaches: Vec<String> = manifest.probes.iter().map(|p| format!("runs at {:?}", p.attach)).collect();
        let text = format!("effects on this host: {attaches:#?} {effects:#?}\n{manifest:#?}\n");
        let written = btc_runtime::standard_output().and_then(|mut out| out.write_all(text.as_bytes()));
        written.map_err(|e| Error::os("cannot write to standard output", &e))?;
        return Ok(0);
    }
    let same = |a: &std::path::Path| std::fs::canonicalize(a).ok();
    if arguments.options.output.as_deref().and_then(same).is_some_and(|output| Some(output) == same(name.as_ref())) {
        return Err(Error::new(format!("`{name}` is what is run: name another file for the output")));
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
