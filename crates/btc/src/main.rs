//! The command: `btc compile`, `run`, `list`, `inspect`, `check`, and bpftrace's own
//! command line for everything else.
#![deny(clippy::print_stdout, clippy::print_stderr, reason = "they panic when nobody takes what they print")]

mod caller;
mod cli;
mod commands;
mod headers;
mod input;
mod kernel;
mod output;
mod report;
mod script;

use std::process::ExitCode;

fn main() -> ExitCode {
    // A closed pipe ends the program quietly, as of any filter.
    // SAFETY: restores the default action of a signal before any thread exists.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    match cli::parse(&std::env::args_os().collect::<Vec<_>>()) {
        cli::Command::Compile(args) => commands::compile::run(&args),
        cli::Command::Check(args) => commands::check::run(&args),
        cli::Command::Run(args) => commands::run::run(&args),
        cli::Command::List(args) => commands::list::run(&args),
        cli::Command::Info => commands::info::run(),
        cli::Command::Inspect(args) => commands::inspect::run(&args),
        cli::Command::Fmt(args) => commands::fmt::run(&args),
        cli::Command::Completion(args) => commands::completion::run(&args),
        cli::Command::Man(args) => commands::man::run(&args),
    }
}
