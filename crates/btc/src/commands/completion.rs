//! `btc completion`: scripts for shells, made from the command line's own definition.

use std::process::ExitCode;

use crate::cli::{self, CompletionArgs};
use crate::report;

pub fn run(args: &CompletionArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), "btc", &mut script);
    report::printed(script)
}
