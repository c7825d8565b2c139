//! `btc completion`: scripts for shells, made from the command line's own definition.

use std::process::ExitCode;

use crate::cli::{self, CompletionArgs};

pub fn run(args: &CompletionArgs) -> ExitCode {
    clap_complete::generate(args.shell, &mut cli::command(), "btc", &mut std::io::stdout());
    ExitCode::SUCCESS
}
