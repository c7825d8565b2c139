//! `btc check`: diagnostics without an object.

use std::path::Path;
use std::process::ExitCode;

use btc_driver::{Emit, Options};

use crate::cli::CheckArgs;
use crate::report;
use crate::script::{Input, environment};

pub fn run(args: &CheckArgs) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for file in &args.files {
        match check(args, file) {
            Ok(true) => {}
            Ok(false) => code = ExitCode::FAILURE,
            Err(message) => code = report::error(message),
        }
    }
    code
}

fn check(args: &CheckArgs, file: &Path) -> Result<bool, String> {
    let options = Options {
        emit: Emit::Object,
        params: Some(args.params.clone()).filter(|p| !p.is_empty()),
        runs_at_once: !args.params.is_empty(),
        allow_unsafe: args.allow_unsafe,
        environment: environment(),
        ..Options::default()
    };
    let compilation = Input::read(file)?.compile(&args.target, &args.target.binaries(), options)?;
    if args.json {
        report::print(compilation.messages_json())?;
    } else {
        report::diagnostics(&compilation);
    }
    Ok(compilation.output.is_some())
}
