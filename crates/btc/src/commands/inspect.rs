//! `btc inspect`: what an object holds.

use std::process::ExitCode;

use crate::cli::InspectArgs;
use crate::report;
use crate::script::Input;

pub fn run(args: &InspectArgs) -> ExitCode {
    match inspect(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => report::error(message),
    }
}

fn inspect(args: &InspectArgs) -> Result<(), String> {
    let input = Input::read(&args.file)?;
    let contents = btc_driver::read::read(&input.bytes).map_err(|e| format!("`{}`: {e:?}", args.file))?;
    println!("{contents:#?}");
    Ok(())
}
