//! `btc fmt`: scripts in the standard form.

use std::path::Path;
use std::process::ExitCode;

use crate::cli::{FmtArgs, TargetArgs};
use crate::output;
use crate::report;
use crate::script::Input;

pub fn run(args: &FmtArgs) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for file in &args.files {
        match format(args, file) {
            Ok(true) => {}
            Ok(false) => code = ExitCode::FAILURE,
            Err(message) => code = report::error(message),
        }
    }
    code
}

/// Whether all is well with a file.
fn format(args: &FmtArgs, file: &Path) -> Result<bool, String> {
    let input = Input::read(file)?;
    let formatted = input.format(&TargetArgs::default())?;
    report::all(&formatted.diagnostics, &formatted.sources);
    let Some(text) = formatted.text else { return Ok(false) };
    let changed = input.text()? != text;
    if args.check {
        if changed {
            report::put(format!("{}\n", file.display()))?;
        }
        return Ok(!changed);
    }
    if args.write && file != "-" {
        if changed {
            output::write(file, text.as_bytes())?;
        }
    } else {
        report::print(text)?;
    }
    Ok(true)
}
