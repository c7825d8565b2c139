//! Command lines.
//!
//! Subcommands are btc's own. A command line that names none of them, or the program's
//! name `bpftrace`, is read as bpftrace reads its own.

use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use btc_runtime::standard_output;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::report;

/// What to do.
pub enum Command {
    /// `btc compile`
    Compile(CompileArgs),
    /// `btc check`
    Check(CheckArgs),
    /// `btc run`, and bpftrace's command line.
    Run(RunArgs),
    /// `btc list`, and `-l`.
    List(ListArgs),
    /// `btc info`, and `--info`.
    Info,
    /// `btc inspect`
    Inspect(InspectArgs),
    /// `btc fmt`, and `--fmt`.
    Fmt(FmtArgs),
    /// `btc completion`
    Completion(CompletionArgs),
    /// `btc man`
    Man(ManArgs),
}

const EXAMPLES: &str = "\
Examples:
  btc -e 'BEGIN { printf(\"hello\\n\"); exit(); }'
  btc compile accept.bt -o accept.o     one file for many kernels
  btc run accept.o                      load, attach, print
  btc list -v 'tracepoint:syscalls:sys_enter_open*'
  btc inspect accept.o

Called as `bpftrace`, btc takes bpftrace's command line.";

#[derive(Parser)]
#[command(name = "btc", version, about, after_help = EXAMPLES, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Subcommand)]
enum Sub {
    /// Compile a script to an object
    Compile(CompileArgs),
    /// Check a script; needs neither root nor a kernel
    Check(CheckArgs),
    /// Run a script or an object
    Run(RunArgs),
    /// List probes
    List(ListArgs),
    /// Show what this kernel offers
    Info,
    /// Show what an object holds
    Inspect(InspectArgs),
    /// Lay scripts out in the standard form
    Fmt(FmtArgs),
    /// Run the tests of a script: its `test:` probes
    Test(RunArgs),
    /// Run the benchmarks of a script: its `bench:` probes
    Bench(RunArgs),
    /// Print a completion script for a shell
    Completion(CompletionArgs),
    /// Write the manual pages
    Man(ManArgs),
}

/// What the drop-in says it is: scripts ask for bpftrace's version.
pub const PEER_VERSION: &str = concat!("v0.27.1 (btc ", env!("CARGO_PKG_VERSION"), ")");

/// bpftrace's command line.
#[derive(Parser)]
#[command(
    name = "bpftrace",
    version = PEER_VERSION,
    about = "Runs scripts of the bpftrace language",
    after_help = EXAMPLES,
    // Of an option that is given twice the last one counts.
    args_override_self = true
)]
struct DropIn {
    /// List the probes that match a pattern, or those of a script
    #[arg(short = 'l', long, num_args = 0..=1, default_missing_value = "", value_name = "PATTERN")]
    list: Option<OsString>,
    /// Show what this kernel offers
    #[arg(long)]
    info: bool,
    /// Print a script in the standard form
    #[arg(long, value_name = "FILE")]
    fmt: Option<PathBuf>,
    #[command(flatten)]
    run: RunArgs,
}

/// Where types and constants come from.
#[derive(Args, Clone, Debug, Default)]
pub struct TargetArgs {
    /// BTF of the kernel to compile for; the running kernel's when not given
    #[arg(long, value_name = "FILE")]
    pub btf: Option<PathBuf>,
    /// A folder to look for headers in; may be repeated
    #[arg(short = 'I', value_name = "DIR")]
    pub include_folders: Vec<PathBuf>,
    /// A header to read before the script; may be repeated
    #[arg(long = "include", value_name = "FILE")]
    pub includes: Vec<String>,
    /// A folder with separate debug files; may be repeated, or hold several between colons
    #[arg(long = "debuginfo", value_name = "DIR", value_delimiter = ':')]
    pub debug_folders: Vec<PathBuf>,
}

impl TargetArgs {
    /// How user binaries are looked for where no process is traced.
    pub fn binaries(&self) -> btc_runtime::Options {
        btc_runtime::Options { debug_folders: self.debug_folders.clone(), ..btc_runtime::Options::default() }
    }
}

/// `btc compile`
#[derive(Args, Debug)]
pub struct CompileArgs {
    /// The script; `-` for standard input
    #[arg(value_name = "SCRIPT", required_unless_present = "program")]
    pub file: Option<PathBuf>,
    /// Parameters `$1`, `$2`, … that probes and constants of the script name; to all else a run may give others
    #[arg(value_name = "PARAM")]
    pub params: Vec<String>,
    /// A script given here
    #[arg(short = 'e', value_name = "PROGRAM")]
    pub program: Option<String>,
    /// The object to write; the script's name with `.o` when not given
    #[arg(short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print a stage: tokens, ast, hir, ir-raw, ir, asm, or write the object: obj
    #[arg(long, value_name = "STAGE", default_value = "obj")]
    pub emit: String,
    /// Allow functions that change the traced system
    #[arg(long = "unsafe")]
    pub allow_unsafe: bool,
    /// Leave the script's text out of the object
    #[arg(long)]
    pub strip_source: bool,
    #[command(flatten)]
    pub target: TargetArgs,
}

/// `btc check`
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Scripts
    #[arg(value_name = "SCRIPT", required = true)]
    pub files: Vec<PathBuf>,
    /// A parameter of the scripts, where their probes or constants name any: the first is `$1`; may be repeated
    #[arg(long = "param", value_name = "VALUE", allow_hyphen_values = true)]
    pub params: Vec<String>,
    /// Print the diagnostics to standard output as JSON, an object a line
    #[arg(long)]
    pub json: bool,
    /// Allow functions that change the traced system
    #[arg(long = "unsafe")]
    pub allow_unsafe: bool,
    #[command(flatten)]
    pub target: TargetArgs,
}

/// `btc run`
#[derive(Args, Debug, Default)]
pub struct RunArgs {
    /// A script given here
    #[arg(short = 'e', value_name = "PROGRAM")]
    pub program: Option<String>,
    /// Run a command and trace it; its end ends the run
    #[arg(short = 'c', value_name = "COMMAND")]
    pub child: Option<OsString>,
    /// Trace a process; its end ends the run
    #[arg(short = 'p', value_name = "PID", conflicts_with = "child")]
    pub pid: Option<u32>,
    /// Unwind the stacks of one more process with dw_ustack; may be repeated
    #[arg(long = "dwarf-pid", value_name = "PID")]
    pub unwound: Vec<u32>,
    /// Write the output to a file
    #[arg(short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Form of the output: text or json
    #[arg(short = 'f', value_name = "FORMAT", default_value = "text")]
    pub format: String,
    /// Buffering of the output: line, full or none
    #[arg(short = 'B', value_name = "MODE", default_value = "line")]
    pub buffering: String,
    /// Say less
    #[arg(short = 'q', long)]
    pub quiet: bool,
    /// Say more: with -l, arguments; else what the loader says
    #[arg(short = 'v', long)]
    pub verbose: bool,
    /// Tell every failed helper call at its place
    #[arg(short = 'k', long = "warnings")]
    pub failed_helpers: bool,
    /// Allow functions that change the traced system
    #[arg(long = "unsafe")]
    pub allow_unsafe: bool,
    /// Write captures below this folder only; those of an object go below the current one when not given
    #[arg(long, value_name = "FOLDER")]
    pub output_dir: Option<PathBuf>,
    /// Let cat() read below this folder only
    #[arg(long, value_name = "FOLDER")]
    pub input_dir: Option<PathBuf>,
    /// Load everything, then stop
    #[arg(long)]
    pub dry_run: bool,
    /// No warnings
    #[arg(long, conflicts_with = "failed_helpers")]
    pub no_warnings: bool,
    /// Show control characters in what is traced as they are; without it, a terminal gets them as `\x1b`
    #[arg(long)]
    pub raw: bool,
    /// Run the script's tests: its `test:` probes
    #[arg(long)]
    pub test: bool,
    /// Run the script's benchmarks: its `bench:` probes
    #[arg(long, conflicts_with = "test")]
    pub bench: bool,
    /// Attach only probes whose name matches a regular expression; BEGIN and END stay
    #[arg(long, value_name = "REGEX")]
    pub probe_filter: Option<String>,
    /// Do without what the kernel offers: uprobe_multi, kprobe_multi, kprobe_session
    #[arg(long = "no-feature", value_name = "FEATURE", value_delimiter = ',', value_parser = feature)]
    pub without: Vec<String>,
    /// A list of the kernel functions that can be traced, as the kernel's available_filter_functions
    #[arg(long, value_name = "FILE")]
    pub traceable_functions: Option<PathBuf>,
    /// Accepted: semaphores of static probes are always switched on
    #[arg(long, hide = true)]
    pub usdt_file_activation: bool,
    /// Print a stage instead of running: tokens, ast, hir, ir-raw, ir, asm
    #[arg(short = 'd', value_name = "STAGE")]
    pub debug: Option<String>,
    #[command(flatten)]
    pub target: TargetArgs,
    /// The script or object, then its parameters $1, $2, …; `-` for standard input. Options may stand
    /// behind them too. What follows a `--` are parameters alone, named ones as --name or --name=value;
    /// FILE -- --help tells which there are
    #[arg(value_name = "FILE [PARAMS]")]
    pub rest: Vec<OsString>,
}

/// `btc list`
#[derive(Args, Debug, Default)]
pub struct ListArgs {
    /// A pattern such as `tracepoint:sched:*` or `struct sock`, a script, an object, or nothing for all
    #[arg(value_name = "PATTERN", default_value = "")]
    pub pattern: OsString,
    /// A script given here: list its probes
    #[arg(short = 'e', value_name = "PROGRAM")]
    pub program: Option<String>,
    /// List the static probes of a process
    #[arg(short = 'p', value_name = "PID")]
    pub pid: Option<u32>,
    /// A list of the kernel functions that can be traced, as the kernel's available_filter_functions
    #[arg(long, value_name = "FILE")]
    pub traceable_functions: Option<PathBuf>,
    /// With arguments
    #[arg(short = 'v', long)]
    pub verbose: bool,
    #[command(flatten)]
    pub target: TargetArgs,
}

/// `btc inspect`
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// The object
    #[arg(value_name = "OBJECT")]
    pub file: PathBuf,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `btc fmt`
#[derive(Args, Debug, Default)]
pub struct FmtArgs {
    /// Scripts; `-` for standard input
    #[arg(value_name = "SCRIPT", required = true)]
    pub files: Vec<PathBuf>,
    /// Change the files instead of printing them
    #[arg(short = 'w', long, conflicts_with = "check")]
    pub write: bool,
    /// Only tell which files are not in the standard form; the exit code is 1 when there are any
    #[arg(long)]
    pub check: bool,
}

/// `btc completion`
#[derive(Args, Debug)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `btc man`
#[derive(Args, Debug)]
pub struct ManArgs {
    /// The folder to write them to; btc(1) goes to standard output when not given
    #[arg(value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}

/// The command line as data: completion and manual pages are made of it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Reads the command line; prints help or an error and ends the program where due.
pub fn parse(args: &[OsString]) -> Command {
    let args = &rewritten(args);
    let is_peer = args.first().and_then(|a| Path::new(a).file_name()).is_some_and(|name| name == "bpftrace");
    let first = args.get(1).map_or(OsStr::new(""), OsString::as_os_str);
    let own = Cli::command().get_subcommands().any(|s| s.get_name() == first);
    let general = ["", "-h", "--help", "-V", "--version"].iter().any(|word| *word == first);
    if !is_peer && (own || general) {
        if first.is_empty() {
            let _ = Cli::command().print_help();
            std::process::exit(2);
        }
        return match Cli::try_parse_from(args).unwrap_or_else(|e| told(&e, 2)).command {
            Sub::Compile(args) => Command::Compile(args),
            Sub::Check(args) => Command::Check(args),
            Sub::Run(args) => Command::Run(args),
            Sub::List(args) => Command::List(args),
            Sub::Info => Command::Info,
            Sub::Inspect(args) => Command::Inspect(args),
            Sub::Fmt(args) => Command::Fmt(args),
            Sub::Completion(args) => Command::Completion(args),
            Sub::Man(args) => Command::Man(args),
            Sub::Test(args) => Command::Run(RunArgs { test: true, bench: false, ..args }),
            Sub::Bench(args) => Command::Run(RunArgs { bench: true, test: false, ..args }),
        };
    }
    // As bpftrace's; clap's own is 2.
    let args = DropIn::try_parse_from(args).unwrap_or_else(|e| told(&e, 1));
    if args.info {
        return Command::Info;
    }
    if let Some(file) = args.fmt {
        return Command::Fmt(FmtArgs { files: vec![file], ..FmtArgs::default() });
    }
    match args.list {
        Some(pattern) => Command::List(ListArgs {
            pattern: if pattern.is_empty() { args.run.rest.first().cloned().unwrap_or_default() } else { pattern },
            program: args.run.program,
            pid: args.run.pid,
            traceable_functions: args.run.traceable_functions,
            verbose: args.run.verbose,
            target: args.run.target,
        }),
        None => Command::Run(args.run),
    }
}

/// Ends with what clap has to say: help and versions that were asked for, 1 where nobody could take them; or what is
/// wrong with the arguments, and this code.
fn told(message: &clap::Error, wrong: i32) -> ! {
    if message.use_stderr() {
        let _ = message.print();
        std::process::exit(wrong);
    }
    let styled = message.render();
    let plain = !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some();
    let text = if plain { styled.to_string() } else { styled.ansi().to_string() };
    let written = standard_output().and_then(|mut out| out.write_all(text.as_bytes()));
    if let Err(why) = &written {
        report::note(format_args!("ERROR: {}", report::unwritten(why)));
    }
    std::process::exit(i32::from(written.is_err()))
}

/// A word that is no path: text.
pub fn text(word: &OsStr) -> Result<&str, String> {
    word.to_str().ok_or_else(|| format!("the argument `{}` is not UTF-8 text", word.display()))
}

/// Options of one letter that take a value.
const VALUED: &[&str] = &["-e", "-c", "-p", "-o", "-f", "-B", "-I", "-d"];

/// A word of `--no-feature`.
fn feature(word: &str) -> Result<String, String> {
    let known = btc_runtime::FEATURES;
    known.contains(&word).then(|| word.to_string()).ok_or_else(|| format!("it is one of {}", known.join(", ")))
}

/// The arguments as clap understands them. `-lv PATTERN` becomes `-v -l PATTERN`: the `v` is no pattern. A `--`
/// is doubled: the first ends the options, the second goes before the named parameters.
fn rewritten(args: &[OsString]) -> Vec<OsString> {
    let mut all = Vec::new();
    let mut args = args.iter().peekable();
    all.extend(args.next().cloned());
    // A subcommand is no script.
    all.extend(args.next_if(|arg| Cli::command().get_subcommands().any(|s| s.get_name() == arg.as_os_str())).cloned());
    while let Some(arg) = args.next() {
        match arg.to_str().and_then(|arg| arg.strip_prefix("-l")).filter(|flags| !flags.is_empty()) {
            Some(flags) => all.extend([format!("-{flags}").into(), "-l".into()]),
            None => all.push(arg.clone()),
        }
        if VALUED.iter().any(|option| option == arg) {
            all.extend(args.next().cloned());
        } else if arg == "--" {
            all.push(arg.clone());
            all.extend(args.cloned());
            break;
        }
    }
    all
}
